//! The safetensors container: a checked index over borrowed (mapped) bytes.
//!
//! Knows names, types, shapes and byte ranges; refuses to know what a tensor is for. After `parse` every range lies in
//! the file, ranges cover the buffer without hole or overlap, and every range is as long as shape × type says.
//! Surprising: tensors need not be aligned for their type, so elements are always read from bytes.

use std::collections::BTreeMap;
use std::fmt;

use npu_kernels::convert;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use crate::ModelError;

/// A header beyond this is refused, as the format's own reader does.
const MAX_HEADER_BYTES: u64 = 100_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dtype {
    F32,
    F16,
    Bf16,
    I8,
    /// A type of the format this crate never reads; only its size matters.
    Other(u64),
}

impl Dtype {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "F32" => Self::F32,
            "F16" => Self::F16,
            "BF16" => Self::Bf16,
            "I8" => Self::I8,
            "U8" | "BOOL" | "F8_E4M3" | "F8_E5M2" => Self::Other(1),
            "I16" | "U16" => Self::Other(2),
            "I32" | "U32" => Self::Other(4),
            "I64" | "U64" | "F64" => Self::Other(8),
            _ => return None,
        })
    }

    pub fn size_bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::I8 => 1,
            Self::Other(size) => size,
        }
    }

    pub fn is_float(self) -> bool {
        matches!(self, Self::F32 | Self::F16 | Self::Bf16)
    }
}

/// Appends little-endian `bytes` of a float type to `into`.
pub(crate) fn append_f32(dtype: Dtype, bytes: &[u8], into: &mut Vec<f32>) {
    let start = into.len();
    let halves = || -> Vec<u16> {
        bytes
            .chunks_exact(2)
            .map(|b| u16::from_le_bytes([b[0], b[1]]))
            .collect()
    };
    match dtype {
        Dtype::F32 => into.extend(
            bytes
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])),
        ),
        Dtype::Bf16 => {
            into.resize(start + bytes.len() / 2, 0.0);
            convert::bf16_to_f32(&halves(), &mut into[start..]);
        }
        Dtype::F16 => {
            into.resize(start + bytes.len() / 2, 0.0);
            convert::f16_to_f32(&halves(), &mut into[start..]);
        }
        Dtype::I8 | Dtype::Other(_) => {}
    }
}

/// One tensor of a file.
#[derive(Clone, Debug)]
pub(crate) struct RawTensor<'a> {
    pub dtype: Dtype,
    pub shape: Vec<u64>,
    pub bytes: &'a [u8],
}

/// The index of a file.
pub(crate) struct SafeTensors<'a> {
    tensors: BTreeMap<String, RawTensor<'a>>,
}

impl<'a> SafeTensors<'a> {
    pub fn parse(file: &'a [u8]) -> Result<Self, ModelError> {
        let Some((length, rest)) = file.split_first_chunk::<8>() else {
            return Err(corrupt(format!("{} bytes cannot hold the header length", file.len())));
        };
        let length = u64::from_le_bytes(*length);
        if length > MAX_HEADER_BYTES {
            return Err(corrupt(format!(
                "the header claims {length} bytes, at most {MAX_HEADER_BYTES} are allowed"
            )));
        }
        let Some((header, buffer)) = rest.split_at_checked(length as usize) else {
            return Err(corrupt(format!(
                "the header claims {length} bytes, the file has {}",
                rest.len()
            )));
        };
        if header.first() != Some(&b'{') {
            return Err(corrupt("the header does not start with {".into()));
        }
        let Header(entries) = serde_json::from_slice(header).map_err(|error| corrupt(clip(&error.to_string())))?;
        check_cover(&entries, buffer.len() as u64)?;
        let mut tensors = BTreeMap::new();
        for (name, entry) in entries {
            let tensor = entry.resolve(&name, buffer)?;
            tensors.insert(name, tensor);
        }
        Ok(Self { tensors })
    }

    pub fn get(&self, name: &str) -> Option<&RawTensor<'a>> {
        self.tensors.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }
}

/// Ranges in order of their begin must follow each other from 0 to the end of the buffer.
fn check_cover(entries: &BTreeMap<String, Entry>, buffer_bytes: u64) -> Result<(), ModelError> {
    let mut ranges: Vec<(u64, u64, &str)> = entries
        .iter()
        .map(|(name, entry)| (entry.data_offsets.0, entry.data_offsets.1, name.as_str()))
        .collect();
    ranges.sort_unstable();
    let mut end = 0;
    for (begin, stop, name) in ranges {
        if stop < begin || stop > buffer_bytes {
            let name = clip(name);
            return Err(corrupt(format!(
                "{name}: bytes {begin} to {stop} do not lie in a buffer of {buffer_bytes}"
            )));
        }
        if begin != end {
            let what = if begin > end { "hole" } else { "overlap" };
            return Err(corrupt(format!("{}: {what} at byte {}", clip(name), begin.min(end))));
        }
        end = stop;
    }
    if end != buffer_bytes {
        return Err(corrupt(format!("{} bytes after the last tensor", buffer_bytes - end)));
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

impl Entry {
    fn resolve<'a>(self, name: &str, buffer: &'a [u8]) -> Result<RawTensor<'a>, ModelError> {
        let name = clip(name);
        let Some(dtype) = Dtype::parse(&self.dtype) else {
            let dtype = clip(&self.dtype);
            return Err(ModelError::Unsupported(format!(
                "model.safetensors: {name}: type {dtype}"
            )));
        };
        let size = self
            .shape
            .iter()
            .try_fold(dtype.size_bytes(), |size, &side| size.checked_mul(side));
        let (begin, end) = self.data_offsets;
        if size != Some(end - begin) {
            return Err(corrupt(format!(
                "{name}: {} bytes do not fit shape {:?}",
                end - begin,
                clip_shape(&self.shape)
            )));
        }
        Ok(RawTensor {
            dtype,
            shape: self.shape,
            bytes: &buffer[begin as usize..end as usize],
        })
    }
}

/// The header as a map that refuses a second entry of the same name.
struct Header(BTreeMap<String, Entry>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct HeaderVisitor;

impl<'de> Visitor<'de> for HeaderVisitor {
    type Value = Header;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of tensors")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
        let mut entries = BTreeMap::new();
        let mut metadata: Option<BTreeMap<String, String>> = None;
        while let Some(name) = map.next_key::<String>()? {
            if name == "__metadata__" {
                if metadata.replace(map.next_value()?).is_some() {
                    return Err(A::Error::custom("__metadata__ appears twice"));
                }
                continue;
            }
            let entry = map.next_value()?;
            if entries.contains_key(&name) {
                return Err(A::Error::custom(format!("tensor {} appears twice", clip(&name))));
            }
            entries.insert(name, entry);
        }
        Ok(Header(entries))
    }
}

/// Names from a file may be megabytes; messages may not.
fn clip(text: &str) -> String {
    if text.chars().nth(120).is_none() {
        text.to_owned()
    } else {
        text.chars().take(117).chain("...".chars()).collect()
    }
}

fn clip_shape(shape: &[u64]) -> &[u64] {
    &shape[..shape.len().min(8)]
}

fn corrupt(what: String) -> ModelError {
    ModelError::Corrupt(format!("model.safetensors: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, buffer: &[u8]) -> Vec<u8> {
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), buffer].concat()
    }

    fn message(header: &str, buffer: &[u8]) -> String {
        match SafeTensors::parse(&file(header, buffer)) {
            Ok(_) => "ok".into(),
            Err(error) => format!("{}: {error}", error.code()),
        }
    }

    const TWO: &str = r#"{"__metadata__":{"format":"pt"},"b":{"dtype":"I8","shape":[1],"data_offsets":[0,1]},
        "a":{"dtype":"F32","shape":[1,2],"data_offsets":[1,9]}}   "#;

    #[test]
    fn unaligned_elements_are_read_as_they_are() {
        let mut buffer = vec![5u8];
        buffer.extend(1.5f32.to_le_bytes());
        buffer.extend((-2.0f32).to_le_bytes());
        let file = file(TWO, &buffer);
        let parsed = SafeTensors::parse(&file).unwrap();
        let a = parsed.get("a").unwrap();
        let mut values = Vec::new();
        append_f32(a.dtype, a.bytes, &mut values);
        assert_eq!((values, &a.shape[..]), (vec![1.5, -2.0], &[1u64, 2][..]));
        assert_eq!(parsed.names().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_header_longer_than_the_file_or_the_limit_is_refused_before_it_is_read() {
        let cut = SafeTensors::parse(&file(TWO, &[0; 9])[..40]).err().unwrap();
        assert_eq!(cut.code(), "corrupt");
        for length in [100_000_001, u64::MAX, 1 << 63] {
            let mut bytes = file(TWO, &[0; 9]);
            bytes[..8].copy_from_slice(&length.to_le_bytes());
            let error = SafeTensors::parse(&bytes).err().unwrap().to_string();
            assert_eq!(
                error,
                format!("model.safetensors: the header claims {length} bytes, at most 100000000 are allowed")
            );
        }
        assert_eq!(SafeTensors::parse(&[1, 2]).err().unwrap().code(), "corrupt");
    }

    #[test]
    fn every_prefix_of_a_file_is_corrupt() {
        let whole = file(TWO, &[0; 9]);
        assert!((0..whole.len()).all(|end| SafeTensors::parse(&whole[..end]).is_err_and(|e| e.code() == "corrupt")));
    }

    #[test]
    fn holes_overlaps_and_trailing_bytes_are_corrupt() {
        let at = |b: u64, e: u64, c: u64, d: u64| {
            format!(
                r#"{{"a":{{"dtype":"I8","shape":[{}],"data_offsets":[{b},{e}]}},"b":{{"dtype":"I8","shape":[{}],"data_offsets":[{c},{d}]}}}}"#,
                e.wrapping_sub(b),
                d.wrapping_sub(c)
            )
        };
        assert_eq!(message(&at(0, 2, 2, 4), &[0; 4]), "ok");
        assert_eq!(
            message(&at(0, 2, 3, 4), &[0; 4]),
            "corrupt: model.safetensors: b: hole at byte 2"
        );
        assert_eq!(
            message(&at(0, 3, 2, 4), &[0; 4]),
            "corrupt: model.safetensors: b: overlap at byte 2"
        );
        assert_eq!(
            message(&at(0, 2, 2, 4), &[0; 5]),
            "corrupt: model.safetensors: 1 bytes after the last tensor"
        );
        let out = "corrupt: model.safetensors: b: bytes 2 to 9 do not lie in a buffer of 4";
        assert_eq!(message(&at(0, 2, 2, 9), &[0; 4]), out);
        assert!(message(&at(3, 2, 2, 4), &[0; 4]).starts_with("corrupt"));
    }

    #[test]
    fn a_shape_whose_size_overflows_is_corrupt() {
        let header = r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}}"#;
        assert!(message(header, &[]).starts_with("corrupt: model.safetensors: a: 0 bytes do not fit shape"));
    }

    #[test]
    fn a_name_may_appear_once() {
        let entry = r#"{"dtype":"I8","shape":[0],"data_offsets":[0,0]}"#;
        let error = message(&format!(r#"{{"a":{entry},"a":{entry}}}"#), &[]);
        assert!(
            error.starts_with("corrupt: model.safetensors: tensor a appears twice"),
            "{error}"
        );
        let error = message(r#"{"__metadata__":{},"__metadata__":{}}"#, &[]);
        assert!(
            error.starts_with("corrupt: model.safetensors: __metadata__ appears twice"),
            "{error}"
        );
        let error = message(
            r#"{"a":{"dtype":"I8","dtype":"I8","shape":[0],"data_offsets":[0,0]}}"#,
            &[],
        );
        assert!(
            error.starts_with("corrupt: model.safetensors: duplicate field"),
            "{error}"
        );
    }

    #[test]
    fn types_outside_the_format_are_unsupported() {
        let header = r#"{"a":{"dtype":"Q4","shape":[2],"data_offsets":[0,1]}}"#;
        assert_eq!(message(header, &[0]), "unsupported: model.safetensors: a: type Q4");
    }

    #[test]
    fn every_float_type_becomes_f32() {
        let mut values = Vec::new();
        append_f32(Dtype::Bf16, &0x3FC0u16.to_le_bytes(), &mut values);
        append_f32(
            Dtype::F16,
            &[0x00, 0x3E, 0x00, 0xC0, 0x01, 0x00, 0x00, 0x7C],
            &mut values,
        );
        assert_eq!(values, [1.5, 1.5, -2.0, 5.960_464_5e-8, f32::INFINITY]);
    }
}
