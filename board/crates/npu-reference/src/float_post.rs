//! The post-processor on fp32 values, one operation after the other, each rounded to nearest even (§2.6, §2.7, §12.19):
//! fp16 convolutions, and DPU-only tasks on fp16 and fp32. ALU operands are fp32, multipliers fp16.

use crate::half::{from_f32, to_f32};
use crate::{Algorithm, Map};

/// One operand for all channels or one per channel.
#[derive(Clone, Debug, PartialEq)]
pub enum FloatOperand {
    /// From a register.
    Common(f32),
    /// From a parameter stream.
    PerChannel(Vec<f32>),
}

impl FloatOperand {
    fn of(&self, channel: usize) -> f32 {
        match self {
            Self::Common(value) => *value,
            Self::PerChannel(values) => values[channel],
        }
    }
}

/// The rectifier at the end of a stage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FloatRectifier {
    /// Passes everything.
    Off,
    /// max(0, x).
    Relu,
    /// min(max(0, x), bound).
    ReluX(f32),
}

impl FloatRectifier {
    fn apply(self, x: f32) -> f32 {
        match self {
            Self::Off => x,
            Self::Relu => x.max(0.0),
            Self::ReluX(bound) => x.max(0.0).min(bound),
        }
    }
}

fn alu(algorithm: Algorithm, x: f32, operand: f32) -> f32 {
    match algorithm {
        Algorithm::Max => x.max(operand),
        Algorithm::Min => x.min(operand),
        Algorithm::Add => x + operand,
    }
}

/// BS or BN.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatStage {
    /// ALU and its operand.
    pub alu: Option<(Algorithm, FloatOperand)>,
    /// Multiplier, an fp16 number, and whether it is a leaky rectifier that spares values ≥ 0.
    pub multiplier: Option<(FloatOperand, bool)>,
    /// Rectifier.
    pub rectifier: FloatRectifier,
}

impl FloatStage {
    /// Changes nothing.
    pub const BYPASS: Self = Self {
        alu: None,
        multiplier: None,
        rectifier: FloatRectifier::Off,
    };

    fn apply(&self, x: f32, channel: usize) -> f32 {
        let mut x = x;
        if let Some((algorithm, operand)) = &self.alu {
            x = alu(*algorithm, x, operand.of(channel));
        }
        if let Some((operand, leaky)) = &self.multiplier
            && !(*leaky && x >= 0.0)
        {
            x *= operand.of(channel);
        }
        self.rectifier.apply(x)
    }
}

/// What joins a value with the element-wise operand.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FloatJoining {
    /// An ALU.
    Alu(Algorithm),
    /// The product.
    Multiply,
}

/// Everything between accumulator and writer.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatPost {
    /// First stage.
    pub bs: FloatStage,
    /// Second stage.
    pub bn: FloatStage,
    /// fp16 bits of an operand of the output's shape, and what follows.
    pub element: Option<(Map<u16>, FloatJoining, FloatRectifier)>,
}

/// Runs values through the stages; the writer rounds them to fp16 where that is the format.
pub fn float_post_process(values: &Map<f32>, post: &FloatPost) -> Map<f32> {
    Map::from_fn(values.channels, values.height, values.width, |channel, row, column| {
        let x = post.bs.apply(values.at(channel, row, column), channel);
        let x = post.bn.apply(x, channel);
        match &post.element {
            None => x,
            Some((tensor, joining, rectifier)) => {
                let operand = to_f32(tensor.at(channel, row, column));
                rectifier.apply(match joining {
                    FloatJoining::Alu(algorithm) => alu(*algorithm, x, operand),
                    FloatJoining::Multiply => x * operand,
                })
            }
        }
    })
}

/// The nearest fp16 numbers.
pub fn to_halves(values: &Map<f32>) -> Map<u16> {
    values.map(from_f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appendix_b5_adds_a_zero_point_and_multiplies() {
        let post = FloatPost {
            bs: FloatStage {
                alu: Some((Algorithm::Add, FloatOperand::Common(-20.0))),
                multiplier: Some((FloatOperand::Common(to_f32(0x4424)), false)),
                rectifier: FloatRectifier::Off,
            },
            bn: FloatStage {
                rectifier: FloatRectifier::ReluX(10.0),
                ..FloatStage::BYPASS
            },
            element: None,
        };
        let values = Map::from_fn(1, 1, 3, |_, _, x| [19.0, 21.0, 30.0][x]);
        assert_eq!(float_post_process(&values, &post).values, [0.0, 4.140625, 10.0]);
    }

    #[test]
    fn leaky_stages_spare_what_is_positive_and_operands_are_joined_last() {
        let post = FloatPost {
            bs: FloatStage {
                multiplier: Some((FloatOperand::PerChannel(vec![0.5, 0.25]), true)),
                ..FloatStage::BYPASS
            },
            bn: FloatStage::BYPASS,
            element: Some((
                Map::from_fn(2, 1, 1, |_, _, _| from_f32(2.0)),
                FloatJoining::Multiply,
                FloatRectifier::Off,
            )),
        };
        let values = Map::from_fn(2, 1, 1, |channel, _, _| [8.0, -8.0][channel]);
        assert_eq!(float_post_process(&values, &post).values, [16.0, -4.0]);
    }
}
