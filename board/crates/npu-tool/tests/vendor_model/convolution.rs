//! int8 convolutions from their registers (sheet §2.4, §2.5, §4.1, §4.3, §12.14, §12.20).

use npu_reference::{Geometry, Kernels, Map, Operand, Post, convolve, native, post_process, window_sums};

use crate::bench::Bench;
use crate::output::{Expected, Format};
use crate::registers::Executed;
use crate::stages::{self, Streams};
use crate::support::Random;

/// Products that the reference computes for one task; further kernels are left out, chosen anew for each task.
pub type Budget = Option<usize>;

/// What the convolution buffer holds between tasks.
#[derive(Default)]
pub struct Held {
    input: Option<Map<i8>>,
    kernels: Option<Kernels<i8>>,
}

struct Shape {
    input: (usize, usize, usize),
    announced: usize,
    kernels: usize,
    kernel: (usize, usize),
    geometry: Geometry,
    pad: i8,
    aligned: usize,
}

fn shape(task: &Executed) -> Result<Shape, String> {
    if task.bits(0x100C, 10, 4) != 0 || task.bits(0x100C, 3, 0) != 0 {
        return Err(format!(
            "0x100C = 0x{:X}: not a dense int8 convolution",
            task.get(0x100C)
        ));
    }
    let width = task.get(0x1028) as usize;
    Ok(Shape {
        input: (
            task.size(0x1024, 29, 16),
            task.bits(0x1020, 10, 0) as usize,
            task.bits(0x1020, 26, 16) as usize,
        ),
        announced: task.bits(0x1024, 15, 0) as usize,
        kernels: task.bits(0x1038, 13, 0) as usize,
        kernel: (task.bits(0x1038, 20, 16) as usize, task.bits(0x1038, 28, 24) as usize),
        geometry: Geometry {
            stride: (task.bits(0x1014, 5, 3) as usize, task.bits(0x1014, 2, 0) as usize),
            step: (task.size(0x1014, 25, 21), task.size(0x1014, 20, 16)),
            pad: (task.bits(0x1068, 3, 0) as usize, task.bits(0x1068, 7, 4) as usize),
            output: (task.get(0x102C) as usize / width, width),
        },
        pad: (task.get(0x1068) >> 16) as u16 as i16 as i8,
        aligned: task.size(0x403C, 12, 0),
    })
}

/// Prepares memory for a task and says what it must write.
pub fn prepare(
    task: &Executed,
    bench: &Bench,
    held: &mut Held,
    random: &mut Random,
    budget: Budget,
) -> Result<Expected, String> {
    let shape = shape(task)?;
    let reuse = |bit: u32| task.get(0x1040) >> bit & 1 == 1;
    if !reuse(12) {
        held.input = Some(features(task, bench, &shape)?);
    }
    let input = held.input.clone().ok_or("features are used again before any came")?;
    let products = shape.input.0 * shape.kernel.0 * shape.kernel.1;
    let (gain, target) = stages::gain(task);
    if !reuse(13) {
        let bound = target / (gain * (products as f64).sqrt() * 42.0);
        let kernels = weights(random, &shape, (bound as i64).clamp(1, 127));
        let packed = if first_layer(task) {
            native::pack_first_weights(&kernels)
        } else {
            native::pack_weights(&kernels, shape.announced)
        };
        if packed.len() != task.get(0x1030) as usize {
            return Err(format!("{} weight bytes, not {}", task.get(0x1030), packed.len()));
        }
        bench.write(task.get(0x1110), &packed);
        held.kernels = Some(kernels);
    }
    let kernels = held.kernels.as_ref().ok_or("weights are used again before any came")?;
    let reach = ((target / gain) as i64).clamp(1, 1 << 28);
    let streams = Streams::random(task, random, shape.aligned, reach)?;
    if !streams.bias.is_empty() {
        bench.write(task.get(0x5020), &streams.first_bytes());
    }
    if !streams.second.is_empty() {
        return Err("a second stream beside a convolution".into());
    }
    let channels = chosen(random, &shape, budget);
    let operand = || operand(task, bench, &shape, &channels);
    let post = post(task, &shape, &input, &streams, &channels, operand)?;
    let picked = Kernels {
        count: channels.len(),
        channels: kernels.channels,
        height: kernels.height,
        width: kernels.width,
        values: channels
            .iter()
            .flat_map(|&kernel| &kernels.values[kernel * products..][..products])
            .copied()
            .collect(),
    };
    let sums = convolve(&input, &picked, shape.geometry, shape.pad);
    let mut expected = Expected::default();
    let pixels = shape.geometry.output.0 * shape.geometry.output.1;
    expected.free_surfaces(task, Format::of_output(task)?, shape.aligned, pixels);
    expected.integers(task, &post_process(&sums, &post), &channels)?;
    Ok(expected)
}

fn first_layer(task: &Executed) -> bool {
    task.bits(0x100C, 15, 12) != 0
}

fn features(task: &Executed, bench: &Bench, shape: &Shape) -> Result<Map<i8>, String> {
    let bytes = bench.features(task.get(0x1070));
    let line = task.get(0x107C) as usize;
    if !first_layer(task) {
        let pitch = native::Pitch {
            line,
            surface: task.get(0x1080) as usize,
        };
        return Ok(native::unpack_features::<i8>(bytes, shape.input, pitch));
    }
    let cvt = task.get(0x104C);
    if cvt & 0xF != 1 {
        return Err(format!("0x104C = 0x{cvt:X}: not a converter of uint8"));
    }
    let (channels, height, width) = shape.input;
    let each = (0..channels).map(|channel| {
        let value = task.get(0x1050 + 4 * channel as u32);
        let shift = cvt >> (4 + 6 * channel) & 0x3F;
        // Scale and shift that undo each other leave the offset alone.
        (value >> 16 == 1 << shift)
            .then_some(i64::from(value as u16 as i16))
            .ok_or(format!("0x{value:X} with a shift of {shift}"))
    });
    let offsets = each.collect::<Result<Vec<i64>, String>>()?;
    Ok(Map::from_fn(channels, height, width, |channel, row, column| {
        let byte = bytes[row * line * 8 + column * channels + channel];
        (i64::from(byte) + offsets[channel]).clamp(-128, 127) as i8
    }))
}

fn weights(random: &mut Random, shape: &Shape, bound: i64) -> Kernels<i8> {
    Kernels::from_fn((shape.kernels, shape.input.0), shape.kernel, || {
        ((random.next() % (2 * bound as u64 + 1)) as i64 - bound) as i8
    })
}

/// All kernels, or as many as the budget allows, from a random one on.
fn chosen(random: &mut Random, shape: &Shape, budget: Budget) -> Vec<usize> {
    let each = shape.geometry.output.0 * shape.geometry.output.1 * shape.input.0 * shape.kernel.0 * shape.kernel.1;
    let count = budget.map_or(shape.kernels, |budget| (budget / each).clamp(1, shape.kernels));
    if count == shape.kernels {
        return (0..count).collect();
    }
    let first = random.next() as usize % shape.kernels;
    let step = shape.kernels / count;
    let mut channels: Vec<usize> = (0..count).map(|index| (first + index * step) % shape.kernels).collect();
    channels.sort_unstable();
    channels.dedup();
    channels
}

fn operand(task: &Executed, bench: &Bench, shape: &Shape, channels: &[usize]) -> Map<i8> {
    let (height, width) = shape.geometry.output;
    let pitch = native::Pitch {
        line: width,
        surface: task.get(0x5040) as usize / 8,
    };
    let bytes = bench.operands(task.get(0x5038));
    let whole = native::unpack_features::<i8>(bytes, (shape.kernels, height, width), pitch);
    let at = |index: usize, row, column| whole.at(channels[index], row, column);
    Map::from_fn(channels.len(), height, width, at)
}

fn post(
    task: &Executed,
    shape: &Shape,
    input: &Map<i8>,
    streams: &Streams,
    channels: &[usize],
    operand: impl FnOnce() -> Map<i8>,
) -> Result<Post, String> {
    let bias = if streams.bias.is_empty() {
        Vec::new()
    } else {
        stages::of(&streams.bias, channels)
    };
    let multiplied = !streams.multiplier.is_empty();
    let multiplier: Vec<i32> = if multiplied {
        stages::of(&streams.multiplier, channels)
            .into_iter()
            .map(i32::from)
            .collect()
    } else {
        Vec::new()
    };
    let factor = match (task.bits(0x4050, 1, 1), task.bits(0x4050, 0, 0)) {
        (1, _) => None,
        (0, 1) => {
            let factors = stages::of(&streams.factor, channels);
            Some(Operand::PerChannel(factors.into_iter().map(i32::from).collect()))
        }
        _ => match task.get(0x4054) as u16 as i16 {
            0 => None,
            factor => Some(Operand::Common(i32::from(factor))),
        },
    };
    let compensation = factor.map(|factor| {
        let each = window_sums(input, shape.kernel, shape.geometry, shape.pad);
        let sum = |_, row, column| (0..each.channels).map(|channel| each.at(channel, row, column)).sum();
        (factor, Map::from_fn(1, each.height, each.width, sum))
    });
    Ok(Post {
        compensation,
        bs: stages::stage(task, 0x4040, task.bits(0x4010, 9, 4), bias, multiplier),
        bn: stages::stage(task, 0x4060, task.bits(0x4010, 15, 10), Vec::new(), Vec::new()),
        element: stages::element(task, operand)?,
        out: stages::out(task),
    })
}
