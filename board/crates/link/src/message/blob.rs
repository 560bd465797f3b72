//! blob.*: content-addressed files in chunks.

use alloc::vec::Vec;
use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::cbor::Digest;

/// blob.has.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct HasArgs {
    /// Blobs asked for.
    #[n(0)]
    pub digests: Vec<Digest>,
}

/// Answer of blob.has.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct HasResult {
    /// One per digest.
    #[n(0)]
    pub present: Vec<bool>,
}

/// blob.begin.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BeginArgs {
    /// The blob.
    #[n(0)]
    pub digest: Digest,
    /// Its size.
    #[n(1)]
    pub size_bytes: u64,
    /// Size of every chunk but the last.
    #[n(2)]
    pub chunk_bytes: u32,
    /// Digests of the chunks, 32 bytes each; empty where they are the body.
    #[n(3)]
    pub chunk_digests: ByteVec,
}

/// Answer of blob.begin.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BeginResult {
    /// Chunks already there, lowest bit first.
    #[n(0)]
    pub bitmap: ByteVec,
}

/// blob.put; the chunk is the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PutArgs {
    /// The blob.
    #[n(0)]
    pub digest: Digest,
    /// Which chunk.
    #[n(1)]
    pub index: u32,
}

/// Answer of blob.list.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ListResult {
    /// Whole blobs.
    #[n(0)]
    pub blobs: Vec<BlobEntry>,
    /// What the store may hold.
    #[n(1)]
    pub quota_bytes: u64,
    /// What it holds, uploads under way included.
    #[n(2)]
    pub used_bytes: u64,
}

/// One whole blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BlobEntry {
    /// The blob.
    #[n(0)]
    pub digest: Digest,
    /// Its size.
    #[n(1)]
    pub size_bytes: u64,
    /// Loaded models that use it.
    #[n(2)]
    pub pins: u32,
}
