//! BS and BN: ALU, multiplier, rectifier, on int32 values (sheet §2.6, §12.13). Works on runs of pixels of four channels,
//! the order in which accumulators and 32-bit surfaces lie. Knows arithmetic, no registers.

use super::rounding::{saturate, shift_away};

/// Channels that lie side by side.
pub(crate) const LANES: usize = 4;

/// One operand for every channel, or one per channel from the parameter stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    /// From a register.
    Common(i32),
    /// From the stream.
    Stream,
}

impl Operand {
    /// The operands of four channels; `stream` holds those of all channels.
    pub(crate) fn of(self, stream: &[i32], first_channel: usize) -> [i32; LANES] {
        match self {
            Self::Common(value) => [value; LANES],
            Self::Stream => core::array::from_fn(|lane| stream.get(first_channel + lane).copied().unwrap_or(0)),
        }
    }
}

/// What an ALU does with its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    /// The larger.
    Max,
    /// The smaller.
    Min,
    /// The sum.
    Add,
}

/// A multiplier with a right shift for each sign of its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Multiplier {
    pub(crate) operand: Operand,
    pub(crate) shift: u32,
    pub(crate) negative_shift: u32,
    /// Leaky rectifier: inputs ≥ 0 pass untouched.
    pub(crate) leaky: bool,
}

/// What follows the multiplier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rectifier {
    /// Nothing.
    Off,
    /// `max(0, x)`.
    Relu,
    /// `min(max(0, x), bound)`.
    ReluX(i32),
}

/// One stage; a part that is `None` is bypassed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stage {
    pub(crate) alu: Option<(Algorithm, Operand)>,
    pub(crate) multiplier: Option<Multiplier>,
    pub(crate) rectifier: Rectifier,
}

impl Stage {
    /// Changes nothing.
    pub(crate) const BYPASS: Self = Self {
        alu: None,
        multiplier: None,
        rectifier: Rectifier::Off,
    };

    /// Whether any operand comes from the stream: ALU, multiplier.
    pub(crate) fn streams(&self) -> (bool, bool) {
        (
            matches!(self.alu, Some((_, Operand::Stream))),
            matches!(
                self.multiplier,
                Some(Multiplier {
                    operand: Operand::Stream,
                    ..
                })
            ),
        )
    }

    /// Runs a run of pixels of four channels. `alu` and `multipliers` are the streams of all channels.
    pub(crate) fn apply(&self, values: &mut [i32], first_channel: usize, alu: &[i32], multipliers: &[i32]) {
        if let Some((algorithm, operand)) = self.alu {
            combine(algorithm, values, operand.of(alu, first_channel));
        }
        if let Some(multiplier) = self.multiplier {
            multiply(multiplier, values, multiplier.operand.of(multipliers, first_channel));
        }
        self.rectifier.apply(values);
    }
}

impl Rectifier {
    /// Rectifies in place.
    pub(crate) fn apply(self, values: &mut [i32]) {
        match self {
            Self::Off => {}
            Self::Relu => values.iter_mut().for_each(|x| *x = (*x).max(0)),
            Self::ReluX(bound) => values.iter_mut().for_each(|x| *x = (*x).max(0).min(bound)),
        }
    }
}

#[inline(always)]
fn lanes(values: &mut [i32], operands: [i32; LANES], each: impl Fn(i32, i32) -> i32) {
    for four in values.chunks_exact_mut(LANES) {
        for (x, &operand) in four.iter_mut().zip(&operands) {
            *x = each(*x, operand);
        }
    }
}

/// An ALU on four channels.
pub(crate) fn combine(algorithm: Algorithm, values: &mut [i32], operands: [i32; LANES]) {
    match algorithm {
        Algorithm::Max => lanes(values, operands, i32::max),
        Algorithm::Min => lanes(values, operands, i32::min),
        Algorithm::Add => lanes(values, operands, i32::saturating_add),
    }
}

fn multiply(multiplier: Multiplier, values: &mut [i32], operands: [i32; LANES]) {
    let Multiplier {
        shift,
        negative_shift,
        leaky,
        ..
    } = multiplier;
    let product = |x: i32, operand: i32| i64::from(x) * i64::from(operand);
    if leaky {
        lanes(values, operands, |x, operand| {
            if x >= 0 {
                x
            } else {
                saturate(shift_away(product(x, operand), negative_shift))
            }
        });
    } else if shift == negative_shift {
        lanes(values, operands, |x, operand| {
            saturate(shift_away(product(x, operand), shift))
        });
    } else {
        lanes(values, operands, |x, operand| {
            let shift = if x < 0 { negative_shift } else { shift };
            saturate(shift_away(product(x, operand), shift))
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stage: &Stage, mut values: [i32; 4]) -> [i32; 4] {
        stage.apply(&mut values, 0, &[1, 2, 3, 4], &[16384, 8192, 16384, 0xFFFF]);
        values
    }

    #[test]
    fn a_full_stream_adds_its_bias_and_multiplies_by_its_fraction_of_two_to_the_14() {
        let multiplier = Multiplier {
            operand: Operand::Stream,
            shift: 14,
            negative_shift: 14,
            leaky: false,
        };
        let stage = Stage {
            alu: Some((Algorithm::Add, Operand::Stream)),
            multiplier: Some(multiplier),
            rectifier: Rectifier::Off,
        };
        assert_eq!(run(&stage, [10, 11, -4, 16380]), [11, 7, -1, 65535]);
        // (11 + 2) / 2 = 6.5 goes away from zero.
        assert_eq!(stage.streams(), (true, true));
    }

    #[test]
    fn the_sign_of_the_input_chooses_the_shift_and_a_leaky_stage_passes_what_is_positive() {
        let multiplier = |leaky| Multiplier {
            operand: Operand::Common(-3),
            shift: 1,
            negative_shift: 2,
            leaky,
        };
        let stage = |leaky| Stage {
            multiplier: Some(multiplier(leaky)),
            ..Stage::BYPASS
        };
        assert_eq!(run(&stage(false), [8, -8, 1, 0]), [-12, 6, -2, 0]);
        assert_eq!(run(&stage(true), [8, -8, 1, 0]), [8, 6, 1, 0]);
    }

    #[test]
    fn sums_and_products_saturate_and_rectifiers_cut() {
        let stage = |alu, rectifier| Stage {
            alu,
            multiplier: None,
            rectifier,
        };
        let add = Some((Algorithm::Add, Operand::Common(i32::MAX)));
        assert_eq!(run(&stage(add, Rectifier::Off), [1, -1, 0, 5])[0], i32::MAX);
        let max = Some((Algorithm::Max, Operand::Stream));
        assert_eq!(run(&stage(max, Rectifier::Off), [0, 5, 2, -9]), [1, 5, 3, 4]);
        let min = Some((Algorithm::Min, Operand::Stream));
        assert_eq!(run(&stage(min, Rectifier::ReluX(2)), [0, 5, 7, -9]), [0, 2, 2, 0]);
        assert_eq!(run(&stage(None, Rectifier::Relu), [-1, 0, 1, i32::MIN]), [0, 0, 1, 0]);
        let huge = Multiplier {
            operand: Operand::Common(-32768),
            shift: 0,
            negative_shift: 0,
            leaky: false,
        };
        let stage = Stage {
            multiplier: Some(huge),
            ..Stage::BYPASS
        };
        assert_eq!(run(&stage, [i32::MIN, i32::MAX, 1, 0]), [i32::MAX, i32::MIN, -32768, 0]);
    }
}
