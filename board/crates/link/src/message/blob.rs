//! blob.*: content-addressed files in chunks.

use alloc::string::String;
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
    /// Digests of the chunks, 32 bytes each; empty where they are the body or a blob.
    #[n(3)]
    pub chunk_digests: ByteVec,
    /// A whole blob that holds the digests, where they fit no frame.
    #[n(4)]
    pub chunk_list: Option<Digest>,
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
    /// True where blob.pin keeps it.
    #[n(3)]
    pub pinned: Option<bool>,
}

/// blob.pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PinArgs {
    /// The blob.
    #[n(0)]
    pub digest: Digest,
    /// Keep it, or let it go.
    #[n(1)]
    pub pinned: bool,
}

/// blob.gc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GcArgs {
    /// Bytes of the quota that shall be free.
    #[n(0)]
    pub free_bytes: u64,
}

/// Answer of blob.gc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GcResult {
    /// Bytes of the blobs removed, those longest unused first.
    #[n(0)]
    pub freed_bytes: u64,
    /// What the store holds now.
    #[n(1)]
    pub used_bytes: u64,
}

/// blob.import.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ImportArgs {
    /// Name of a file of the agent's import folder; no path.
    #[n(0)]
    pub name: String,
}

/// Answer of blob.import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ImportResult {
    /// The blob it became.
    #[n(0)]
    pub digest: Digest,
    /// Its size.
    #[n(1)]
    pub size_bytes: u64,
}

/// Answer of blob.importable.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ImportableResult {
    /// Files of the import folder by name.
    #[n(0)]
    pub files: Vec<ImportableFile>,
}

/// One file that blob.import would take.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ImportableFile {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Its size.
    #[n(1)]
    pub size_bytes: u64,
}
