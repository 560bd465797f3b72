//! The default model, uploaded.

use std::path::{Path, PathBuf};

use link::cbor::Digest;

use super::{Peer, Wire};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .canonicalize()
        .unwrap()
        .join("../../..")
}

/// Uploads the default model and gives the digest of its manifest.
pub fn upload_tiny_model<W: Wire>(peer: &mut Peer<W>) -> Digest {
    let folder = repository().join("quant/models/tiny");
    let mut entries = Vec::new();
    for name in ["config.json", "model.safetensors", "tokenizer.model"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let hex = agent::store::hex(&*peer.upload(&bytes));
        entries.push(format!(
            "\"{name}\":{{\"sha256\":\"{hex}\",\"sizeBytes\":{}}}",
            bytes.len()
        ));
    }
    let files = entries.join(",");
    peer.upload(format!("{{\"files\":{{{files}}},\"format\":\"npulab.model.v1\",\"name\":\"tiny\"}}").as_bytes())
}
