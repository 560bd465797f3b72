//! The stages on fp32 values: fp16 convolutions, and DPU-only tasks on fp16 and fp32 (sheet §2.7, §12.19). ALU operands are
//! fp32 bits, multipliers fp16 bits. Agreement with silicon is a tolerance, never "exact". Needs feature `float`.

use npu_kernels::convert::{f16_to_f32, f32_to_f16};

use super::Format;
use super::element::{Element, Operation, Source};
use super::sink::{Feeds, Sink, halves, runs, words};
use super::stage::{Algorithm, LANES, Rectifier, Stage};
use crate::tile::Tile;

/// One fp16 as f32.
fn wide(bits: u16) -> f32 {
    let mut value = [0.0];
    f16_to_f32(&[bits], &mut value);
    value[0]
}

/// fp16 bits of a pixel's results.
fn narrow(four: &[f32]) -> [u16; LANES] {
    let mut bits = [0; LANES];
    f32_to_f16(four, &mut bits);
    bits
}

fn lanes(values: &mut [f32], operands: [f32; LANES], each: impl Fn(f32, f32) -> f32) {
    for four in values.chunks_exact_mut(LANES) {
        for (x, &operand) in four.iter_mut().zip(&operands) {
            *x = each(*x, operand);
        }
    }
}

fn join(algorithm: Algorithm) -> fn(f32, f32) -> f32 {
    match algorithm {
        Algorithm::Max => f32::max,
        Algorithm::Min => f32::min,
        Algorithm::Add => |x, y| x + y,
    }
}

fn rectify(rectifier: Rectifier, values: &mut [f32]) {
    match rectifier {
        Rectifier::Off => {}
        Rectifier::Relu => values.iter_mut().for_each(|x| *x = x.max(0.0)),
        Rectifier::ReluX(bound) => {
            let bound = f32::from_bits(bound as u32);
            values.iter_mut().for_each(|x| *x = x.max(0.0).min(bound));
        }
    }
}

fn stage(stage: &Stage, values: &mut [f32], channel: usize, alu: &[i32], multipliers: &[i32]) {
    if let Some((algorithm, operand)) = stage.alu {
        let operands = operand.of(alu, channel).map(|bits| f32::from_bits(bits as u32));
        lanes(values, operands, join(algorithm));
    }
    if let Some(multiplier) = stage.multiplier {
        let operands = multiplier
            .operand
            .of(multipliers, channel)
            .map(|bits| wide(bits as u16));
        lanes(values, operands, |x, operand| {
            if multiplier.leaky && x >= 0.0 { x } else { x * operand }
        });
    }
    rectify(stage.rectifier, values);
}

fn element(element: &Element, values: &mut [f32], operands: &[f32]) {
    let Element::Join {
        source,
        operation,
        rectifier,
    } = element
    else {
        if let Element::Rectify(rectifier) = element {
            rectify(*rectifier, values);
        }
        return;
    };
    let each = |x: f32, operand: f32| match operation {
        Operation::Alu(algorithm) => join(*algorithm)(x, operand),
        Operation::Multiply { leaky, .. } if *leaky && x >= 0.0 => x,
        Operation::Multiply { .. } => x * operand,
    };
    match source {
        Source::Register(bits) => lanes(values, [f32::from_bits(*bits as u32); LANES], each),
        Source::Reader { .. } => values.iter_mut().zip(operands).for_each(|(x, &o)| *x = each(*x, o)),
    }
    rectify(*rectifier, values);
}

impl Sink<'_> {
    pub(super) fn floats(&mut self, tile: &Tile<'_>, values: &[f32], bytes: &mut [u8]) {
        let [mut block, mut joined] = core::mem::take(&mut self.scratch.floats);
        let (dpu, feeds) = (self.dpu, self.feeds);
        for run in runs(tile) {
            block.clear();
            block.extend_from_slice(&values[run.at..run.at + run.pixels * LANES]);
            let Feeds { first, second, .. } = feeds;
            stage(&dpu.bs, &mut block, run.channel, &first.alu, &first.multipliers);
            stage(&dpu.bn, &mut block, run.channel, &second.alu, &second.multipliers);
            if let Some(operands) = dpu.element.reads() {
                joined.clear();
                self.operand_lanes::<2>(&run, operands, |four| {
                    joined.extend(four.map(|half| wide(u16::from_le_bytes(half))));
                });
            }
            element(&dpu.element, &mut block, &joined);
            let pixels = block.chunks_exact(LANES);
            if dpu.formats.out == Format::Fp16 {
                run.place(tile.pixels, 8, bytes, pixels.map(|four| halves(narrow(four))));
            } else {
                let bits = |four: &[f32]| words([0, 1, 2, 3].map(|lane| four[lane].to_bits()));
                run.place(tile.pixels, 16, bytes, pixels.map(bits));
            }
        }
        self.scratch.floats = [block, joined];
    }
}
