//! EW: the second operand or an activation table, then the rectifier (sheet §2.6, §12.16). int32 values only.

use super::converter::Converter;
use super::lookup::Lookup;
use super::rounding::{Ties, saturate, shift_even, shift_up};
use super::stage::{Algorithm, LANES, Rectifier, combine};
use crate::table::Tables;

/// What the stage does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    /// Nothing.
    Bypass,
    /// Joins every value with an operand.
    Join {
        /// Where the operand comes from.
        source: Source,
        operation: Operation,
        rectifier: Rectifier,
    },
    /// Looks every value up.
    Table(Lookup, Rectifier),
    /// The stage is on and only rectifies.
    Rectify(Rectifier),
}

/// Where the operand comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A register, the same for all.
    Register(i32),
    /// DPU_RDMA, through the operand's converter.
    Reader {
        converter: Converter,
        size: OperandSize,
        /// One for a channel instead of one for a value.
        per_channel: bool,
    },
}

/// Bytes of an operand in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OperandSize {
    /// int8.
    Byte,
    /// int16 beside integers, fp16 beside floats.
    Half,
}

impl OperandSize {
    /// Bytes.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::Byte => 1,
            Self::Half => 2,
        }
    }
}

/// What DPU_RDMA must deliver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operands {
    pub(crate) size: OperandSize,
    pub(crate) per_channel: bool,
}

/// What joins value and operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// ALU.
    Alu(Algorithm),
    /// Product, shifted by the sign of the value.
    Multiply {
        shift: u32,
        negative_shift: u32,
        ties: Ties,
        /// Leaky rectifier: values ≥ 0 pass untouched.
        leaky: bool,
    },
}

impl Element {
    /// What DPU_RDMA must deliver, if anything.
    pub(crate) fn reads(&self) -> Option<Operands> {
        match self {
            Self::Join {
                source: Source::Reader { size, per_channel, .. },
                ..
            } => Some(Operands {
                size: *size,
                per_channel: *per_channel,
            }),
            _ => None,
        }
    }

    /// Runs a run of pixels of four channels; `operands` holds the raw operand of each value, and is used up.
    pub(crate) fn apply(&self, values: &mut [i32], operands: &mut [i32], tables: &Tables) {
        match self {
            Self::Bypass => {}
            Self::Rectify(rectifier) => rectifier.apply(values),
            Self::Table(lookup, rectifier) => {
                let (le, lo) = (tables.le(), tables.lo());
                values.iter_mut().for_each(|x| *x = lookup.of(le, lo, *x));
                rectifier.apply(values);
            }
            Self::Join {
                source,
                operation,
                rectifier,
            } => {
                match (source, operation) {
                    (Source::Register(value), Operation::Alu(algorithm)) => {
                        combine(*algorithm, values, [*value; LANES])
                    }
                    (Source::Register(value), operation) => {
                        operands.fill(*value);
                        operation.each(values, operands);
                    }
                    (Source::Reader { converter, .. }, operation) => {
                        converter.apply(operands);
                        operation.each(values, operands);
                    }
                }
                rectifier.apply(values);
            }
        }
    }
}

impl Operation {
    fn each(self, values: &mut [i32], operands: &[i32]) {
        let run = |values: &mut [i32], join: &dyn Fn(i32, i32) -> i32| {
            values
                .iter_mut()
                .zip(operands)
                .for_each(|(x, &operand)| *x = join(*x, operand));
        };
        match self {
            // The one that networks use, without the call per value.
            Self::Alu(Algorithm::Add) => {
                for (x, &operand) in values.iter_mut().zip(operands) {
                    *x = x.saturating_add(operand);
                }
            }
            Self::Alu(Algorithm::Max) => run(values, &i32::max),
            Self::Alu(Algorithm::Min) => run(values, &i32::min),
            Self::Multiply {
                shift,
                negative_shift,
                ties,
                leaky,
            } => {
                let round = if ties == Ties::Up { shift_up } else { shift_even };
                run(values, &|x, operand| {
                    if leaky && x >= 0 {
                        return x;
                    }
                    let shift = if x < 0 { negative_shift } else { shift };
                    saturate(round(i64::from(x).saturating_mul(i64::from(operand)), shift))
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn join(source: Source, operation: Operation) -> Element {
        Element::Join {
            source,
            operation,
            rectifier: Rectifier::Off,
        }
    }

    fn run(element: &Element, mut values: [i32; 4], mut operands: [i32; 4]) -> [i32; 4] {
        element.apply(&mut values, &mut operands, &Tables::default());
        values
    }

    #[test]
    fn the_residual_add_converts_its_operand_into_the_accumulators_domain() {
        // §2.6: x2' = (x2 + 128) * scale >> shift; 366.0 as 23423 >> 6 (S-iav).
        let converter = Converter {
            offset: 128,
            scale: 23423,
            shift: 6,
            offset_first: true,
            ties: Ties::Even,
        };
        let add = Element::Join {
            source: Source::Reader {
                converter,
                size: OperandSize::Byte,
                per_channel: false,
            },
            operation: Operation::Alu(Algorithm::Add),
            rectifier: Rectifier::Relu,
        };
        assert_eq!(
            run(&add, [1000, -1000, 0, -50000], [-128, 127, 0, 0]),
            [1000, 92326, 46846, 0]
        );
    }

    #[test]
    fn a_register_operand_is_the_same_for_every_value() {
        let with = |operation| run(&join(Source::Register(3), operation), [5, 2, -5, i32::MAX], [0; 4]);
        assert_eq!(with(Operation::Alu(Algorithm::Max)), [5, 3, 3, i32::MAX]);
        assert_eq!(with(Operation::Alu(Algorithm::Min)), [3, 2, -5, 3]);
        assert_eq!(with(Operation::Alu(Algorithm::Add)), [8, 5, -2, i32::MAX]);
        let times = |leaky| Operation::Multiply {
            shift: 1,
            negative_shift: 2,
            ties: Ties::Even,
            leaky,
        };
        assert_eq!(with(times(false)), [8, 3, -4, i32::MAX]);
        assert_eq!(with(times(true)), [5, 2, -4, i32::MAX]);
    }
}
