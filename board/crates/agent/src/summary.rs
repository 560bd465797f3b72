//! Statistics of a run of numbers in two passes, so that neither a device buffer nor a tensor is copied whole.
//!
//! Deterministic: sums run in element order in f64. NaNs are counted and are in no other number.

use link::ErrorCode;
use link::cbor::Float;
use link::message::mem::{Dtype, HISTOGRAM_BINS, Summary};
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// Bytes read at a time; a multiple of every element size.
const PART_BYTES: usize = 1 << 20;

/// Where the bytes come from: fills the slice from a byte offset.
pub type Source<'a> = dyn FnMut(u64, &mut [u8]) -> Result<(), Failure> + 'a;

/// Summarizes `count` elements. `reference` holds as many f32 values to compare with.
pub fn summarize(source: &mut Source, count: u64, dtype: Dtype, reference: Option<&[u8]>) -> Result<Summary, Failure> {
    let size_bytes = count.checked_mul(dtype.size_bytes()).filter(|&bytes| bytes > 0);
    let size_bytes = size_bytes.ok_or_else(|| Failure::bad_argument("a summary is of at least one element"))?;
    if reference.is_some_and(|reference| Some(reference.len() as u64) != count.checked_mul(4)) {
        return Err(Failure::bad_argument(format!(
            "the reference does not hold {count} f32 values"
        )));
    }
    let mut first = First::default();
    let mut digest = Sha256::new();
    let mut values = reference
        .unwrap_or(&[])
        .chunks_exact(4)
        .map(|b| f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
    each(source, size_bytes, &mut |bytes| {
        digest.update(bytes);
        elements(dtype, bytes, &mut |value| first.take(value, values.next()));
    })?;
    let mean = if first.count > 0 {
        first.sum / first.count as f64
    } else {
        f64::NAN
    };
    let (low, high) = if first.count > 0 {
        (first.min, first.max)
    } else {
        (f64::NAN, f64::NAN)
    };
    let scale = HISTOGRAM_BINS as f64 / (high - low);
    let (mut histogram, mut squares) = (vec![0u64; HISTOGRAM_BINS], 0f64);
    each(source, size_bytes, &mut |bytes| {
        elements(dtype, bytes, &mut |value| {
            if !value.is_nan() {
                squares += (value - mean) * (value - mean);
                // An infinite or empty range puts everything into the first bin.
                let bin = ((value - low) * scale) as usize;
                histogram[if scale.is_finite() {
                    bin.min(HISTOGRAM_BINS - 1)
                } else {
                    0
                }] += 1;
            }
        });
    })?;
    let digest: [u8; 32] = digest.finalize().into();
    let std = if first.count > 0 {
        (squares / first.count as f64).sqrt()
    } else {
        f64::NAN
    };
    Ok(Summary {
        min: Float(low),
        max: Float(high),
        mean: Float(mean),
        std: Float(std),
        nan_count: first.nans,
        histogram,
        digest: digest.into(),
        cosine: reference.map(|_| Float(first.dot / (first.own * first.other).sqrt())),
        distance: reference.map(|_| Float(first.apart.sqrt())),
    })
}

struct First {
    count: u64,
    nans: u64,
    min: f64,
    max: f64,
    sum: f64,
    dot: f64,
    own: f64,
    other: f64,
    apart: f64,
}

impl Default for First {
    fn default() -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self {
            count: 0,
            nans: 0,
            min,
            max,
            sum: 0.0,
            dot: 0.0,
            own: 0.0,
            other: 0.0,
            apart: 0.0,
        }
    }
}

impl First {
    fn take(&mut self, value: f64, reference: Option<f64>) {
        if let Some(other) = reference {
            self.dot += value * other;
            self.own += value * value;
            self.other += other * other;
            self.apart += (value - other) * (value - other);
        }
        if value.is_nan() {
            self.nans += 1;
            return;
        }
        self.count += 1;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }
}

fn each(source: &mut Source, size_bytes: u64, take: &mut dyn FnMut(&[u8])) -> Result<(), Failure> {
    let mut part = vec![0u8; PART_BYTES.min(usize::try_from(size_bytes).unwrap_or(PART_BYTES))];
    let mut at = 0u64;
    while at < size_bytes {
        let length = (size_bytes - at).min(part.len() as u64) as usize;
        source(at, &mut part[..length])?;
        take(&part[..length]);
        at += length as u64;
    }
    Ok(())
}

fn elements(dtype: Dtype, bytes: &[u8], take: &mut dyn FnMut(f64)) {
    match dtype {
        Dtype::U8 => bytes.iter().for_each(|&b| take(f64::from(b))),
        Dtype::I8 => bytes.iter().for_each(|&b| take(f64::from(b as i8))),
        Dtype::I16 => bytes
            .chunks_exact(2)
            .for_each(|b| take(f64::from(i16::from_le_bytes([b[0], b[1]])))),
        Dtype::F16 => bytes
            .chunks_exact(2)
            .for_each(|b| take(half(u16::from_le_bytes([b[0], b[1]])))),
        Dtype::I32 => {
            bytes
                .chunks_exact(4)
                .for_each(|b| take(f64::from(i32::from_le_bytes([b[0], b[1], b[2], b[3]]))));
        }
        Dtype::F32 => {
            bytes
                .chunks_exact(4)
                .for_each(|b| take(f64::from(f32::from_le_bytes([b[0], b[1], b[2], b[3]]))));
        }
    }
}

fn half(bits: u16) -> f64 {
    let sign = if bits & 0x8000 == 0 { 1.0 } else { -1.0 };
    let fraction = f64::from(bits & 0x3ff);
    sign * match bits >> 10 & 31 {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1024.0 + fraction) * 2f64.powi(i32::from(exponent) - 25),
    }
}

/// The range of a request inside something of `size_bytes`; both numbers come from a peer.
pub fn check_range(offset: u64, length: u64, size_bytes: u64) -> Result<(), Failure> {
    if offset.checked_add(length).is_some_and(|end| end <= size_bytes) {
        return Ok(());
    }
    Err(Failure::new(
        ErrorCode::BadArgument,
        format!("bytes {offset} + {length} pass the end of a buffer of {size_bytes}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f32], reference: Option<&[f32]>) -> Summary {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let reference: Option<Vec<u8>> = reference.map(|r| r.iter().flat_map(|v| v.to_le_bytes()).collect());
        let mut source = |at: u64, into: &mut [u8]| {
            into.copy_from_slice(&bytes[at as usize..at as usize + into.len()]);
            Ok(())
        };
        summarize(&mut source, values.len() as u64, Dtype::F32, reference.as_deref()).unwrap()
    }

    #[test]
    fn a_summary_leaves_nans_out_of_everything_but_their_count() {
        let s = of(&[1.0, f32::NAN, 3.0, 5.0], None);
        assert_eq!((s.min.0, s.max.0, s.mean.0, s.nan_count), (1.0, 5.0, 3.0, 1));
        assert_eq!(s.std.0, (8.0f64 / 3.0).sqrt());
        assert_eq!((s.histogram[0], s.histogram[16], s.histogram[31]), (1, 1, 1));
        assert_eq!(s.histogram.iter().sum::<u64>(), 3);
    }

    #[test]
    fn equal_values_fall_into_the_first_bin() {
        assert_eq!(of(&[2.0; 5], None).histogram[0], 5);
    }

    #[test]
    fn a_reference_gives_cosine_and_distance() {
        let s = of(&[3.0, 0.0], Some(&[0.0, 4.0]));
        assert_eq!((s.cosine, s.distance), (Some(Float(0.0)), Some(Float(5.0))));
    }

    #[test]
    fn half_precision_is_read_exactly() {
        for (bits, value) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0001, 5.960464477539063e-8),
        ] {
            assert_eq!(half(bits), value);
        }
        assert!(half(0x7e00).is_nan());
    }
}
