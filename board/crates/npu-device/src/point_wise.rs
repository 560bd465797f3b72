//! Operations on single values of feature maps: sum, scale change, function by table, fp16 to fp32. Knows arithmetic, no
//! registers.

use alloc::sync::Arc;

use crate::{BufferRange, FeatureMap, OutputConversion};

/// `(value + offset) · multiplier`, rounded right shift by `shift`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rescale {
    /// Added first: 128 − zero point in the uint8 view, 0 for signed values.
    pub offset: i32,
    /// Factor.
    pub multiplier: i16,
    /// Right shift, at most 63.
    pub shift: u8,
}

impl Rescale {
    /// Values pass as they are.
    pub const IDENTITY: Self = Self {
        offset: 0,
        multiplier: 1,
        shift: 0,
    };
}

/// `out = convert(rectify(rescale(a) + rescale(b)))`, element by element, all three of one shape, int8 in surfaces of
/// eight channels; the channel count is rounded up to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Add {
    /// First operand and the shape of all three.
    pub a: FeatureMap,
    /// How the first operand is brought to the common scale (ties away from zero).
    pub a_rescale: Rescale,
    /// Second operand.
    pub b: BufferRange,
    /// How the second operand is brought to the common scale; its multiplier is not negative (ties to even).
    pub b_rescale: Rescale,
    /// Negative sums become 0.
    pub relu: bool,
    /// To int8.
    pub conversion: OutputConversion,
    /// Output.
    pub output: BufferRange,
}

/// `out = a + b`, element by element, all three of one shape, fp16 in surfaces of four channels; the channel count is rounded up
/// to 4. Rounded once, to nearest even.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddFp16 {
    /// First operand and the shape of all three.
    pub a: FeatureMap,
    /// Second operand.
    pub b: BufferRange,
    /// Negative sums become 0.
    pub relu: bool,
    /// Output.
    pub output: BufferRange,
}

/// `out = (in + offset) · multiplier` in fp32, element by element, fp16 in surfaces of four channels to fp32 in surfaces of
/// four channels `(C/4, H·W, 4)` (sheet appendix B.5). Numbers are given as bits, since a kernel has no floating point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dequantize {
    /// fp16 input and shape.
    pub input: FeatureMap,
    /// fp32 bits of what is added: minus the zero point.
    pub offset: u32,
    /// fp16 bits of the factor.
    pub multiplier: u16,
    /// fp32 output.
    pub output: BufferRange,
}

/// `out = convert(rescale(in))`, element by element, int8 to int8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requantize {
    /// Input and shape.
    pub input: FeatureMap,
    /// Offset and first factor (ties away from zero).
    pub rescale: Rescale,
    /// To int8.
    pub conversion: OutputConversion,
    /// Output.
    pub output: BufferRange,
}

/// Entries of one table (sheet §2.6).
pub const TABLE_ENTRIES: usize = 513;

/// Two tables of 513 entries over the input of the function. The lower covers `[−512·2^s, 0]`, the upper `[0, 512·2^s]`
/// in steps of `2^s`, linear in between; inputs outside take the end entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivationTable {
    /// Values at −512·2^s … 0 (table LE).
    pub lower: [i16; TABLE_ENTRIES],
    /// Values at 0 … 512·2^s (table LO).
    pub upper: [i16; TABLE_ENTRIES],
    /// log2 of the distance of two entries; 5 in the vendor's programs.
    pub step_shift: u8,
}

/// `out = convert(table(rescale(in)))`, element by element, int8 to int8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// Input and shape.
    pub input: FeatureMap,
    /// From the int8 value to the table's input.
    pub rescale: Rescale,
    /// The function.
    pub table: Arc<ActivationTable>,
    /// From the table's value to int8.
    pub conversion: OutputConversion,
    /// Output.
    pub output: BufferRange,
}
