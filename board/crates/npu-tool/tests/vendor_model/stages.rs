//! The stages of the DPU as the reference knows them, read from a task's registers (sheet §2.3, §2.6, §12.13 to §12.17).

use npu_reference::{
    Algorithm, Converter, Element, Joining, Lookup, Map, Multiplier, Operand, Rectifier, Second, Slope, Stage, Table,
    Ties, native,
};

use crate::registers::Executed;
use crate::support::Random;

/// What comes for each channel; empty where no stream brings it.
#[derive(Default)]
pub struct Streams {
    pub bias: Vec<i32>,
    pub factor: Vec<i16>,
    pub multiplier: Vec<u16>,
    /// ALU operands of BN.
    pub second: Vec<i32>,
}

impl Streams {
    /// Random ones for what the readers bring (§2.6); `reach` bounds what is added.
    pub fn random(task: &Executed, random: &mut Random, channels: usize, reach: i64) -> Result<Self, String> {
        let mut streams = Self::default();
        if task.mask & 0x10 == 0 {
            return Ok(streams);
        }
        match task.get(0x501C) {
            1 => {}
            2 => streams.bias = values(random, channels, reach),
            0xE => {
                streams.bias = values(random, channels, reach);
                streams.factor = (0..channels).map(|_| (random.next() % 9) as i16 - 4).collect();
                streams.multiplier = (0..channels).map(|_| 8192 + (random.next() % 8193) as u16).collect();
            }
            other => return Err(format!("0x501C = 0x{other:X}")),
        }
        match task.get(0x5028) {
            1 => {}
            2 => streams.second = values(random, channels, reach),
            other => return Err(format!("0x5028 = 0x{other:X}")),
        }
        Ok(streams)
    }

    /// The bytes at 0x5020.
    pub fn first_bytes(&self) -> Vec<u8> {
        match self.multiplier.len() {
            0 => native::pack_bias(&self.bias, self.bias.len()),
            channels => native::pack_parameters(&self.bias, &self.factor, &self.multiplier, channels),
        }
    }

    /// The bytes at 0x502C.
    pub fn second_bytes(&self) -> Vec<u8> {
        native::pack_second(Some(&self.second), None, self.second.len())
    }
}

fn values(random: &mut Random, count: usize, reach: i64) -> Vec<i32> {
    (0..count)
        .map(|_| (random.next() % (2 * reach as u64 + 1)) as i64 - reach)
        .map(|value| value as i32)
        .collect()
}

/// Channels of a whole layer that are looked at.
pub fn of<T: Copy>(values: &[T], channels: &[usize]) -> Vec<T> {
    channels.iter().map(|&channel| values[channel]).collect()
}

fn algorithm(code: u32) -> Algorithm {
    [Algorithm::Max, Algorithm::Min, Algorithm::Add][code as usize]
}

/// BS or BN at `base`.
pub fn stage(task: &Executed, base: u32, negative_shift: u32, alu: Vec<i32>, multiplier: Vec<i32>) -> Stage {
    let set = |bit: u32| task.get(base) >> bit & 1 == 1;
    if set(0) {
        return Stage::BYPASS;
    }
    let operand = |stream: bool, values: Vec<i32>, register: i32| {
        if stream {
            Operand::PerChannel(values)
        } else {
            Operand::Common(register)
        }
    };
    Stage {
        alu: (!set(1)).then(|| {
            let register = task.get(base + 4) as i32;
            (algorithm(task.bits(base, 3, 2)), operand(set(8), alu, register))
        }),
        multiplier: (!set(4)).then(|| {
            let register = i32::from((task.get(base + 8) >> 16) as u16 as i16);
            Multiplier {
                operand: operand(task.get(base + 8) & 1 == 1, multiplier, register),
                shift: task.bits(base + 8, 13, 8),
                negative_shift,
                leaky: set(5),
            }
        }),
        rectifier: match (set(6), set(7)) {
            (true, _) => Rectifier::Off,
            (false, false) => Rectifier::Relu,
            (false, true) => Rectifier::ReluX(task.get(base + 12) as i32),
        },
    }
}

fn ties(up: bool) -> Ties {
    if up { Ties::Up } else { Ties::Even }
}

/// EW. `operand` is the second tensor, of the channels that are looked at.
pub fn element(task: &Executed, operand: impl FnOnce() -> Map<i8>) -> Result<Element, String> {
    let cfg = task.get(0x4070);
    let set = |bit: u32| cfg >> bit & 1 == 1;
    if set(0) {
        return Ok(Element::Bypass);
    }
    if !set(7) {
        return Ok(Element::Table(lookup(task)));
    }
    if set(1) || cfg >> 28 & 3 != 1 || set(2) || !set(6) || task.get(0x5034) != 0x4000_0000 {
        return Err(format!("0x4070 = 0x{cfg:X}, 0x5034 = 0x{:X}", task.get(0x5034)));
    }
    Ok(Element::Operand {
        second: Second::from(operand()),
        converter: Converter {
            offset: task.get(0x4074) as i32,
            scale: i32::from(task.get(0x4078) as u16 as i16),
            shift: task.bits(0x4078, 21, 16),
            offset_first: set(31),
            ties: ties(set(30)),
        },
        joining: Joining::Alu(algorithm(cfg >> 3 & 3)),
        rectifier: match (set(9), set(10)) {
            (true, _) => Rectifier::Off,
            (false, false) => Rectifier::Relu,
            (false, true) => Rectifier::ReluX(task.get(0x407C) as i32),
        },
    })
}

fn lookup(task: &Executed) -> Lookup {
    let table = |index: usize, start: u32, select: u32| Table {
        entries: task.tables[index].clone(),
        start: task.get(start) as i32,
        end: task.get(start + 4) as i32,
        select,
    };
    let slope = |register: u32, shift: u32, high: bool| Slope {
        scale: (task.get(register) >> if high { 16 } else { 0 }) as u16 as i16,
        shift: if high {
            task.bits(shift, 9, 5)
        } else {
            task.bits(shift, 4, 0)
        },
    };
    Lookup {
        le: table(0, 0x4110, task.bits(0x410C, 15, 8)),
        lo: table(1, 0x4118, task.bits(0x410C, 23, 16)),
        below: slope(0x4120, 0x4124, false),
        above: slope(0x4128, 0x412C, true),
    }
}

/// OUT_CVT.
pub fn out(task: &Executed) -> Converter {
    Converter {
        offset: task.get(0x4080) as i32,
        scale: i32::from(task.get(0x4084) as u16 as i16),
        shift: task.bits(0x4088, 11, 0),
        offset_first: task.bits(0x4088, 31, 31) == 1,
        ties: ties(task.bits(0x4088, 30, 30) == 1),
    }
}

/// How much a sum grows on its way to the result, and where results are worth looking at: neither all 0 nor all saturated.
pub fn gain(task: &Executed) -> (f64, f64) {
    let power = |shift: u32| 2f64.powi(-(shift as i32));
    let multiplied = if task.get(0x4040) & 0x10 == 0 { 0.75 } else { 1.0 };
    if task.get(0x4070) & 0x81 == 0 {
        let factor = f64::from((task.get(0x4068) >> 16) as u16) * power(task.bits(0x4068, 13, 8));
        return (multiplied * factor, 8000.0);
    }
    let out = out(task);
    (
        multiplied * f64::from(out.scale.unsigned_abs().max(1)) * power(out.shift),
        50.0,
    )
}
