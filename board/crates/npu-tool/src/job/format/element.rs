//! The element types of an expectation: names and sizes.

/// How the bytes of an expectation are read; little-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElementType {
    /// Signed byte.
    Int8,
    /// Unsigned byte.
    Uint8,
    /// Signed 16 bits.
    Int16,
    /// Signed 32 bits.
    Int32,
    /// IEEE half.
    Fp16,
    /// IEEE single.
    Fp32,
}

impl ElementType {
    /// Every type.
    pub const ALL: [Self; 6] = [
        Self::Int8,
        Self::Uint8,
        Self::Int16,
        Self::Int32,
        Self::Fp16,
        Self::Fp32,
    ];

    /// Name in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Int8 => "int8",
            Self::Uint8 => "uint8",
            Self::Int16 => "int16",
            Self::Int32 => "int32",
            Self::Fp16 => "fp16",
            Self::Fp32 => "fp32",
        }
    }

    /// Bytes of an element.
    pub const fn size_bytes(self) -> usize {
        match self {
            Self::Int8 | Self::Uint8 => 1,
            Self::Int16 | Self::Fp16 => 2,
            Self::Int32 | Self::Fp32 => 4,
        }
    }
}
