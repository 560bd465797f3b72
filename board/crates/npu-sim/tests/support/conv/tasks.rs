//! Every register of a layer's tasks, in row bands and kernel slices (§2.4, §2.5, §2.7).

use npu_reference::Geometry;

use super::super::bands::{Band, bands};
use super::super::post;
use super::super::program::{Program, convolution};
use super::super::style::Style;
use super::{Addresses, BANK_BYTES, BANK_ENTRIES, Kind, Layer, Output};

impl Layer {
    /// The tasks in order. The open generator runs one announced group of 32 channels of a depthwise layer at a time (§4.3).
    pub fn programs(&self, style: Style) -> Vec<Program> {
        if (self.kind, style, self.half) == (Kind::Depthwise, Style::Open, false) && self.input.0 > 32 {
            let groups = self.input.0.div_ceil(32);
            return (0..groups)
                .flat_map(|group| self.group_of(group).whole(style))
                .collect();
        }
        self.whole(style)
    }

    /// A layer of 32 channels of this one. What is beyond its real channels is computed from whatever memory holds.
    fn group_of(&self, group: usize) -> Self {
        let (_, height, width) = self.input;
        let (first, u) = (32 * group, |value: usize| value as u32);
        let Addresses {
            input,
            weights,
            output,
            stream,
            second,
            ..
        } = self.addresses;
        let per_channel = self.described(0x5028).map_or(0, post::second_stream_bytes);
        let at = |base: u32, bytes: usize| if base == 0 { 0 } else { base + u(bytes) };
        Self {
            input: (32, height, width),
            announced: 32,
            kernels: 32,
            addresses: Addresses {
                input: input + u(first * (height * width).next_multiple_of(4)),
                weights: weights + u(first * self.kernel.0 * self.kernel.1),
                output: output + u(first / self.surface_channels() * self.surface_bytes()),
                stream: at(stream, first * self.stream_bytes),
                second: at(second, first * per_channel as usize),
                operand: 0,
            },
            ..self.clone()
        }
    }

    /// The tasks of one layer as it is announced.
    fn whole(&self, style: Style) -> Vec<Program> {
        let group_bytes = if self.kind == Kind::Depthwise {
            self.kernel_bytes()
        } else {
            16 * self.kernel_bytes()
        };
        let weight_banks = group_bytes.div_ceil(BANK_BYTES).max(1);
        assert!(weight_banks < 8, "one group of kernels needs {group_bytes} bytes");
        let rows = ((8 - weight_banks) * BANK_ENTRIES / self.entries(style)).min(self.most_rows);
        let bands = bands(self.input.1, self.kernel.0, self.geometry, rows);
        let split = self.kind == Kind::Dense && bands.len() == 1;
        let slice = if split { self.kernels_per_task } else { self.kernels };
        let slices: Vec<(usize, usize)> = (0..self.kernels)
            .step_by(slice)
            .map(|first| (first, slice.min(self.kernels - first)))
            .collect();
        let mut programs = Vec::new();
        for (band_index, &band) in bands.iter().enumerate() {
            for (slice_index, &slice) in slices.iter().enumerate() {
                let data_banks = (self.entries(style) * band.input.1).div_ceil(BANK_ENTRIES).max(1);
                let most = bands.iter().map(|band| band.input.1).max().unwrap_or(0);
                let banks = (self.entries(style) * most).div_ceil(BANK_ENTRIES).max(data_banks);
                let weights_fit = slice.1 * self.kernel_bytes() <= (8 - banks) * BANK_BYTES;
                let weight_reuse = band_index > 0 && slices.len() == 1 && weights_fit;
                let data_reuse = slice_index > 0;
                let cbuf = u32::from(weight_reuse) << 13
                    | u32::from(data_reuse) << 12
                    | (8 - banks as u32) << 4
                    | banks as u32;
                programs.push(self.task(style, band, slice, cbuf));
            }
        }
        programs
    }

    fn task(&self, style: Style, band: Band, (first, count): (usize, usize), cbuf: u32) -> Program {
        let rdma =
            style == Style::Open || self.stream_bytes > 0 || self.addresses.second != 0 || self.addresses.operand != 0;
        let mut program = Program::new(convolution(rdma));
        self.cna(&mut program, style, band, (first, count), cbuf);
        let depthwise = u32::from(self.kind == Kind::Depthwise);
        let aligned = if count == self.kernels {
            self.aligned()
        } else {
            count.next_multiple_of(16)
        } as u32;
        let (width, rows) = (self.geometry.output.1 as u32, band.output.1 as u32);
        let precision = if self.half { 0x2000 } else { 0 };
        program.set_all(&[
            (0x200C, precision | depthwise << 1 | 1),
            (0x300C, precision | depthwise << 1),
            (0x3010, (rows - 1) << 16 | (width - 1)),
            (0x3014, aligned - 1),
        ]);
        let format = match (self.half, self.output) {
            (false, Output::Int8) => 0,
            (false, Output::Int32) => 0x8000_0000,
            (false, Output::Half) => 0x4000_0000,
            (false, Output::Float) => 0xA000_0000,
            (true, Output::Half) => 0x4800_0002,
            (true, Output::Float) => 0xA800_0002,
            other => panic!("§2.7 has no row for {other:?}"),
        };
        let (surfaces, surface) = (self.surfaces_per_group(), self.surface_bytes() as u32);
        let pixel_bytes = if matches!(self.output, Output::Int8 | Output::Half) {
            8
        } else {
            16
        };
        let offset = (first / self.surface_channels()) as u32 * surface + band.output.0 as u32 * width * pixel_bytes;
        let size_e = surfaces - 1;
        program.set_all(&[
            (0x400C, if depthwise == 1 { 0x138 } else { 0x108 }),
            (0x4010, format | self.data_format),
            (0x4020, self.addresses.output + offset),
            (0x4024, surface),
            (0x4030, width - 1),
            (0x4034, rows - 1),
            (0x403C, (count as u32 - 1) << 16 | (aligned - 1)),
            (0x4050, size_e << 8 | size_e << 5 | size_e << 2 | self.ow),
            (0x40C0, surfaces * surface),
        ]);
        program.set_all(&self.post);
        if rdma {
            program.set_all(&[
                (0x500C, width - 1),
                (0x5010, rows - 1),
                (0x5014, aligned - 1),
                (0x5028, 1),
                (0x5034, 1),
                (0x5044, style.rdma_mode(self.kind == Kind::Depthwise)),
                (0x5068, 0x0101_0101),
            ]);
            if self.stream_bytes > 0 {
                program.set(0x5020, self.addresses.stream + (first * self.stream_bytes) as u32);
                program.set(0x5024, aligned * self.stream_bytes as u32 / 8 - 1);
            }
            if let Some(configuration) = self.described(0x5028) {
                let first = first as u32 * post::second_stream_bytes(configuration);
                program
                    .set(0x5028, configuration)
                    .set(0x502C, self.addresses.second + first);
            }
            if self.addresses.operand != 0 {
                self.operand(&mut program, style, (first, width, band));
            }
        }
        program
    }

    fn operand(&self, program: &mut Program, style: Style, (first, width, band): (usize, u32, Band)) {
        let reader = self.described(0x5034).unwrap_or(0x4000_0000);
        program.set(0x5034, reader);
        let bytes = if reader >> 2 & 3 == 2 || self.half { 2 } else { 1 };
        if reader >> 30 == 0 {
            // One for a channel: nothing else is said.
            program.set(0x5038, self.addresses.operand + (first * bytes) as u32);
            return;
        }
        let surface = self.output_pixels().next_multiple_of(4) as u32 * 8;
        let rows = band.output.1 as u32;
        let offset = (first * bytes / 8) as u32 * surface + band.output.0 as u32 * width * 8;
        // What the notch says beside a convolution differs between generators; the stride decides.
        let (line, notch) = match style {
            Style::Open => (surface - 8, 0),
            _ => (0, surface - width * rows * 8),
        };
        program.set_all(&[
            (0x5038, self.addresses.operand + offset),
            (0x503C, line),
            (0x5040, surface),
            (0x504C, notch),
        ]);
    }

    fn cna(&self, program: &mut Program, style: Style, band: Band, (first, count): (usize, usize), cbuf: u32) {
        let (channels, height, width) = self.input;
        let (kernel_height, kernel_width) = self.kernel;
        let Geometry {
            stride,
            step,
            pad,
            output,
        } = self.geometry;
        let first_layer = self.kind == Kind::First;
        let depthwise = self.kind == Kind::Depthwise;
        let line_bytes = if first_layer {
            (width * channels * self.element()).div_ceil(8) * 8
        } else {
            width * 8
        };
        let surface = if first_layer {
            width * height
        } else {
            (width * height).next_multiple_of(4)
        };
        let announced = if first_layer {
            8 / self.element()
        } else {
            self.announced
        };
        let kernels = if depthwise { 1 } else { count };
        let precision = if self.half { 0x220 } else { 0 };
        let interleaved = if first_layer { 0x7000 + 0x1000 * channels } else { 0 };
        let grains = kernel_height + stride.0 * (1 + 16 / output.1);
        let all_channels = if first_layer && channels == 3 {
            width * band.input.1 * 9
        } else {
            0
        };
        let u = |value: usize| value as u32;
        program.set_all(&[
            (0x1040, cbuf),
            (0x100C, precision | u(interleaved) | if depthwise { 3 } else { 0 }),
            (0x1010, u(grains) << 4),
            (
                0x1014,
                u((step.0 - 1) << 21 | (step.1 - 1) << 16 | stride.0 << 3 | stride.1),
            ),
            (0x1018, u(all_channels)),
            (0x1020, u(width << 16 | band.input.1)),
            (0x1024, u((channels - 1) << 16 | announced)),
            (0x1028, u(output.1)),
            (0x102C, u(output.1 * band.output.1)),
            (0x1030, u(kernels * self.kernel_bytes())),
            (0x1034, u(self.kernel_bytes())),
            (0x1038, u(kernel_width << 24 | kernel_height << 16 | kernels)),
            (0x1044, u(width << 16 | self.entries(style))),
            (0x104C, 0x0A),
            (0x1050, 0x0001_0000),
            (0x1054, 0x0001_0000),
            (0x1058, 0x0001_0000),
            (0x105C, 0x0001_0000),
            (
                0x1068,
                (self.pad_value as u16 as u32) << 16 | u(pad.1 << 4 | band.pad_top),
            ),
            (0x1070, self.addresses.input + u(band.input.0 * line_bytes)),
            (0x1078, 0x0017_1C07),
            (0x107C, u(line_bytes / 8)),
            (0x1080, u(surface)),
            (0x1084, u(width << 16 | band.input.1)),
            (0x1088, u(announced)),
            (0x1110, self.addresses.weights + u(first * self.kernel_bytes())),
        ]);
        if self.convert {
            // Scale 2^14, truncated by 14, for every channel there is; the vendor names three or one (§2.4).
            let converter = [0xE1, 0xE_38E1, 0xE_38E1, 0x38E_38E1][channels - 1];
            program.set(0x104C, converter);
            for channel in 0..channels as u32 {
                program.set(0x1050 + 4 * channel, 0x4000_FF80);
            }
        }
    }
}
