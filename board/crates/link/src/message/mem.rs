//! mem.*: device memory of a session, and summaries of numbers.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::call::Handle;
use crate::cbor::{Digest, Float, text_enum};

/// mem.alloc.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Alloc {
    /// Size.
    #[n(0)]
    pub size_bytes: u64,
}

/// mem.write; the bytes are the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct WriteArgs {
    /// Buffer.
    #[n(0)]
    pub handle: Handle,
    /// First byte.
    #[n(1)]
    pub offset_bytes: u64,
}

/// mem.read and mem.digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RangeArgs {
    /// Buffer.
    #[n(0)]
    pub handle: Handle,
    /// First byte.
    #[n(1)]
    pub offset_bytes: u64,
    /// Length.
    #[n(2)]
    pub length_bytes: u64,
}

/// mem.fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FillArgs {
    /// Buffer.
    #[n(0)]
    pub handle: Handle,
    /// First byte.
    #[n(1)]
    pub offset_bytes: u64,
    /// Length.
    #[n(2)]
    pub length_bytes: u64,
    /// Value.
    #[n(3)]
    pub byte: u8,
}

/// mem.summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SummaryArgs {
    /// Buffer.
    #[n(0)]
    pub handle: Handle,
    /// First byte.
    #[n(1)]
    pub offset_bytes: u64,
    /// Elements.
    #[n(2)]
    pub count: u64,
    /// How to read them.
    #[n(3)]
    pub dtype: Dtype,
}

/// `{0: digest}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OneDigest {
    /// The digest.
    #[n(0)]
    pub digest: Digest,
}

text_enum! {
    /// Element types.
    Dtype {
        /// 8 bits, signed.
        I8 => "i8",
        /// 8 bits.
        U8 => "u8",
        /// 16 bits, signed.
        I16 => "i16",
        /// 32 bits, signed.
        I32 => "i32",
        /// Half precision.
        F16 => "f16",
        /// Single precision.
        F32 => "f32",
    }
}

impl Dtype {
    /// Bytes of one element.
    pub const fn size_bytes(self) -> u64 {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::F16 => 2,
            Self::I32 | Self::F32 => 4,
        }
    }
}

/// Bins of a summary's histogram.
pub const HISTOGRAM_BINS: usize = 32;

/// summary.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Summary {
    /// Smallest.
    #[n(0)]
    pub min: Float,
    /// Largest.
    #[n(1)]
    pub max: Float,
    /// Mean.
    #[n(2)]
    pub mean: Float,
    /// Standard deviation.
    #[n(3)]
    pub std: Float,
    /// NaN count; NaNs are in no other number here.
    #[n(4)]
    pub nan_count: u64,
    /// 32 equal bins from min to max.
    #[n(5)]
    pub histogram: Vec<u64>,
    /// SHA-256 of the bytes.
    #[n(6)]
    pub digest: Digest,
    /// Cosine to the reference.
    #[n(7)]
    pub cosine: Option<Float>,
    /// Euclidean distance to the reference.
    #[n(8)]
    pub distance: Option<Float>,
}
