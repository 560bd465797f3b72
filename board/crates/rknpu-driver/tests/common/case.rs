//! int8 convolutions of random shapes with what the reference makes of them.

use std::sync::Arc;

use npu_device::{
    Accelerator, ActivatedConvolution, ChannelParameters, Convolution, ConvolutionKind, ConvolutionResult, FeatureMap,
    OutputConversion, Precision, Rectifier, Rescale, Residual, Window, layout,
};
use npu_reference as reference;
use npu_reference::{Element, Kernels, Map, Operand, Post, Stage, half};

use super::Random;
use super::maps::{buffer, converter, empty, geometry, int8_map, interleaved, kernel_major, read};
use super::tables::{random_tables, stage};

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

impl Case {
    /// The same convolution through random tables, which most of its scaled sums reach.
    pub fn through_tables(mut self, random: &mut Random) -> (ActivatedConvolution, Self) {
        let step_shift = random.below(7) as u8;
        let (table, lookup) = random_tables(random, step_shift);
        let ConvolutionResult::Int8 { rectifier, output, .. } = &mut self.operation.result else {
            panic!("{}: tables follow int8 results", self.name);
        };
        *rectifier = Rectifier::None;
        *output = OutputConversion::from_ratio(1, 300, 0).unwrap();
        let largest = self
            .sums
            .values
            .iter()
            .map(|value| u64::from(value.unsigned_abs()))
            .max();
        let (largest, reach) = (largest.unwrap_or(1).max(1), 614u64 << step_shift);
        let shift = (0..30)
            .rev()
            .find(|shift| (reach << shift) / largest <= 32_767)
            .unwrap_or(0);
        let rescale = Rescale {
            offset: random.below(60) as i32 - 30,
            multiplier: ((reach << shift) / largest).clamp(1, 32_767) as i16,
            shift: shift as u8,
        };
        self.post.bn = stage(&rescale);
        self.post.element = Element::Table(lookup);
        self.post.out = converter(output);
        let activated = ActivatedConvolution {
            convolution: self.operation,
            rescale,
            table: Arc::new(table),
        };
        (activated, self)
    }

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
