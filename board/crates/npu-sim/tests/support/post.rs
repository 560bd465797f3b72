//! The post-processor's registers from a description of what they shall do (§2.3, §2.6, §12.13–.17).

use npu_reference::{Algorithm, Converter, Element, Joining, Operand, Post, Rectifier, Second, Stage, Ties, native};

/// Registers and the parameter stream; `None` where no stream is read.
pub struct Programmed {
    pub registers: Vec<(u32, u32)>,
    pub stream: Option<Vec<u8>>,
    /// The second stream.
    pub second: Option<Vec<u8>>,
    /// Bits to add to DATA_FORMAT: shifts of negative values.
    pub data_format: u32,
    /// Bits of BS_OW_CFG besides the surface counts.
    pub ow: u32,
}

fn algorithm(algorithm: Algorithm) -> u32 {
    match algorithm {
        Algorithm::Max => 0,
        Algorithm::Min => 1,
        Algorithm::Add => 2,
    }
}

/// BS_CFG and BN_CFG with ALU operand, multiplier and bound: four registers from `base`.
fn stage(stage: &Stage, base: u32, registers: &mut Vec<(u32, u32)>) -> u32 {
    let mut cfg = 0;
    let mut negative = 0;
    match &stage.alu {
        None => cfg |= 1 << 1,
        Some((what, operand)) => {
            cfg |= algorithm(*what) << 2;
            match operand {
                Operand::PerChannel(_) => cfg |= 1 << 8,
                Operand::Common(value) => registers.push((base + 4, *value as u32)),
            }
        }
    }
    match &stage.multiplier {
        None => cfg |= 1 << 4,
        Some(multiplier) => {
            cfg |= u32::from(multiplier.leaky) << 5;
            negative = multiplier.negative_shift;
            let operand = match &multiplier.operand {
                Operand::PerChannel(_) => 1,
                Operand::Common(value) => (*value as u16 as u32) << 16,
            };
            registers.push((base + 8, operand | multiplier.shift << 8));
        }
    }
    match stage.rectifier {
        Rectifier::Off => cfg |= 1 << 6,
        Rectifier::Relu => {}
        Rectifier::ReluX(bound) => {
            cfg |= 1 << 7;
            registers.push((base + 12, bound as u32));
        }
    }
    registers.push((base, if *stage == Stage::BYPASS { 0x53 } else { cfg }));
    negative
}

fn converter_bits(converter: &Converter) -> u32 {
    u32::from(converter.offset_first) << 31 | u32::from(converter.ties == Ties::Up) << 30
}

/// Bytes of an operand in memory: one where every value fits.
pub fn second_bytes(second: &Second) -> usize {
    let wide = |values: &[i16]| values.iter().any(|&value| i8::try_from(value).is_err());
    match second {
        Second::Tensor(map) if wide(&map.values) => 2,
        Second::PerChannel(values) if wide(values) => 2,
        _ => 1,
    }
}

/// An operand as memory holds it: surfaces of `pitch`, or channel after channel; nothing of a register's.
pub fn pack_operand(second: &Second, pitch: native::Pitch, aligned: usize) -> Vec<u8> {
    let wide = second_bytes(second) == 2;
    match second {
        Second::Common(_) => Vec::new(),
        Second::Tensor(map) if wide => native::pack_features(map, pitch, aligned, 0),
        Second::Tensor(map) => native::pack_features(&map.map(|x| x as i8), pitch, aligned, 0),
        Second::PerChannel(values) => {
            let mut bytes: Vec<u8> = values
                .iter()
                .flat_map(|&value| value.to_le_bytes().into_iter().take(if wide { 2 } else { 1 }))
                .collect();
            bytes.resize(aligned * second_bytes(second), 0);
            bytes
        }
    }
}

/// Returns the bits that DATA_FORMAT adds.
fn element(element: &Element, lut_cfg: u32, registers: &mut Vec<(u32, u32)>) -> u32 {
    let mut negative = 0;
    match element {
        Element::Bypass => registers.extend([(0x4070, 0x383), (0x4078, 1)]),
        Element::Operand {
            second,
            converter,
            joining,
            rectifier,
        } => {
            // 0x900002D0 is an addition, 0x900000D0 one with ReLU (§2.3); size codes are those of RK3588.
            let size = if second_bytes(second) == 2 { 2 } else { 0 };
            let (form, reader) = match second {
                Second::Tensor(_) => (0x1000_0040 | size << 22, 0x4000_0000 | size << 2),
                Second::PerChannel(_) => (0x40 | size << 22, size << 2),
                Second::Common(_) => (0, 1),
            };
            if let Second::Common(value) = second {
                registers.extend((0..8).map(|index| (0x4090 + 4 * index, *value as u32)));
            }
            registers.push((0x5034, reader));
            let mut cfg = 0x80 | form | converter_bits(converter);
            let mut truncate = 0;
            match *joining {
                Joining::Alu(what) => cfg |= algorithm(what) << 3,
                Joining::Multiply {
                    shift,
                    negative_shift,
                    leaky,
                    ties,
                } => {
                    assert_eq!(ties, converter.ties, "one bit rounds both");
                    cfg |= 1 << 2 | u32::from(leaky) << 5;
                    (truncate, negative) = (shift << 22, negative_shift << 16);
                }
            }
            match rectifier {
                Rectifier::Off => cfg |= 1 << 9,
                Rectifier::Relu => {}
                Rectifier::ReluX(bound) => {
                    cfg |= 1 << 10;
                    registers.push((0x407C, *bound as u32));
                }
            }
            registers.extend([
                (0x4070, cfg),
                (0x4074, converter.offset as u32),
                (0x4078, truncate | converter.shift << 16 | converter.scale as u32),
            ]);
        }
        Element::Table(lookup) => registers.extend([
            (0x4070, 0x302),
            (0x4108, lut_cfg),
            (0x410C, lookup.lo.select << 16 | lookup.le.select << 8),
            (0x4110, lookup.le.start as u32),
            (0x4114, lookup.le.end as u32),
            (0x4118, lookup.lo.start as u32),
            (0x411C, lookup.lo.end as u32),
            (0x4120, u32::from(lookup.below.scale as u16)),
            (0x4124, lookup.below.shift),
            (0x4128, u32::from(lookup.above.scale as u16) << 16),
            (0x412C, lookup.above.shift << 5),
        ]),
    }
    negative
}

fn per_channel(operand: &Operand) -> Option<&[i32]> {
    match operand {
        Operand::PerChannel(values) => Some(values),
        Operand::Common(_) => None,
    }
}

/// Programs a post-processor for `aligned` output channels.
pub fn program(post: &Post, aligned: usize, lut_cfg: u32) -> Programmed {
    let mut registers = Vec::new();
    let bs_negative = stage(&post.bs, 0x4040, &mut registers);
    let bn_negative = stage(&post.bn, 0x4060, &mut registers);
    let element_negative = element(&post.element, lut_cfg, &mut registers);
    let out = &post.out;
    registers.extend([
        (0x4080, out.offset as u32),
        (0x4084, out.scale as u32),
        (0x4088, converter_bits(out) | out.shift),
    ]);
    let factor = post.compensation.as_ref().map(|(factor, _)| factor);
    let ow = match factor {
        None => 1 << 1,
        Some(Operand::Common(value)) => {
            registers.push((0x4054, u32::from(*value as u16)));
            0
        }
        Some(Operand::PerChannel(_)) => 1,
    };
    let bias = post.bs.alu.as_ref().and_then(|(_, operand)| per_channel(operand));
    let factors = factor.and_then(per_channel);
    let multipliers = post
        .bs
        .multiplier
        .as_ref()
        .and_then(|multiplier| per_channel(&multiplier.operand));
    let stream = match (bias, factors, multipliers) {
        (None, None, None) => None,
        (Some(bias), None, None) => Some((2, native::pack_bias(bias, aligned))),
        (Some(bias), Some(factors), Some(multipliers)) => {
            let factors: Vec<i16> = factors.iter().map(|&value| value as i16).collect();
            let multipliers: Vec<u16> = multipliers.iter().map(|&value| value as u16).collect();
            Some((0xE, native::pack_parameters(bias, &factors, &multipliers, aligned)))
        }
        other => panic!("§12.15 knows no stream for {other:?}"),
    };
    match &stream {
        None => registers.push((0x501C, 1)),
        Some((usage, bytes)) => registers.extend([(0x501C, *usage), (0x5024, bytes.len() as u32 / 8 - 1)]),
    }
    let second = second_stream(&post.bn, aligned, &mut registers);
    Programmed {
        registers,
        stream: stream.map(|(_, bytes)| bytes),
        second,
        data_format: bs_negative << 4 | bn_negative << 10 | element_negative,
        ow,
    }
}

/// The stream of BN, and its use bits: 1 ALU, 4 multiplier.
fn second_stream(bn: &Stage, aligned: usize, registers: &mut Vec<(u32, u32)>) -> Option<Vec<u8>> {
    let alu = bn.alu.as_ref().and_then(|(_, operand)| per_channel(operand));
    let multiplier = bn.multiplier.as_ref();
    let multiplier = multiplier.and_then(|multiplier| per_channel(&multiplier.operand));
    let usage = u32::from(alu.is_some()) | u32::from(multiplier.is_some()) << 2;
    registers.push((0x5028, if usage == 0 { 1 } else { usage << 1 }));
    let halves: Option<Vec<u16>> = multiplier.map(|values| values.iter().map(|&value| value as u16).collect());
    (usage != 0).then(|| native::pack_second(alu, halves.as_deref(), aligned))
}

/// Bytes per channel of a second stream, from its configuration register.
pub fn second_stream_bytes(configuration: u32) -> u32 {
    match configuration {
        0x2 => 4,
        0x8 => 2,
        0xA => 6,
        _ => 0,
    }
}
