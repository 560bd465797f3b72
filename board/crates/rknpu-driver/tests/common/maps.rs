//! Plain maps of the reference in device buffers, and convolutions of random shapes with what the reference makes of them.

use npu_device::{
    Accelerator, BufferRange, ChannelParameters, Convolution, ConvolutionKind, ConvolutionResult, FeatureMap,
    OutputConversion, Precision, Rectifier, Rescale, Residual, Window, layout,
};
use npu_reference as reference;
use npu_reference::{Element, Geometry, Kernels, Map, Operand, Post, Stage, half};

use super::Random;

/// A buffer with these bytes.
pub fn buffer(npu: &mut dyn Accelerator, bytes: &[u8]) -> BufferRange {
    let at = empty(npu, bytes.len());
    npu.write_memory(at, bytes).unwrap();
    at
}

/// A buffer filled with a pattern, so that what is not written shows.
pub fn empty(npu: &mut dyn Accelerator, bytes: usize) -> BufferRange {
    let at = BufferRange {
        buffer: npu.allocate_memory(bytes as u64).unwrap(),
        offset: 0,
    };
    npu.write_memory(at, &vec![0x5A; bytes]).unwrap();
    at
}

pub fn read(npu: &mut dyn Accelerator, at: BufferRange) -> Vec<u8> {
    let mut bytes = vec![0; npu.buffer_bytes(at.buffer).unwrap() as usize];
    npu.read_memory(at, &mut bytes).unwrap();
    bytes
}

/// `[c, h, w]` as `[h, w, c]`.
pub fn interleaved<T: Copy>(map: &Map<T>) -> Vec<T> {
    let pixels = (0..map.height).flat_map(|y| (0..map.width).map(move |x| (y, x)));
    pixels
        .flat_map(|(y, x)| (0..map.channels).map(move |c| map.at(c, y, x)))
        .collect()
}

/// `[n, c, h, w]` as `[n, h, w, c]`.
pub fn kernel_major<T: Copy>(kernels: &Kernels<T>) -> Vec<T> {
    let mut values = Vec::new();
    for n in 0..kernels.count {
        for tap in 0..kernels.height * kernels.width {
            for c in 0..kernels.channels {
                values.push(kernels.at(n, c, tap / kernels.width, tap % kernels.width));
            }
        }
    }
    values
}

/// Surfaces of int8 as a map.
pub fn int8_map(native: &[u8], (channels, height, width): (usize, usize, usize)) -> Map<i8> {
    let values: Vec<i8> = layout::features::unpack(native, width, height, channels);
    Map::from_fn(channels, height, width, |c, y, x| {
        values[(y * width + x) * channels + c]
    })
}

/// A random window over an input of (height, width) that has an output.
pub fn window(random: &mut Random, (height, width): (usize, usize), most_kernel: u64) -> Window {
    loop {
        let mut below = |bound: u64| random.below(bound) as u32;
        let mut window = Window {
            kernel_width: 1 + below(most_kernel),
            kernel_height: 1 + below(most_kernel),
            stride_x: 1 + below(3),
            stride_y: 1 + below(3),
            dilation_x: 1 + below(4) / 3,
            dilation_y: 1 + below(4) / 3,
            ..Window::of(1, 1)
        };
        let (extent_x, extent_y) = window.extent().unwrap();
        window.pad_left = below(u64::from(extent_x.min(16)));
        window.pad_right = below(u64::from(extent_x.min(16)));
        window.pad_top = below(u64::from(extent_y.min(16)));
        window.pad_bottom = below(u64::from(extent_y.min(16)));
        if window.output_size(width as u32, height as u32).is_some() {
            return window;
        }
    }
}

pub fn geometry(window: &Window, output: (u32, u32)) -> Geometry {
    let pair = |a: u32, b: u32| (a as usize, b as usize);
    Geometry {
        stride: pair(window.stride_y, window.stride_x),
        step: pair(window.dilation_y, window.dilation_x),
        pad: pair(window.pad_top, window.pad_left),
        output: pair(output.1, output.0),
    }
}

/// What the sums of a random convolution become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Results {
    Sums,
    Plain,
    Bias,
    Full,
    /// As `Full`, with a map added.
    Residual,
    /// fp16, without parameters.
    PlainHalf,
    /// fp16, with all parameters.
    FullHalf,
}

/// A random int8 convolution in device memory and the sums and post-processing the reference says.
pub struct Case {
    pub operation: Convolution,
    sums: Map<i32>,
    post: Post,
    pub name: String,
}

fn aligned(kind: ConvolutionKind, channels: usize) -> usize {
    channels.next_multiple_of(if kind == ConvolutionKind::Depthwise { 32 } else { 16 })
}

/// Sizes of a case: (channels, height, width) and output channels.
pub type Sizes = ((usize, usize, usize), usize);

pub fn case(
    npu: &mut dyn Accelerator,
    random: &mut Random,
    kind: ConvolutionKind,
    ((channels, height, width), kernels): Sizes,
    window: Window,
    results: Results,
) -> Case {
    let output_channels = if kind == ConvolutionKind::Depthwise {
        channels
    } else {
        kernels
    };
    let stored = Map::from_fn(channels, height, width, |_, _, _| random.next() as i8);
    let input = match kind {
        // The bytes are unsigned and lose 128.
        ConvolutionKind::FirstLayer { unsigned: true } => stored.map(|byte| (i32::from(byte as u8) - 128) as i8),
        _ => stored.clone(),
    };
    let per_kernel = if kind == ConvolutionKind::Depthwise {
        1
    } else {
        channels
    };
    let (kernel_height, kernel_width) = (window.kernel_height as usize, window.kernel_width as usize);
    let weights = Kernels::from_fn((output_channels, per_kernel), (kernel_height, kernel_width), || {
        random.next() as i8
    });
    let size = window.output_size(width as u32, height as u32).unwrap();
    let geometry = geometry(&window, size);
    let pad = random.next() as i8;
    let taps = kernel_height * kernel_width;
    let (packed_input, packed_weights) = match kind {
        ConvolutionKind::Dense => (
            layout::features::pack(&interleaved(&stored), width, height, channels, 8),
            layout::weights::pack_dense(&kernel_major(&weights), output_channels, taps, channels),
        ),
        ConvolutionKind::Depthwise => {
            let by_tap: Vec<i8> = (0..taps)
                .flat_map(|tap| (0..channels).map(move |c| (tap, c)))
                .map(|(tap, c)| weights.at(c, 0, tap / kernel_width, tap % kernel_width))
                .collect();
            (
                layout::features::pack(&interleaved(&stored), width, height, channels, 32),
                layout::weights::pack_depthwise(&by_tap, taps, channels),
            )
        }
        ConvolutionKind::FirstLayer { .. } => (
            layout::features::pack_image(&interleaved(&stored), width, height, channels),
            layout::weights::pack_dense(&kernel_major(&weights), output_channels, taps, channels),
        ),
    };
    let at = buffer(npu, &packed_input);
    let weights_at = buffer(npu, &packed_weights);
    let sums = if kind == ConvolutionKind::Depthwise {
        reference::depthwise(&input, &weights, geometry, pad)
    } else {
        reference::convolve(&input, &weights, geometry, pad)
    };
    let windows = reference::window_sums(&input, (kernel_height, kernel_width), geometry, pad);
    let windows = match kind {
        ConvolutionKind::Depthwise => windows,
        _ => Map::from_fn(1, windows.height, windows.width, |_, y, x| {
            (0..channels).map(|c| windows.at(c, y, x)).sum()
        }),
    };
    let (result, post) = post_processing(npu, random, kind, output_channels, &sums, windows, results);
    let aligned = aligned(kind, output_channels);
    let (out_width, out_height) = (size.0 as usize, size.1 as usize);
    let output_bytes = match results {
        Results::Sums => aligned * out_width * out_height * 4,
        Results::PlainHalf | Results::FullHalf => {
            layout::features::bytes(Precision::Fp16, out_width, out_height, aligned, 4)
        }
        _ => layout::features::bytes(Precision::Int8, out_width, out_height, aligned, 8),
    };
    let operation = Convolution {
        precision: Precision::Int8,
        kind,
        input: FeatureMap {
            at,
            width: width as u32,
            height: height as u32,
            channels: channels as u32,
        },
        output_channels: output_channels as u32,
        weights: weights_at,
        window,
        pad_value: i16::from(pad),
        result,
        output: empty(npu, output_bytes),
    };
    Case {
        operation,
        sums,
        post,
        name: format!("{kind:?} {channels}x{height}x{width} -> {output_channels}, {window:?}, {results:?}"),
    }
}

fn post_processing(
    npu: &mut dyn Accelerator,
    random: &mut Random,
    kind: ConvolutionKind,
    channels: usize,
    sums: &Map<i32>,
    windows: Map<i64>,
    results: Results,
) -> (ConvolutionResult, Post) {
    if results == Results::Sums {
        return (ConvolutionResult::Wide, Post::BYPASS);
    }
    let largest = sums
        .values
        .iter()
        .map(|value| value.unsigned_abs())
        .max()
        .unwrap_or(1)
        .max(1);
    let bias: Vec<i32> = (0..channels)
        .map(|_| (random.next() as i32) % (largest as i32 / 2 + 1))
        .collect();
    let factor: Vec<i16> = (0..channels).map(|_| (random.below(21) as i16) - 10).collect();
    let multiplier: Vec<u16> = (0..channels).map(|_| 4096 + random.below(12_289) as u16).collect();
    let mut output = OutputConversion::from_ratio(100, u64::from(largest), random.below(40) as i32 - 20).unwrap();
    output.ties_up = random.below(2) == 1;
    let rectifier = match random.below(3) {
        0 => Rectifier::None,
        1 => Rectifier::Relu,
        _ => Rectifier::ReluUpTo(largest / 3),
    };
    let aligned = aligned(kind, channels);
    let operands: Vec<i32> = bias.clone();
    let add = Some((reference::Algorithm::Add, Operand::PerChannel(operands)));
    let (parameters, bs, compensation) = match results {
        Results::Full | Results::Residual | Results::FullHalf => {
            let stream = layout::parameters::pack_full(&bias, &factor, &multiplier, aligned);
            let stage = Stage {
                alu: add,
                multiplier: Some(reference::Multiplier {
                    operand: Operand::PerChannel(multiplier.iter().map(|&value| i32::from(value)).collect()),
                    shift: 14,
                    negative_shift: 14,
                    leaky: false,
                }),
                ..Stage::BYPASS
            };
            let factors = Operand::PerChannel(factor.iter().map(|&value| i32::from(value)).collect());
            (
                Some(ChannelParameters::Full(buffer(npu, &stream))),
                stage,
                Some((factors, windows)),
            )
        }
        Results::Bias => {
            let at = buffer(npu, &layout::parameters::pack_bias(&bias, aligned));
            let zero_point_factor = factor[0];
            let stage = Stage {
                alu: add,
                ..Stage::BYPASS
            };
            let common = Operand::Common(i32::from(zero_point_factor));
            (
                Some(ChannelParameters::Bias { at, zero_point_factor }),
                stage,
                Some((common, windows)),
            )
        }
        Results::Plain | Results::PlainHalf | Results::Sums => (None, Stage::BYPASS, None),
    };
    let bn = Stage {
        rectifier: match rectifier {
            Rectifier::None => reference::Rectifier::Off,
            Rectifier::Relu => reference::Rectifier::Relu,
            Rectifier::ReluUpTo(bound) => reference::Rectifier::ReluX(bound as i32),
        },
        ..Stage::BYPASS
    };
    let (element, residual) = if results == Results::Residual {
        let (element, residual) = residual(npu, random, sums, largest, aligned);
        (element, Some(residual))
    } else {
        (Element::Bypass, None)
    };
    let post = Post {
        compensation,
        bs,
        bn,
        element,
        out: converter(&output),
    };
    let result = match results {
        Results::PlainHalf | Results::FullHalf => ConvolutionResult::Fp16OfInt8 {
            parameters,
            rectifier,
            output,
            exponent: random.below(12) as u8,
        },
        _ => ConvolutionResult::Int8 {
            parameters,
            rectifier,
            residual,
            output,
        },
    };
    (result, post)
}

/// A random map of the output's shape whose rescaled values are of the size of the sums.
fn residual(
    npu: &mut dyn Accelerator,
    random: &mut Random,
    sums: &Map<i32>,
    largest: u32,
    aligned: usize,
) -> (Element, Residual) {
    let (channels, height, width) = (sums.channels, sums.height, sums.width);
    let tensor = Map::from_fn(channels, height, width, |_, _, _| random.next() as i8);
    let mut native = layout::features::pack(&interleaved(&tensor), width, height, channels, 8);
    native.resize(
        layout::features::bytes(Precision::Int8, width, height, aligned, 8),
        0x33,
    );
    let shift = random.below(6) as u8;
    let rescale = Rescale {
        offset: random.below(256) as i32 - 128,
        multiplier: (u64::from(largest) << shift).div_ceil(128).min(32767) as i16,
        shift,
    };
    let relu = random.below(2) == 1;
    let converter = reference::Converter {
        offset: rescale.offset,
        scale: i32::from(rescale.multiplier),
        shift: u32::from(shift),
        offset_first: true,
        ties: reference::Ties::Even,
    };
    let element = Element::Operand {
        second: tensor.into(),
        converter,
        joining: reference::Joining::Alu(reference::Algorithm::Add),
        rectifier: if relu {
            reference::Rectifier::Relu
        } else {
            reference::Rectifier::Off
        },
    };
    let at = buffer(npu, &native);
    (element, Residual { at, rescale, relu })
}

pub fn converter(output: &OutputConversion) -> reference::Converter {
    reference::Converter {
        offset: output.offset,
        scale: i32::from(output.scale),
        shift: u32::from(output.shift),
        offset_first: false,
        ties: if output.ties_up {
            reference::Ties::Up
        } else {
            reference::Ties::Even
        },
    }
}

impl Case {
    /// Compares every real channel with the reference.
    pub fn check(&self, npu: &mut dyn Accelerator) {
        let native = read(npu, self.operation.output);
        let (channels, height, width) = (self.sums.channels, self.sums.height, self.sums.width);
        match self.operation.result {
            ConvolutionResult::Wide => {
                let values = layout::unpack_c(&native, height * width, channels);
                let found = Map::from_fn(channels, height, width, |c, y, x| {
                    values[(y * width + x) * channels + c]
                });
                assert_eq!(found, self.sums, "{}", self.name);
            }
            ConvolutionResult::Fp16OfInt8 { exponent, .. } => {
                // Below 2^24 a result is exact in fp32, so that it is rounded once.
                let expected = reference::post_process(&self.sums, &self.post).map(|value| {
                    assert!(value.unsigned_abs() < 1 << 24);
                    half::from_f32(value as f32 / (1u32 << exponent) as f32)
                });
                let values: Vec<u16> = layout::features::unpack(&native, width, height, channels);
                let found = Map::from_fn(channels, height, width, |c, y, x| {
                    values[(y * width + x) * channels + c]
                });
                assert_eq!(found, expected, "{}", self.name);
            }
            _ => {
                let expected = reference::post_process(&self.sums, &self.post).map(reference::saturate_i8);
                let found = int8_map(&native, (channels, height, width));
                assert_eq!(found, expected, "{}", self.name);
            }
        }
    }

    pub fn free(self, npu: &mut dyn Accelerator) {
        let mut ranges = vec![self.operation.input.at, self.operation.weights, self.operation.output];
        ranges.extend(self.operation.result.parameters());
        ranges.extend(self.operation.result.residual());
        ranges
            .into_iter()
            .for_each(|range| npu.free_memory(range.buffer).unwrap());
    }
}
