//! The integer post-processor, stage by stage in the order of §2.6 with the arithmetic of §12.13–.17: saturation to
//! int32 after each ALU and each multiplier with its shift, products 48 bits wide.
//!
//! ```text
//! accumulator ─▶ OW ─▶ BS ─▶ BN ─▶ EW or table ─▶ OUT_CVT ─▶ int32 (the writer saturates to int8)
//! ```

use crate::{Element, Map, Ties, saturate_i32, shift_right};

/// One operand for all channels or one per channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// From a register.
    Common(i32),
    /// From the parameter stream.
    PerChannel(Vec<i32>),
}

impl Operand {
    fn of(&self, channel: usize) -> i64 {
        match self {
            Self::Common(value) => i64::from(*value),
            Self::PerChannel(values) => i64::from(values[channel]),
        }
    }
}

/// What an ALU does with its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// The larger (0).
    Max,
    /// The smaller (1).
    Min,
    /// The sum (2).
    Add,
}

impl Algorithm {
    pub(crate) fn apply(self, a: i64, b: i64) -> i64 {
        match self {
            Self::Max => a.max(b),
            Self::Min => a.min(b),
            Self::Add => a + b,
        }
    }
}

/// A multiplier with its right shift; ties go away from zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multiplier {
    /// Stream operands are unsigned 16 bits, register operands signed (§12.13).
    pub operand: Operand,
    /// Shift of inputs ≥ 0.
    pub shift: u32,
    /// Shift of inputs < 0 (DATA_FORMAT).
    pub negative_shift: u32,
    /// Leaky rectifier: inputs ≥ 0 pass untouched.
    pub leaky: bool,
}

/// The rectifier at the end of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rectifier {
    /// Passes everything.
    Off,
    /// max(0, x).
    Relu,
    /// min(max(0, x), bound).
    ReluX(i32),
}

impl Rectifier {
    pub(crate) fn apply(self, x: i64) -> i64 {
        match self {
            Self::Off => x,
            Self::Relu => x.max(0),
            Self::ReluX(bound) => x.max(0).min(i64::from(bound)),
        }
    }
}

/// BS or BN: ALU, multiplier, rectifier, each of which may be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// ALU and its operand.
    pub alu: Option<(Algorithm, Operand)>,
    /// Multiplier.
    pub multiplier: Option<Multiplier>,
    /// Rectifier.
    pub rectifier: Rectifier,
}

impl Stage {
    /// A stage that changes nothing.
    pub const BYPASS: Self = Self {
        alu: None,
        multiplier: None,
        rectifier: Rectifier::Off,
    };

    fn apply(&self, x: i64, channel: usize) -> i64 {
        let mut x = x;
        if let Some((algorithm, operand)) = &self.alu {
            x = sat(algorithm.apply(x, operand.of(channel)));
        }
        if let Some(multiplier) = &self.multiplier
            && !(multiplier.leaky && x >= 0)
        {
            let shift = if x < 0 {
                multiplier.negative_shift
            } else {
                multiplier.shift
            };
            x = sat(shift_right(x * multiplier.operand.of(channel), shift, Ties::Away));
        }
        self.rectifier.apply(x)
    }
}

/// A converter: EW operands and OUT_CVT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Converter {
    /// Added before or after.
    pub offset: i32,
    /// Multiplier.
    pub scale: i32,
    /// Right shift.
    pub shift: u32,
    /// Offset first (CVT_TYPE 1) instead of last.
    pub offset_first: bool,
    /// Rounding of the shift: `Even` or `Up`.
    pub ties: Ties,
}

impl Converter {
    /// Passes every value.
    pub const IDENTITY: Self = Self {
        offset: 0,
        scale: 1,
        shift: 0,
        offset_first: false,
        ties: Ties::Even,
    };

    /// Converts one value.
    pub fn apply(&self, x: i64) -> i32 {
        let (offset, scale) = (i64::from(self.offset), i64::from(self.scale));
        let value = if self.offset_first {
            sat(shift_right(sat(x + offset) * scale, self.shift, self.ties))
        } else {
            sat(sat(shift_right(x * scale, self.shift, self.ties)) + offset)
        };
        saturate_i32(value)
    }
}

/// Everything between accumulator and writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    /// Weight-zero-point factor and Σx of every window: one map channel for all kernels, or one per channel.
    pub compensation: Option<(Operand, Map<i64>)>,
    /// First stage.
    pub bs: Stage,
    /// Second stage.
    pub bn: Stage,
    /// Element-wise stage.
    pub element: Element,
    /// Output converter.
    pub out: Converter,
}

impl Post {
    /// Passes accumulators on.
    pub const BYPASS: Self = Self {
        compensation: None,
        bs: Stage::BYPASS,
        bn: Stage::BYPASS,
        element: Element::Bypass,
        out: Converter::IDENTITY,
    };
}

pub(crate) fn sat(x: i64) -> i64 {
    i64::from(saturate_i32(x))
}

/// Runs accumulators through the stages. The result is int32; an int8 writer saturates it.
pub fn post_process(accumulators: &Map<i32>, post: &Post) -> Map<i32> {
    let Map {
        channels,
        height,
        width,
        ..
    } = *accumulators;
    Map::from_fn(channels, height, width, |channel, row, column| {
        let mut x = i64::from(accumulators.at(channel, row, column));
        if let Some((factor, sums)) = &post.compensation {
            let from = if sums.channels == 1 { 0 } else { channel };
            x = sat(x + factor.of(channel) * sums.at(from, row, column));
        }
        x = post.bs.apply(x, channel);
        x = post.bn.apply(x, channel);
        x = post.element.apply(x, (channel, row, column));
        post.out.apply(x)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Joining;

    fn one(values: &[i32]) -> Map<i32> {
        Map::from_fn(1, 1, values.len(), |_, _, x| values[x])
    }

    #[test]
    fn the_residual_add_of_appendix_b4_reads_as_the_sheet_says() {
        // x1' = (x1 + 128) * 2^14; x2' = (x2 + offset) * scale; ReLU; out = (sum * 0x7BCF) >> 29 - 128.
        let post = Post {
            bs: Stage {
                alu: Some((Algorithm::Add, Operand::Common(0x80))),
                multiplier: Some(Multiplier {
                    operand: Operand::Common(1 << 14),
                    shift: 0,
                    negative_shift: 0,
                    leaky: false,
                }),
                rectifier: Rectifier::Off,
            },
            element: Element::Operand {
                second: Map::from_fn(1, 1, 3, |_, _, x| [-128i8, 127, 10][x]).into(),
                converter: Converter {
                    offset: 128,
                    scale: 16000,
                    offset_first: true,
                    ..Converter::IDENTITY
                },
                joining: Joining::Alu(Algorithm::Add),
                rectifier: Rectifier::Relu,
            },
            out: Converter {
                offset: -128,
                scale: 0x7BCF,
                shift: 29,
                ..Converter::IDENTITY
            },
            ..Post::BYPASS
        };
        let x1 = [-128, 127, -20];
        let expected = x1.iter().zip([-128f64, 127.0, 10.0]).map(|(&x1, x2)| {
            let sum = (f64::from(x1) + 128.0) * 16384.0 + (x2 + 128.0) * 16000.0;
            (sum * f64::from(0x7BCF) / f64::from(1 << 29)).round_ties_even() as i32 - 128
        });
        assert_eq!(post_process(&one(&x1), &post).values, expected.collect::<Vec<_>>());
    }

    #[test]
    fn every_stage_saturates_to_int32_and_negative_inputs_take_their_own_shift() {
        let stage = Stage {
            alu: Some((Algorithm::Add, Operand::PerChannel(vec![i32::MAX]))),
            multiplier: Some(Multiplier {
                operand: Operand::Common(-3),
                shift: 1,
                negative_shift: 3,
                leaky: false,
            }),
            rectifier: Rectifier::ReluX(9),
        };
        assert_eq!(stage.apply(5, 0), 0, "MAX * -3 / 2 saturates below");
        let small = Stage {
            alu: None,
            ..stage.clone()
        };
        assert_eq!(
            [small.apply(-12, 0), small.apply(-300, 0), small.apply(7, 0)],
            [5, 9, 0]
        );
        let leaky = Stage {
            alu: None,
            multiplier: Some(Multiplier {
                leaky: true,
                ..stage.multiplier.unwrap()
            }),
            rectifier: Rectifier::Off,
        };
        assert_eq!([leaky.apply(-12, 0), leaky.apply(7, 0)], [5, 7]);
    }

    #[test]
    fn compensation_adds_the_factor_times_the_window_sum() {
        let sums = Map::from_fn(1, 1, 2, |_, _, x| [10, -4][x]);
        let post = Post {
            compensation: Some((Operand::Common(-2), sums)),
            ..Post::BYPASS
        };
        assert_eq!(post_process(&one(&[1, 1]), &post).values, [-19, 9]);
    }

    #[test]
    fn the_order_of_offset_and_scale_follows_the_type() {
        let last = Converter {
            offset: 3,
            scale: 1,
            shift: 1,
            offset_first: false,
            ties: Ties::Up,
        };
        let first = Converter {
            offset_first: true,
            ..last
        };
        assert_eq!((last.apply(4), first.apply(4)), (5, 4));
    }
}
