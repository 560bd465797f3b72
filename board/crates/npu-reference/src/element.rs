//! The element-wise stage: a second operand or an activation table (§2.6, §12.16, §12.17).

use crate::post::sat;
use crate::{Algorithm, Converter, Lookup, Map, Rectifier, Ties, saturate_i32, shift_right};

/// The element-wise stage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// Nothing.
    Bypass,
    /// A second operand through its converter, joined, then the rectifier.
    Operand {
        /// The operand.
        second: Second,
        /// Its converter: offset first (§12.16).
        converter: Converter,
        /// What joins both.
        joining: Joining,
        /// What follows.
        rectifier: Rectifier,
    },
    /// An activation table.
    Table(Lookup),
}

/// The second operand. What a value means does not depend on how many bytes hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Second {
    /// One for every value, of the output's shape.
    Tensor(Map<i16>),
    /// One for every channel.
    PerChannel(Vec<i16>),
    /// One for all, from a register; it does not go through the converter.
    Common(i32),
}

impl From<Map<i8>> for Second {
    fn from(map: Map<i8>) -> Self {
        Self::Tensor(map.map(i16::from))
    }
}

impl Second {
    fn converted(&self, converter: &Converter, (channel, row, column): (usize, usize, usize)) -> i64 {
        let value = match self {
            Self::Tensor(map) => map.at(channel, row, column),
            Self::PerChannel(values) => values[channel],
            Self::Common(value) => return i64::from(*value),
        };
        i64::from(converter.apply(i64::from(value)))
    }
}

/// What joins value and operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joining {
    /// An ALU.
    Alu(Algorithm),
    /// The product, shifted to the right by the sign of the value.
    Multiply {
        /// Shift of values ≥ 0.
        shift: u32,
        /// Shift of values < 0.
        negative_shift: u32,
        /// Rounding of the shift, that of the converter.
        ties: Ties,
        /// Leaky rectifier: values ≥ 0 pass untouched.
        leaky: bool,
    },
}

impl Joining {
    fn apply(self, x: i64, operand: i64) -> i64 {
        match self {
            Self::Alu(algorithm) => sat(algorithm.apply(x, operand)),
            Self::Multiply { leaky: true, .. } if x >= 0 => x,
            Self::Multiply {
                shift,
                negative_shift,
                ties,
                ..
            } => {
                let shift = if x < 0 { negative_shift } else { shift };
                sat(shift_right(x * operand, shift, ties))
            }
        }
    }
}

impl Element {
    /// The stage on one value at (channel, row, column).
    pub(crate) fn apply(&self, x: i64, at: (usize, usize, usize)) -> i64 {
        match self {
            Self::Bypass => x,
            Self::Operand {
                second,
                converter,
                joining,
                rectifier,
            } => rectifier.apply(joining.apply(x, second.converted(converter, at))),
            Self::Table(table) => table.of(saturate_i32(x)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operand(second: Second, joining: Joining) -> Element {
        Element::Operand {
            second,
            converter: Converter {
                offset: 2,
                scale: 3,
                offset_first: true,
                ..Converter::IDENTITY
            },
            joining,
            rectifier: Rectifier::Off,
        }
    }

    #[test]
    fn operands_of_tensors_and_channels_are_converted_and_those_of_registers_are_not() {
        let add = Joining::Alu(Algorithm::Add);
        let tensor = Map::from_fn(2, 1, 2, |channel, _, column| (channel * 10 + column) as i16);
        assert_eq!(operand(Second::Tensor(tensor), add).apply(100, (1, 0, 1)), 100 + 13 * 3);
        assert_eq!(
            operand(Second::PerChannel(vec![0, 300]), add).apply(100, (1, 0, 1)),
            100 + 302 * 3
        );
        assert_eq!(operand(Second::Common(7), add).apply(100, (1, 0, 1)), 107);
    }

    #[test]
    fn products_are_shifted_by_the_sign_of_the_value_and_leaky_ones_spare_what_is_positive() {
        let times = |leaky| Joining::Multiply {
            shift: 1,
            negative_shift: 2,
            ties: Ties::Even,
            leaky,
        };
        let run = |leaky, x| operand(Second::Common(3), times(leaky)).apply(x, (0, 0, 0));
        assert_eq!([run(false, 5), run(false, -5), run(false, 1)], [8, -4, 2]);
        assert_eq!([run(true, 5), run(true, -5)], [5, -4]);
    }
}
