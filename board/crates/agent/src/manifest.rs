//! The manifest of a model on the wire: JSON that names the blobs its files are. Knows no file system.

use serde_json::Value;

use link::ErrorCode;

use crate::failure::Failure;
use crate::store::{BlobId, parse_hex};

/// Largest manifest.
pub const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// A file of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ManifestFile {
    /// The blob.
    pub id: BlobId,
    /// Its size.
    pub size_bytes: u64,
}

/// A model's manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manifest {
    /// Name of the model.
    pub name: String,
    /// config.json
    pub config: ManifestFile,
    /// model.safetensors
    pub weights: ManifestFile,
    /// tokenizer.model
    pub tokenizer: ManifestFile,
}

impl Manifest {
    /// Reads a manifest.
    pub fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        let corrupt = |what: String| {
            Failure::new(ErrorCode::Corrupt, format!("the manifest {what}"))
                .remedy("Make the manifest again from the model folder.")
        };
        let value: Value = serde_json::from_slice(bytes).map_err(|error| corrupt(format!("is no JSON: {error}")))?;
        if value["format"] != "npulab.model.v1" {
            return Err(corrupt(format!("has format {}, not npulab.model.v1", value["format"])));
        }
        let file = |name: &str| {
            let entry = &value["files"][name];
            let id = entry["sha256"].as_str().and_then(parse_hex);
            let size_bytes = entry["sizeBytes"].as_u64();
            let found = id
                .zip(size_bytes)
                .map(|(id, size_bytes)| ManifestFile { id, size_bytes });
            found.ok_or_else(|| corrupt(format!("does not name {name} by sha256 and sizeBytes")))
        };
        let name = value["name"].as_str().ok_or_else(|| corrupt("has no name".into()))?;
        Ok(Self {
            name: name.chars().take(200).collect(),
            config: file("config.json")?,
            weights: file("model.safetensors")?,
            tokenizer: file("tokenizer.model")?,
        })
    }

    /// The blobs of its files.
    pub fn blobs(&self) -> [ManifestFile; 3] {
        [self.config, self.weights, self.tokenizer]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_names_three_files_and_anything_less_is_corrupt() {
        let hex = "00".repeat(31) + "ff";
        let file = format!("{{\"sha256\":\"{hex}\",\"sizeBytes\":7}}");
        let text = format!(
            "{{\"files\":{{\"config.json\":{file},\"model.safetensors\":{file},\"tokenizer.model\":{file}}},\
             \"format\":\"npulab.model.v1\",\"name\":\"tiny\"}}"
        );
        let manifest = Manifest::parse(text.as_bytes()).unwrap();
        assert_eq!(
            (
                manifest.name.as_str(),
                manifest.weights.size_bytes,
                manifest.config.id[31]
            ),
            ("tiny", 7, 0xff)
        );
        for damaged in [
            text.replace("v1", "v2"),
            text.replace("tokenizer", "x"),
            text.replace("ff\"", "fg\""),
            "[]".into(),
        ] {
            assert_eq!(
                Manifest::parse(damaged.as_bytes()).err().map(|f| f.code),
                Some(ErrorCode::Corrupt),
                "{damaged}"
            );
        }
    }
}
