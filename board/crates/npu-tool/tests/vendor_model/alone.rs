//! Tasks of the DPU alone from their registers (sheet §2.7, §2.8, appendix B.4, B.5, decision 0044).

use npu_reference::{
    Algorithm, FloatOperand, FloatPost, FloatRectifier, FloatStage, Map, Post, float_post_process, half, native,
    post_process, upsample,
};

use crate::bench::Bench;
use crate::output::{Expected, Format};
use crate::registers::Executed;
use crate::stages::{self, Streams};
use crate::support::Random;

/// Prepares memory for a task and says what it must write.
pub fn prepare(task: &Executed, bench: &Bench, random: &mut Random) -> Result<Expected, String> {
    let cube = (
        task.size(0x5014, 12, 0),
        task.size(0x5010, 12, 0),
        task.size(0x500C, 12, 0),
    );
    if task.bits(0x400C, 30, 30) == 1 {
        return Ok(transposition(task, bench, random, cube));
    }
    if task.get(0x5048) == 0x1249 {
        return Ok(doubled(task, bench, random, cube));
    }
    let format = match task.bits(0x5044, 17, 15) {
        0 => Format::Int8,
        2 => Format::Half,
        5 => Format::Float,
        other => return Err(format!("input format {other}")),
    };
    let pixels = cube.1 * cube.2;
    let notch = task.bits(0x5048, 31, 19) as usize;
    let pitch = native::Pitch {
        line: cube.2 + notch,
        surface: cube.1 * (cube.2 + notch) + task.get(0x504C) as usize / format.atom(),
    };
    let mut expected = Expected::default();
    expected.free_surfaces(task, Format::of_output(task)?, cube.0, pixels);
    if format == Format::Int8 {
        let input = Map::from_fn(cube.0, cube.1, cube.2, |_, _, _| random.next() as i8);
        place(task, bench, &native::pack_features(&input, pitch, cube.0, 0));
        let streams = Streams::random(task, random, cube.0, 128)?;
        if !streams.second.is_empty() {
            bench.write(task.get(0x502C), &streams.second_bytes());
        }
        let post = Post {
            compensation: None,
            bs: stages::stage(task, 0x4040, task.bits(0x4010, 9, 4), streams.bias, Vec::new()),
            bn: stages::stage(task, 0x4060, task.bits(0x4010, 15, 10), streams.second, Vec::new()),
            element: stages::element(task, || operand(task, bench, cube))?,
            out: stages::out(task),
        };
        let all: Vec<usize> = (0..cube.0).collect();
        expected.integers(task, &post_process(&input.map(i32::from), &post), &all)?;
        return Ok(expected);
    }
    let halves = Map::from_fn(cube.0, cube.1, cube.2, |_, _, _| {
        half::from_f32((random.next() % 4096) as f32 / 16.0 - 128.0)
    });
    let input = halves.map(half::to_f32);
    let bytes = match format {
        Format::Half => native::pack_features(&halves, pitch, cube.0, 0),
        _ => native::pack_features(&input, pitch, cube.0, 0),
    };
    place(task, bench, &bytes);
    if task.get(0x4060) != 0x53 || task.get(0x4070) != 0x383 {
        return Err("float stages beside BS".into());
    }
    let post = FloatPost {
        bs: float_stage(task)?,
        bn: FloatStage::BYPASS,
        element: None,
    };
    expected.floats(task, &float_post_process(&input, &post))?;
    Ok(expected)
}

fn place(task: &Executed, bench: &Bench, bytes: &[u8]) {
    bench.write(task.get(0x5018), bytes);
}

fn operand(task: &Executed, bench: &Bench, cube: (usize, usize, usize)) -> Map<i8> {
    let pitch = native::Pitch {
        line: cube.2,
        surface: task.get(0x5040) as usize / 8,
    };
    native::unpack_features::<i8>(bench.operands(task.get(0x5038)), cube, pitch)
}

/// Appendix B.5: an fp32 sum and an fp16 product from registers.
fn float_stage(task: &Executed) -> Result<FloatStage, String> {
    if task.get(0x4040) != 0x48 {
        return Err(format!("0x4040 = 0x{:X} of floats", task.get(0x4040)));
    }
    let factor = half::to_f32((task.get(0x4048) >> 16) as u16);
    Ok(FloatStage {
        alu: Some((Algorithm::Add, FloatOperand::Common(f32::from_bits(task.get(0x4044))))),
        multiplier: Some((FloatOperand::Common(factor), false)),
        rectifier: FloatRectifier::Off,
    })
}

fn transposition(
    task: &Executed,
    bench: &Bench,
    random: &mut Random,
    (channels, height, width): (usize, usize, usize),
) -> Expected {
    let input = Map::from_fn(channels, height, width, |_, _, _| random.next() as i16);
    let pitch = native::Pitch {
        line: width,
        surface: height * width + task.get(0x504C) as usize / 8,
    };
    place(task, bench, &native::pack_features(&input, pitch, channels, 0));
    Expected {
        bytes: native::pack_interleaved(&input).into_iter().enumerate().collect(),
        free: Vec::new(),
    }
}

/// One int8 surface, each pixel four times; rows lie as the writer's gaps say (§2.7).
fn doubled(task: &Executed, bench: &Bench, random: &mut Random, (_, height, width): (usize, usize, usize)) -> Expected {
    let input = Map::from_fn(8, height, width, |_, _, _| random.next() as i8);
    let pitch = native::Pitch {
        line: width,
        surface: height * width,
    };
    place(task, bench, &native::pack_features(&input, pitch, 8, 0));
    let whole = upsample(&input);
    let pair = (2 * width + task.bits(0x4038, 12, 0) as usize) * 8;
    let mut expected = Expected::default();
    for row in 0..whole.height {
        for column in 0..whole.width {
            let at = row / 2 * pair + row % 2 * task.get(0x4024) as usize + column * 8;
            let atom = (0..8).map(|channel| (at + channel, whole.at(channel, row, column) as u8));
            expected.bytes.extend(atom);
        }
    }
    expected
}
