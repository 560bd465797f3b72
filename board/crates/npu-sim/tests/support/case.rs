//! Random convolution layers: tensors, registers and the expected result of each, printed whole when one fails.

use npu_reference::{
    Element, Geometry, Kernels, Map, Post, Second, convolve, depthwise, half, native, post_process, saturate_i8,
    window_sums,
};

use super::conv::{Addresses, Kind, Layer, Output};
use super::machine::{FIRST, Machine};
use super::post;
use super::program::Program;
use super::random::Random;
use super::stages;
use super::style::Style;

/// A layer in memory with what it must give.
pub struct Case {
    pub layer: Layer,
    pub programs: Vec<Program>,
    pub expected: Expected,
    pub post: Post,
}

pub enum Expected {
    Int8(Map<i8>),
    Int32(Map<i32>),
    /// fp16 bits.
    Half(Map<u16>),
    /// fp32 bits.
    Float(Map<u32>),
}

impl Expected {
    /// What the writer makes of the pipeline's integers; float results are theirs times `2^-exponent`.
    fn of(output: Output, result: &Map<i32>, exponent: u32) -> Self {
        let float = |x: i32| {
            // Both conversions are exact: at most 24 bits, far from the ends of the range.
            assert!(x.unsigned_abs() < 1 << 24, "{x} needs two roundings");
            (f64::from(x) * 2f64.powi(-(exponent as i32))) as f32
        };
        match output {
            Output::Int8 => Self::Int8(result.map(saturate_i8)),
            Output::Int32 => Self::Int32(result.clone()),
            Output::Half => Self::Half(result.map(|x| half::from_f32(float(x)))),
            Output::Float => Self::Float(result.map(|x| float(x).to_bits())),
        }
    }
}

/// What the caller wants to be random.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub kind: Kind,
    pub output: Output,
    pub after: After,
    pub style: Style,
    /// A 1x1 convolution to this many channels, which keeps rows and columns; otherwise everything is random.
    pub pointwise: Option<usize>,
    /// Maps and weights that do not fit a bank or two: bands and streamed weights come by themselves.
    pub large: bool,
}

impl Wish {
    /// A small layer to int8 with random stages.
    pub fn small(kind: Kind, style: Style) -> Self {
        Self {
            kind,
            output: Output::Int8,
            after: After::Stages,
            style,
            pointwise: None,
            large: false,
        }
    }
}

/// The first of 400 random layers of which `wanted` holds.
pub fn wanted(wish: Wish, wanted: impl Fn(&Case) -> bool) -> (Machine, Case) {
    let layers = (0..400).map(|seed| {
        let machine = Machine::new(FIRST);
        let case = convolution(&mut Random(seed), &machine, wish, None);
        (machine, case)
    });
    let mut layers = layers.filter(|(_, case)| wanted(case));
    layers.next().expect("one of 400 layers has it")
}

/// What follows the accumulators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Nothing,
    /// Random stages.
    Stages,
    /// Activation tables.
    Tables,
}

/// A map that an earlier task writes, in surfaces of a map that stands alone.
pub struct Source {
    pub map: Map<i8>,
    pub address: u32,
}

/// A byte that must survive around every output.
const GUARD: u8 = 0xA5;
const GUARD_BYTES: usize = 64;

/// Geometry whose every window touches the input.
pub fn geometry(random: &mut Random, kernel: (usize, usize), input: (usize, usize)) -> Geometry {
    let mut along = |kernel: usize, size: usize| {
        let step = if random.chance(25) { random.size(1, 3) } else { 1 };
        let reach = (kernel - 1) * step + 1;
        let stride = if random.chance(60) { 1 } else { random.size(1, 4) };
        let (before, after) = (random.size(0, (reach - 1).min(15)), random.size(0, reach - 1));
        let after = after.max(reach.saturating_sub(size + before));
        (stride, step, before, (size + before + after - reach) / stride + 1)
    };
    let (rows, columns) = (along(kernel.0, input.0), along(kernel.1, input.1));
    Geometry {
        stride: (rows.0, columns.0),
        step: (rows.1, columns.1),
        pad: (rows.2, columns.2),
        output: (rows.3, columns.3),
    }
}

/// Builds a random layer in `machine`'s memory; its input is random too unless a source is given.
pub fn convolution(random: &mut Random, machine: &Machine, wish: Wish, source: Option<&Source>) -> Case {
    let Wish {
        kind, output, style, ..
    } = wish;
    let channels = match kind {
        _ if source.is_some() => source.map_or(0, |source| source.map.channels),
        Kind::First => random.size(1, 4),
        Kind::Depthwise => random.size(1, if wish.large { 300 } else { 70 }),
        Kind::Dense if wish.large => random.size(100, 300),
        Kind::Dense => random.size(1, 100),
    };
    let announced = match (kind, style) {
        // Vendor tasks announce 16 channels too (§4.3).
        (Kind::Depthwise, Style::Vendor { .. }) => channels.next_multiple_of(16),
        (Kind::Depthwise, Style::Open) => channels.next_multiple_of(32),
        (Kind::First, _) => channels,
        (_, Style::Open) => channels.next_multiple_of(16),
        (_, Style::Vendor { .. }) => channels.next_multiple_of(8),
    };
    let (height, width) = match source {
        Some(source) => (source.map.height, source.map.width),
        None if wish.large => (random.size(20, 40), random.size(20, 40)),
        None => (random.size(1, 14), random.size(1, 14)),
    };
    let kernel = match wish.pointwise {
        Some(_) => (1, 1),
        None if wish.large => (random.size(1, 3), random.size(1, 2)),
        None => (random.size(1, 4), random.size(1, 4)),
    };
    let kernels = if kind == Kind::Depthwise {
        channels
    } else {
        let most = if wish.large { 160 } else { 50 };
        wish.pointwise.unwrap_or_else(|| random.size(1, most))
    };
    let geometry = match wish.pointwise {
        Some(_) => Geometry {
            stride: (1, 1),
            step: (1, 1),
            pad: (0, 0),
            output: (height, width),
        },
        // Strides keep the reference quick.
        None if wish.large => Geometry {
            stride: (2, 3),
            step: (1, 1),
            pad: (0, 0),
            output: ((height - kernel.0) / 2 + 1, (width - kernel.1) / 3 + 1),
        },
        None => geometry(random, kernel, (height, width)),
    };
    let convert = kind == Kind::First && random.chance(70);
    // Raw bytes of an image are unsigned; the converter takes 128 off.
    let input = match source {
        Some(source) => source.map.clone(),
        None => Map::from_fn(channels, height, width, |_, _, _| random.i8()),
    };
    let stored = if convert {
        input.map(|x| x ^ -128)
    } else {
        input.clone()
    };
    let pad = random.i8();
    let per_kernel = if kind == Kind::Depthwise { 1 } else { channels };
    let weights = Kernels::from_fn((kernels, per_kernel), kernel, || random.i8());
    let sums = window_sums(&input, kernel, geometry, pad);
    let (accumulators, sums) = if kind == Kind::Depthwise {
        (depthwise(&input, &weights, geometry, pad), sums)
    } else {
        let (rows, columns) = geometry.output;
        let all = Map::from_fn(1, rows, columns, |_, row, column| {
            (0..channels).map(|channel| sums.at(channel, row, column)).sum()
        });
        (convolve(&input, &weights, geometry, pad), all)
    };
    let post = match wish.after {
        After::Nothing => Post::BYPASS,
        After::Stages => stages::post(random, kind, &accumulators, sums),
        After::Tables => stages::activation(random, &accumulators),
    };
    let reach = (kernel.0 - 1) * geometry.step.0 + 1;
    let mut layer = Layer {
        kind,
        half: false,
        input: (channels, height, width),
        announced,
        kernel,
        kernels,
        geometry,
        pad_value: i32::from(pad),
        convert,
        output,
        addresses: Addresses::default(),
        most_rows: if random.chance(50) {
            height
        } else {
            random.size(reach.min(height), height)
        },
        kernels_per_task: if random.chance(50) {
            16 * random.size(1, 3)
        } else {
            kernels.next_multiple_of(16)
        },
        post: Vec::new(),
        data_format: 0,
        ow: 0,
        stream_bytes: 0,
    };
    let exponent = if matches!(output, Output::Half | Output::Float) {
        random.size(0, 20) as u32
    } else {
        0
    };
    let mut programmed = post::program(&post, layer.aligned(), if style == Style::Open { 0x28 } else { 0x68 });
    for (register, value) in &mut programmed.registers {
        if *register == 0x4088 {
            *value |= exponent << 12;
        }
    }
    let packed = match kind {
        Kind::Dense => native::pack_weights(&weights, announced),
        Kind::First => native::pack_first_weights(&weights),
        Kind::Depthwise => native::pack_depthwise(&weights, announced),
    };
    // Channels that do not exist hold garbage in memory: they count as 0 (§12.14).
    let features = match kind {
        Kind::First => native::pack_interleaved(&stored),
        _ => native::pack_features(&stored, native::Pitch::packed(height, width), announced, 0x5A),
    };
    let operand = match &post.element {
        Element::Operand { second, .. } if !matches!(second, Second::Common(_)) => {
            let pitch = native::Pitch::packed(geometry.output.0, geometry.output.1);
            machine.place(&post::pack_operand(second, pitch, layer.aligned()))
        }
        _ => 0,
    };
    layer.addresses = Addresses {
        input: source.map_or_else(|| machine.place(&features), |source| source.address),
        weights: machine.place(&packed),
        output: guarded(machine, layer.output_bytes()),
        stream: programmed.stream.as_ref().map_or(0, |bytes| machine.place(bytes)),
        second: programmed.second.as_ref().map_or(0, |bytes| machine.place(bytes)),
        operand,
    };
    layer.stream_bytes = programmed
        .stream
        .as_ref()
        .map_or(0, |bytes| bytes.len() / layer.aligned());
    layer.data_format = programmed.data_format;
    layer.ow = programmed.ow;
    layer.post = programmed.registers;
    let result = post_process(&accumulators, &post);
    Case {
        programs: layer.programs(style),
        expected: Expected::of(output, &result, exponent),
        post,
        layer,
    }
}

/// Memory for an output between two guards.
pub fn guarded(machine: &Machine, bytes: usize) -> u32 {
    let filled = vec![GUARD; bytes + 2 * GUARD_BYTES];
    machine.place(&filled) + GUARD_BYTES as u32
}

/// Says what is wrong with an output, guards included.
pub fn verify(machine: &Machine, layer: &Layer, expected: &Expected) -> Result<(), String> {
    let (rows, columns) = layer.geometry.output;
    let shape = (layer.kernels, rows, columns);
    let output = layer.addresses.output;
    let bytes = machine.read(output, layer.output_bytes());
    let differences = match expected {
        Expected::Int8(expected) => {
            let got = native::unpack_features::<i8>(&bytes, shape, native::Pitch::packed(rows, columns));
            compare(&got.map(i32::from), &expected.map(i32::from))
        }
        Expected::Int32(expected) => {
            let got = native::unpack_features::<i32>(&bytes, shape, native::Pitch::exact(rows, columns));
            compare(&got, expected)
        }
        Expected::Half(expected) => {
            let got = native::unpack_features::<u16>(&bytes, shape, native::Pitch::packed(rows, columns));
            compare(&got.map(i32::from), &expected.map(i32::from))
        }
        Expected::Float(expected) => {
            let got = native::unpack_features::<f32>(&bytes, shape, native::Pitch::exact(rows, columns));
            compare(&got.map(|x| x.to_bits() as i32), &expected.map(|bits| bits as i32))
        }
    };
    for guard in [output - GUARD_BYTES as u32, output + layer.output_bytes() as u32] {
        if machine.read(guard, GUARD_BYTES) != [GUARD; GUARD_BYTES] {
            return Err(format!("bytes beside the output at 0x{guard:08X} were written"));
        }
    }
    differences
}

/// The first differences of two maps.
pub fn compare(got: &Map<i32>, expected: &Map<i32>) -> Result<(), String> {
    let (height, width) = (expected.height, expected.width);
    let pairs = got.values.iter().zip(&expected.values).enumerate();
    let wrong: Vec<String> = pairs
        .filter(|(_, (got, expected))| got != expected)
        .map(|(at, (got, expected))| {
            let (channel, row, column) = (at / (height * width), at / width % height, at % width);
            format!("[{channel}, {row}, {column}] is {got}, not {expected}")
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let first = wrong[..wrong.len().min(6)].join("; ");
    Err(format!("{} of {} differ: {first}", wrong.len(), got.values.len()))
}
