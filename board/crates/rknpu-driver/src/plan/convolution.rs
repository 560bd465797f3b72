//! Cuts a convolution into row bands and kernel slices, or a depthwise one into bands and channel groups (sheet §1.3, §4.2,
//! §9.10). Knows shapes and addresses, writes no registers.

mod check;

use alloc::format;

use npu_device::layout::{features, parameters, weights};
use npu_device::{
    ActivatedConvolution, ChannelParameters, Convolution, ConvolutionKind, ConvolutionResult, DeviceError, Window,
};

use check::{MAX_MAP_ROWS, check};

use super::Planner;
use super::tiling::{Cut, Load};
use crate::soc::Soc;
use crate::task::{ConvolutionTask, Source, Stage, Stream, Work};
use crate::words::entries_per_row;

/// Largest width and height of a band (erratum 15).
const MAX_SIDE: usize = 2047;
/// A convolution at device addresses, checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Layer {
    pub(crate) operation: Convolution,
    pub(crate) out_height: usize,
    /// The task that would do everything at once.
    pub(crate) whole: ConvolutionTask,
}

impl Planner<'_> {
    pub(crate) fn convolution(&mut self, operation: &Convolution) -> Result<(), DeviceError> {
        let layer = self.layer(operation)?;
        self.tasks_of_layer(&layer)
    }

    pub(crate) fn activated(&mut self, operation: &ActivatedConvolution) -> Result<(), DeviceError> {
        let lookup = super::point_wise::lookup(&operation.rescale, &operation.table)?;
        let mut layer = self.layer(&operation.convolution)?;
        layer.whole.stage = layer.whole.stage.through(lookup).ok_or_else(|| {
            DeviceError::Unsupported("tables follow int8 results without rectifier and residual (erratum 28)".into())
        })?;
        self.load_tables(&operation.table)?;
        self.tasks_of_layer(&layer)
    }

    fn tasks_of_layer(&mut self, layer: &Layer) -> Result<(), DeviceError> {
        match layer.operation.kind {
            ConvolutionKind::Depthwise => self.depthwise(layer),
            ConvolutionKind::Dense | ConvolutionKind::FirstLayer { .. } => {
                let cut = layer.cut(self.soc).ok_or_else(nothing_fits)?;
                self.dense(layer, &cut)
            }
        }
    }

    /// Checks everything and resolves the addresses.
    pub(crate) fn layer(&self, operation: &Convolution) -> Result<Layer, DeviceError> {
        check(operation)?;
        let (out_width, out_height) = operation
            .output_size()
            .filter(|&(width, height)| width as usize <= MAX_SIDE && height <= MAX_MAP_ROWS)
            .ok_or_else(|| {
                DeviceError::Invalid(format!(
                    "window: no output of 1 to {MAX_SIDE} columns and 1 to {MAX_MAP_ROWS} rows"
                ))
            })?;
        let (out_width, out_height) = (out_width as usize, out_height as usize);
        let input = &operation.input;
        let (width, height, channels) = (input.width as usize, input.height as usize, input.channels as usize);
        let precision = operation.precision;
        let taps = (operation.window.kernel_width * operation.window.kernel_height) as usize;
        let kernels = operation.output_channels as usize;
        let announced = weights::dense_channels(precision, channels);
        let surface = precision.surface_channels() as usize;
        let slice = precision.channel_slice() as usize;
        let (source, input_bytes, weight_bytes) = match operation.kind {
            ConvolutionKind::Dense => (
                Source::Dense,
                features::bytes(precision, width, height, channels, surface),
                weights::dense_bytes(precision, kernels, taps, channels),
            ),
            ConvolutionKind::Depthwise => (
                Source::Depthwise,
                features::bytes(precision, width, height, channels, slice),
                weights::depthwise_bytes(precision, taps, channels),
            ),
            ConvolutionKind::FirstLayer { unsigned } => (
                Source::Interleaved { unsigned },
                features::image_row_bytes(precision, width, channels) * height,
                weights::dense_bytes(precision, kernels, taps, channels),
            ),
        };
        let stage = Stage::of(&operation.result, None, None);
        let (out_channels, pixel_bytes) = stage.surface();
        let pixels = out_width * out_height;
        let out_surface_bytes = match pixel_bytes {
            16 => pixels * 16,
            _ => pixels.next_multiple_of(4) * 8,
        };
        let mut whole = ConvolutionTask {
            precision,
            source,
            width,
            rows: height,
            channels: announced,
            real_channels: channels,
            features: 0,
            line_stride: width,
            surface_stride: features::surface_pixels(width, height),
            window: operation.window,
            pad_value: operation.pad_value,
            kernels,
            kernel_bytes: taps * announced * precision.bytes() as usize,
            weights: 0,
            data_banks: 0,
            weight_banks: 0,
            data_reuse: false,
            weight_reuse: false,
            out_width,
            out_rows: out_height,
            output: 0,
            out_surface_bytes,
            stage,
        };
        if let Source::Interleaved { .. } = source {
            whole.line_stride = features::image_row_bytes(precision, width, channels) / 8;
            whole.surface_stride = width * height;
        }
        let aligned = whole.aligned_kernels();
        let output_bytes = (aligned / out_channels * out_surface_bytes) as u64;
        whole.features = self.address(operation.input.at, input_bytes as u64, "input")?;
        whole.weights = self.address(operation.weights, weight_bytes as u64, "weights")?;
        whole.output = self.address(operation.output, output_bytes, "output")?;
        let mut operands = alloc::vec![
            (whole.features, input_bytes as u64),
            (whole.weights, weight_bytes as u64)
        ];
        let mut stream_at = None;
        if let ConvolutionResult::Int8 {
            parameters: Some(stream),
            ..
        }
        | ConvolutionResult::Fp16OfInt8 {
            parameters: Some(stream),
            ..
        } = &operation.result
        {
            let bytes = match stream {
                ChannelParameters::Full(_) => parameters::full_bytes(aligned),
                ChannelParameters::Bias { .. } => parameters::bias_bytes(aligned),
            };
            let address = self.address(stream.at(), bytes as u64, "parameters")?;
            operands.push((address, bytes as u64));
            stream_at = Some(Stream::of(stream, address));
        }
        let mut residual_at = None;
        if let Some(residual) = operation.result.residual() {
            let address = self.address(residual, output_bytes, "residual")?;
            operands.push((address, output_bytes));
            residual_at = Some(address);
        }
        whole.stage = Stage::of(&operation.result, stream_at, residual_at);
        self.refuse_overlap((whole.output, output_bytes), &operands, "output")?;
        Ok(Layer {
            operation: *operation,
            out_height,
            whole,
        })
    }

    /// Pushes the tasks of a dense convolution or first layer.
    pub(crate) fn dense(&mut self, layer: &Layer, cut: &Cut) -> Result<(), DeviceError> {
        self.reserve(cut.tasks())?;
        for slice in 0..cut.slices {
            let first = slice * cut.slice_kernels;
            let count = cut.slice_kernels.min(layer.whole.kernels - first);
            for band in 0..cut.bands {
                let mut task = layer.band(cut, band).kernel_slice(first, count);
                task.data_reuse = cut.bands == 1 && slice > 0;
                task.weight_reuse = cut.weights_fit && band > 0;
                self.push(Work::Convolution(task));
            }
        }
        Ok(())
    }

    /// One channel group after the other, each announced whole (erratum 27).
    fn depthwise(&mut self, layer: &Layer) -> Result<(), DeviceError> {
        let group = layer.whole.group();
        let element = layer.whole.precision.bytes() as usize;
        let taps = layer.whole.kernel_bytes / (layer.whole.channels * element);
        let mut one = *layer;
        one.whole.channels = group;
        one.whole.kernel_bytes = taps * group * element;
        let cut = one.cut(self.soc).ok_or_else(nothing_fits)?;
        let channels = layer.whole.real_channels;
        self.reserve(cut.bands.saturating_mul(channels.div_ceil(group)))?;
        for first in (0..channels).step_by(group) {
            let count = group.min(channels - first);
            for band in 0..cut.bands {
                let mut task = one.band(&cut, band);
                let surfaces = first * element / 8;
                task.features += (surfaces * task.surface_stride * 8) as u32;
                task.real_channels = count;
                // Slices of kernels are slices of channels here, and `kernel_bytes` is a whole group.
                let weights = task.weights + (first / group * task.kernel_bytes) as u32;
                task = ConvolutionTask {
                    weights,
                    ..task.kernel_slice(first, count)
                };
                task.weight_reuse = band > 0;
                self.push(Work::Convolution(task));
            }
        }
        Ok(())
    }
}

impl Layer {
    fn extent_rows(&self) -> usize {
        let window = &self.operation.window;
        ((window.kernel_height - 1) * window.dilation_y + 1) as usize
    }

    /// The cheapest cut.
    pub(crate) fn cut(&self, soc: &Soc) -> Option<Cut> {
        let whole = &self.whole;
        let depthwise = whole.source == Source::Depthwise;
        let row_bytes = whole.width * whole.channels * whole.precision.bytes() as usize;
        let halo = self
            .extent_rows()
            .saturating_sub(self.operation.window.stride_y as usize);
        let load = Load {
            rows: self.out_height,
            row_multiple: 1,
            kernels: if depthwise { 1 } else { whole.kernels },
            group: if depthwise { 1 } else { whole.group() },
            kernel_bytes: whole.kernel_bytes,
            feature_bytes: (whole.rows * row_bytes) as u64,
            halo_bytes: (halo * row_bytes) as u64,
        };
        Cut::best(&load, soc, |banks| self.fitting_rows(banks, soc))
    }

    /// Output rows whose input rows fit so many banks.
    fn fitting_rows(&self, data_banks: usize, soc: &Soc) -> usize {
        let whole = &self.whole;
        let surfaces = whole.channels * whole.precision.bytes() as usize / 8;
        // One generator counts a remainder of three surfaces as four (§4.2): leave room for that.
        let charged = if surfaces % 4 == 3 { surfaces + 1 } else { surfaces };
        let entries = entries_per_row(whole.width, charged).next_multiple_of(2);
        let input_rows = (data_banks * soc.bank_bytes / 32 / entries).min(MAX_SIDE);
        if input_rows >= whole.rows {
            return self.out_height;
        }
        let stride = self.operation.window.stride_y as usize;
        match input_rows.checked_sub(self.extent_rows()) {
            Some(more) => more / stride + 1,
            None => 0,
        }
    }

    /// The task of a band, all kernels.
    pub(crate) fn band(&self, cut: &Cut, band: usize) -> ConvolutionTask {
        let window = &self.operation.window;
        let first_out = band * cut.band_rows;
        let out_rows = cut.band_rows.min(self.out_height - first_out);
        let stride = window.stride_y as usize;
        let pad_top = window.pad_top as usize;
        let first_row = (first_out * stride).saturating_sub(pad_top);
        let pad_above = pad_top.saturating_sub(first_out * stride);
        let last_row = ((first_out + out_rows - 1) * stride + self.extent_rows()).saturating_sub(pad_top);
        ConvolutionTask {
            rows: last_row.min(self.whole.rows) - first_row,
            features: self.whole.features + (first_row * self.whole.line_stride * 8) as u32,
            window: Window {
                pad_top: pad_above as u32,
                ..*window
            },
            data_banks: cut.data_banks,
            weight_banks: cut.weight_banks,
            out_rows,
            ..self.whole.at_output_row(first_out)
        }
    }
}

fn nothing_fits() -> DeviceError {
    DeviceError::Unsupported("the rows of one output row and one kernel group do not fit the buffer together".into())
}
