//! model.*: what a loaded model is made of.

use alloc::string::String;
use minicbor::{Decode, Encode};

use super::call::Handle;
use crate::cbor::Nullable;

/// Payload of model.load's ITEMs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LoadProgress {
    /// Bytes loaded.
    #[n(0)]
    pub done_bytes: u64,
    /// Bytes to load.
    #[n(1)]
    pub total_bytes: u64,
}

/// Answer of model.load.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LoadResult {
    /// The model.
    #[n(0)]
    pub handle: Handle,
    /// What it is.
    #[n(1)]
    pub info: ModelInfo,
}

/// model-info.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ModelInfo {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Layers.
    #[n(1)]
    pub layers: u32,
    /// Hidden size.
    #[n(2)]
    pub hidden: u32,
    /// Intermediate size.
    #[n(3)]
    pub intermediate: u32,
    /// Heads.
    #[n(4)]
    pub heads: u32,
    /// Key-value heads.
    #[n(5)]
    pub kv_heads: u32,
    /// Vocabulary.
    #[n(6)]
    pub vocabulary: u32,
    /// Context length.
    #[n(7)]
    pub context: u32,
    /// Weight bytes on the device.
    #[n(8)]
    pub weight_bytes: u64,
    /// Bytes read per decoded token.
    #[n(9)]
    pub bytes_per_token: u64,
}

/// One operator.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Operator {
    /// Name, "layers.3.mlp.down_proj".
    #[n(0)]
    pub name: String,
    /// Layer, where it belongs to one.
    #[n(1)]
    pub layer: Nullable<u32>,
    /// Kind, "matmul".
    #[n(2)]
    pub kind: String,
    /// "npu" or "cpu".
    #[n(3)]
    pub runs_on: String,
    /// Inner size per row.
    #[n(4)]
    pub inner: u32,
    /// Outer size per row.
    #[n(5)]
    pub outer: u32,
}
