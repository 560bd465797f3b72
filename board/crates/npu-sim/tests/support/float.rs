//! The post-processor's registers for fp32 values, and random ones (§2.6, §2.7): ALU operands are fp32 bits, multipliers
//! fp16 bits, element-wise operands fp16.

use npu_reference::{Algorithm, FloatJoining, FloatOperand, FloatPost, FloatRectifier, FloatStage, Map, half, native};

use super::random::Random;

/// Registers and streams.
pub struct Programmed {
    pub registers: Vec<(u32, u32)>,
    /// fp32 ALU operands of BS, 4 bytes per channel.
    pub stream: Option<Vec<u8>>,
    /// Stream of BN.
    pub second: Option<Vec<u8>>,
}

fn code(algorithm: Algorithm) -> u32 {
    match algorithm {
        Algorithm::Max => 0,
        Algorithm::Min => 1,
        Algorithm::Add => 2,
    }
}

fn rectifier(rectifier: FloatRectifier, bound: u32, registers: &mut Vec<(u32, u32)>) -> u32 {
    match rectifier {
        FloatRectifier::Off => 1 << 6,
        FloatRectifier::Relu => 0,
        FloatRectifier::ReluX(value) => {
            registers.push((bound, value.to_bits()));
            1 << 7
        }
    }
}

fn per_channel(operand: &FloatOperand) -> Option<&[f32]> {
    match operand {
        FloatOperand::PerChannel(values) => Some(values),
        FloatOperand::Common(_) => None,
    }
}

fn stage(stage: &FloatStage, base: u32, registers: &mut Vec<(u32, u32)>) {
    if *stage == FloatStage::BYPASS {
        registers.push((base, 0x53));
        return;
    }
    let mut cfg = rectifier(stage.rectifier, base + 12, registers);
    match &stage.alu {
        None => cfg |= 1 << 1,
        Some((what, operand)) => {
            cfg |= code(*what) << 2;
            match operand {
                FloatOperand::Common(value) => registers.push((base + 4, value.to_bits())),
                FloatOperand::PerChannel(_) => cfg |= 1 << 8,
            }
        }
    }
    match &stage.multiplier {
        None => cfg |= 1 << 4,
        Some((operand, leaky)) => {
            cfg |= u32::from(*leaky) << 5;
            let value = match operand {
                FloatOperand::Common(value) => u32::from(half::from_f32(*value)) << 16,
                FloatOperand::PerChannel(_) => 1,
            };
            registers.push((base + 8, value));
        }
    }
    registers.push((base, cfg));
}

/// Programs a post-processor for `aligned` channels; the operand's size is said where `sized`.
pub fn program(post: &FloatPost, aligned: usize, sized: bool) -> Programmed {
    let mut registers = vec![(0x4084, 1)];
    stage(&post.bs, 0x4040, &mut registers);
    stage(&post.bn, 0x4060, &mut registers);
    match &post.element {
        None => registers.push((0x4070, 0x383)),
        Some((_, joining, rectify)) => {
            let size = if sized { 2 } else { 0 };
            let mut cfg = 0x1000_01C0 | size << 22;
            cfg |= match joining {
                FloatJoining::Alu(what) => code(*what) << 3,
                FloatJoining::Multiply => 1 << 2,
            };
            cfg |= match rectify {
                FloatRectifier::Off => 1 << 9,
                FloatRectifier::Relu => 0,
                FloatRectifier::ReluX(bound) => {
                    registers.push((0x407C, bound.to_bits()));
                    1 << 10
                }
            };
            registers.extend([(0x4070, cfg), (0x5034, 0x4000_0000 | size << 2)]);
        }
    }
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits() as i32).collect::<Vec<i32>>();
    let alu = |stage: &FloatStage| {
        stage
            .alu
            .as_ref()
            .and_then(|(_, operand)| per_channel(operand))
            .map(bits)
    };
    let stream = alu(&post.bs).map(|bias| native::pack_bias(&bias, aligned));
    match &stream {
        None => registers.push((0x501C, 1)),
        Some(bytes) => registers.extend([(0x501C, 2), (0x5024, bytes.len() as u32 / 8 - 1)]),
    }
    let multipliers = post
        .bn
        .multiplier
        .as_ref()
        .and_then(|(operand, _)| per_channel(operand));
    let multipliers: Option<Vec<u16>> =
        multipliers.map(|values| values.iter().map(|&value| half::from_f32(value)).collect());
    let second_alu = alu(&post.bn);
    let usage = u32::from(second_alu.is_some()) | u32::from(multipliers.is_some()) << 2;
    registers.push((0x5028, if usage == 0 { 1 } else { usage << 1 }));
    let second = native::pack_second(second_alu.as_deref(), multipliers.as_deref(), aligned);
    Programmed {
        registers,
        stream,
        second: (usage != 0).then_some(second),
    }
}

/// A number in ±8 that fp16 holds.
fn number(random: &mut Random) -> f32 {
    half::to_f32(random.half())
}

fn random_rectifier(random: &mut Random) -> FloatRectifier {
    match random.size(0, 3) {
        0 => FloatRectifier::Relu,
        1 => FloatRectifier::ReluX(number(random).abs() + 0.5),
        _ => FloatRectifier::Off,
    }
}

fn random_stage(random: &mut Random, channels: usize, streams: (bool, bool)) -> FloatStage {
    let operand = |random: &mut Random, stream: bool| {
        if stream && random.chance(50) {
            FloatOperand::PerChannel((0..channels).map(|_| number(random)).collect())
        } else {
            FloatOperand::Common(number(random))
        }
    };
    FloatStage {
        alu: random.chance(60).then(|| {
            let what = random.pick(&[Algorithm::Max, Algorithm::Min, Algorithm::Add, Algorithm::Add]);
            (what, operand(random, streams.0))
        }),
        multiplier: random
            .chance(60)
            .then(|| (operand(random, streams.1), random.chance(30))),
        rectifier: random_rectifier(random),
    }
}

/// Random stages over a map of that shape. A stream of BS alone holds ALU operands; that of BN anything.
pub fn random_post(random: &mut Random, (channels, height, width): (usize, usize, usize)) -> FloatPost {
    FloatPost {
        bs: random_stage(random, channels, (true, false)),
        bn: random_stage(random, channels, (true, true)),
        element: random.chance(50).then(|| {
            let operand = Map::from_fn(channels, height, width, |_, _, _| random.half());
            let joining = match random.size(0, 3) {
                0 => FloatJoining::Multiply,
                _ => FloatJoining::Alu(random.pick(&[Algorithm::Max, Algorithm::Min, Algorithm::Add])),
            };
            (operand, joining, random_rectifier(random))
        }),
    }
}
