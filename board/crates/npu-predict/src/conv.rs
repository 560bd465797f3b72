//! Convolutions as array work: rows, buffer entries, padding at the band's edges (sheet §2.4, §4.1–§4.3, §10.2).

use npu_device::Traffic;
use npu_sim::timing::TaskShape;

use crate::cut::{BANK_BYTES, Band, Height, MOST_TASKS, Tasks, Work, grouped};
use crate::network::{Cube, Dtype, Window};

/// Command words of a convolution with DPU_RDMA (§9.6).
const COMMAND_BYTES: u64 = 137 * 8;
/// Parameter stream: bias, offset and multiplier of a channel (§2.6).
const CHANNEL_BYTES: u64 = 8;
/// Most rows of a band: 11-bit field.
const MOST_BAND_ROWS: u64 = 2047;

/// Rows of features in memory and in the buffer.
struct Rows {
    read_bytes: u64,
    buffer_bytes: u64,
}

impl Rows {
    fn of(input: Cube, dtype: Dtype, first_layer: bool) -> Self {
        let atoms = if first_layer {
            1
        } else {
            (input.channels * dtype.bytes()).div_ceil(8)
        };
        let read_bytes = if first_layer {
            (input.width * input.channels * dtype.bytes()).div_ceil(8) * 8
        } else {
            input.width * atoms * 8
        };
        Self {
            read_bytes,
            buffer_bytes: (input.width * atoms).div_ceil(4) * 32,
        }
    }
}

/// Row bands of a window where `data_bytes` hold features.
fn bands(window: &Window, rows: &Rows, data_bytes: u64, height: Height) -> Option<Vec<Band>> {
    let [kernel_rows, stride] = [window.kernel[0], window.stride[0]];
    let input_rows = window.input.height;
    let fitting = (data_bytes / rows.buffer_bytes).min(MOST_BAND_ROWS);
    if fitting < kernel_rows.min(input_rows) {
        return None;
    }
    let most = if fitting >= input_rows {
        window.out_height
    } else {
        ((fitting - kernel_rows) / stride + 1).min(window.out_height)
    };
    let out_rows = match height {
        Height::Most => most,
        Height::Even => window.out_height.div_ceil(window.out_height.div_ceil(most)),
        Height::One => 1,
    };
    if height != Height::Most && out_rows == most || height == Height::One && stride <= kernel_rows {
        return None;
    }
    // Rows that must be there before the first stripe of 16 outputs (FEATURE_GRAINS, §2.4).
    let grains = kernel_rows + stride * (1 + 16 / window.out_width);
    let band = |first: u64| {
        let count = out_rows.min(window.out_height - first);
        let start = (first * stride).saturating_sub(window.pad_top);
        let end = ((first + count - 1) * stride + kernel_rows).saturating_sub(window.pad_top);
        let needed = end.min(input_rows).saturating_sub(start).max(1);
        Band {
            read_bytes: needed * rows.read_bytes,
            fill_bytes: needed.min(grains) * rows.read_bytes,
            outputs: count * window.out_width,
        }
    };
    Some((0..window.out_height).step_by(out_rows as usize).map(band).collect())
}

/// A dense convolution.
pub(crate) struct Dense {
    pub(crate) window: Window,
    pub(crate) kernels: u64,
    pub(crate) residual: bool,
    pub(crate) dtype: Dtype,
}

impl Dense {
    /// One to four channels are read interleaved (§4.1).
    fn first_layer(&self) -> bool {
        self.window.input.channels <= 4
    }
}

impl Work for Dense {
    fn kernels(&self) -> u64 {
        self.kernels
    }

    fn kernel_group(&self) -> u64 {
        self.dtype.kernel_group()
    }

    fn kernel_bytes(&self) -> u64 {
        let tap = if self.first_layer() {
            8
        } else {
            (self.window.input.channels * self.dtype.bytes()).next_multiple_of(8)
        };
        self.window.kernel[0] * self.window.kernel[1] * tap
    }

    fn most_kernels(&self) -> u64 {
        u64::MAX
    }

    fn bands(&self, data_bytes: u64, height: Height) -> Option<Vec<Band>> {
        let rows = Rows::of(self.window.input, self.dtype, self.first_layer());
        bands(&self.window, &rows, data_bytes, height)
    }

    fn task(&self, outputs: u64, kernels: u64) -> TaskShape {
        let [rows, columns] = self.window.kernel;
        let channels = self.window.input.channels;
        let shape = match (self.first_layer(), self.dtype) {
            (true, Dtype::Int8) => TaskShape::first_layer_int8(outputs, rows, columns, kernels),
            // Taps take 8 bytes too, and a cycle takes half the kernels.
            (true, Dtype::Fp16) => TaskShape::first_layer_int8(outputs, rows, columns, kernels * 2),
            (false, Dtype::Int8) => TaskShape::dense_int8(outputs, rows * columns, channels, kernels),
            (false, Dtype::Fp16) => TaskShape::dense_16_bit(outputs, rows * columns, channels, kernels),
        };
        let written_bytes = outputs * kernels.next_multiple_of(self.kernel_group()) * self.dtype.bytes();
        let operand = if self.residual { written_bytes } else { 0 };
        TaskShape {
            traffic: Traffic {
                data_read_bytes: operand + CHANNEL_BYTES * kernels + COMMAND_BYTES,
                weight_read_bytes: 0,
                written_bytes,
            },
            ..shape
        }
    }
}

/// Tasks of every cut of a depthwise convolution: channels in slices of whole groups, rows in bands.
pub(crate) fn depthwise(window: &Window, dtype: Dtype) -> Vec<Tasks> {
    let group = 32 / dtype.bytes();
    let channels = window.input.channels.next_multiple_of(group);
    let taps = window.kernel[0] * window.kernel[1];
    let mut every = Vec::new();
    let heights = [Height::Most, Height::Even, Height::One];
    let ways = (1..=channels / group).flat_map(|parts| heights.map(|height| (parts, height)));
    for (parts, height) in ways {
        let slice = (channels / group).div_ceil(parts) * group;
        let weight_bytes = taps * slice * dtype.bytes();
        let Some(data_bytes) = (8 * BANK_BYTES).checked_sub(weight_bytes.next_multiple_of(BANK_BYTES)) else {
            continue;
        };
        let input = Cube {
            channels: slice,
            ..window.input
        };
        let Some(bands) = bands(window, &Rows::of(input, dtype, false), data_bytes, height) else {
            continue;
        };
        let slices = channels.div_ceil(slice);
        let tasks = slices.saturating_mul(bands.len() as u64);
        if tasks > MOST_TASKS {
            continue;
        }
        // All slices but the last are equal.
        let runs = [(slice, slices - 1), (channels - (slices - 1) * slice, 1)];
        let shapes = runs
            .into_iter()
            .filter(|&(_, equal)| equal > 0)
            .flat_map(|(here, equal)| {
                bands.iter().enumerate().map(move |(band_index, band)| {
                    let shape = match dtype {
                        Dtype::Int8 => TaskShape::depthwise_int8(band.outputs, taps, here),
                        Dtype::Fp16 => TaskShape::depthwise_16_bit(band.outputs, taps, here),
                    };
                    let shape = TaskShape {
                        fill_bytes: band.fill_bytes * here / slice,
                        traffic: Traffic {
                            data_read_bytes: band.read_bytes * here / slice + CHANNEL_BYTES * here + COMMAND_BYTES,
                            weight_read_bytes: if band_index > 0 { 0 } else { taps * here * dtype.bytes() },
                            written_bytes: band.outputs * here * dtype.bytes(),
                        },
                        ..shape
                    };
                    (shape, equal)
                })
            });
        every.push(grouped(shapes));
    }
    every
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(size: u64, channels: u64, out: u64) -> Window {
        let input = Cube {
            height: size,
            width: size,
            channels,
        };
        Window {
            input,
            kernel: [3, 3],
            stride: [2, 2],
            pad_top: 0,
            out_height: out,
            out_width: out,
        }
    }

    #[test]
    fn bands_are_those_of_the_vendor_in_both_worked_examples() {
        // B.1: 37 of 96 rows for the first 18 output rows, 7 data banks.
        let rows = Rows::of(window(96, 64, 48).input, Dtype::Int8, false);
        let found = bands(&window(96, 64, 48), &rows, 7 * BANK_BYTES, Height::Most).unwrap();
        assert_eq!((rows.read_bytes, rows.buffer_bytes), (96 * 64, 192 * 32));
        assert_eq!((found[0].read_bytes, found[0].outputs), (37 * 96 * 64, 18 * 48));
        assert_eq!(found[0].fill_bytes, 5 * 96 * 64); // FEATURE_GRAINS 5
        // B.2: 149 rows, then 44, of a first layer of 192 x 3 bytes a row.
        let rows = Rows::of(window(192, 3, 96).input, Dtype::Int8, true);
        let found = bands(&window(192, 3, 96), &rows, 7 * BANK_BYTES, Height::Most).unwrap();
        let read: Vec<u64> = found.iter().map(|band| band.read_bytes / (192 * 3)).collect();
        assert_eq!((read, found[0].outputs), (vec![149, 44], 74 * 96));
    }

    #[test]
    fn a_row_that_no_bank_holds_is_no_band() {
        let wide = Window {
            input: Cube {
                height: 4,
                width: 2047,
                channels: 8192,
            },
            ..window(4, 8, 1)
        };
        assert_eq!(
            bands(
                &wide,
                &Rows::of(wide.input, Dtype::Int8, false),
                7 * BANK_BYTES,
                Height::Most
            ),
            None
        );
        assert!(!depthwise(&wide, Dtype::Int8).is_empty(), "channels can be cut");
    }
}
