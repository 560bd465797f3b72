//! Convolutions as shapes, formats and addresses, and the sizes that follow (§2.4, §2.7, §4).

mod tasks;

use npu_reference::Geometry;

use super::style::Style;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Dense,
    Depthwise,
    /// Interleaved input of 1 to 4 channels.
    First,
}

/// Format of the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    Int8,
    Int32,
    Half,
    Float,
}

#[derive(Clone, Debug)]
pub struct Layer {
    pub kind: Kind,
    /// fp16 instead of int8 operands.
    pub half: bool,
    /// Channels, rows, columns.
    pub input: (usize, usize, usize),
    /// Channels announced to CNA: a multiple of one surface.
    pub announced: usize,
    pub kernel: (usize, usize),
    pub kernels: usize,
    pub geometry: Geometry,
    pub pad_value: i32,
    /// First layer: raw bytes through the input converter, minus 128.
    pub convert: bool,
    pub output: Output,
    pub addresses: Addresses,
    /// Most input rows of a band.
    pub most_rows: usize,
    /// Kernels per task, a multiple of 16; splits only where one band holds all rows.
    pub kernels_per_task: usize,
    /// Registers of the post-processor.
    pub post: Vec<(u32, u32)>,
    pub data_format: u32,
    pub ow: u32,
    /// Bytes per channel of the parameter stream; 0 without one.
    pub stream_bytes: usize,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Addresses {
    pub input: u32,
    pub weights: u32,
    pub output: u32,
    pub stream: u32,
    /// Stream of BN; 0 = none.
    pub second: u32,
    /// Element-wise operand; 0 = none.
    pub operand: u32,
}

/// Entries of one bank.
const BANK_ENTRIES: usize = 1024;
const BANK_BYTES: usize = 32 * 1024;

impl Layer {
    fn element(&self) -> usize {
        if self.half { 2 } else { 1 }
    }

    /// Kernels, or channels of a depthwise layer, rounded as the writer wants them (§12.8).
    pub fn aligned(&self) -> usize {
        self.kernels.next_multiple_of(self.group())
    }

    /// Channels that leave the array together.
    fn group(&self) -> usize {
        (if self.kind == Kind::Depthwise { 32 } else { 16 }) / self.element()
    }

    pub fn output_pixels(&self) -> usize {
        self.geometry.output.0 * self.geometry.output.1
    }

    /// Bytes between output surfaces (§2.7).
    pub fn surface_bytes(&self) -> usize {
        match self.output {
            Output::Int8 | Output::Half => self.output_pixels().next_multiple_of(4) * 8,
            Output::Int32 | Output::Float => self.output_pixels() * 16,
        }
    }

    /// Channels of one output surface.
    pub fn surface_channels(&self) -> usize {
        if self.output == Output::Int8 { 8 } else { 4 }
    }

    /// Bytes the writer covers, unreal channels included (§11).
    pub fn output_bytes(&self) -> usize {
        self.aligned() / self.surface_channels() * self.surface_bytes()
    }

    /// §2.7: a group's channels in surfaces of 8 bytes a pixel, 16 for 32-bit results.
    fn surfaces_per_group(&self) -> u32 {
        (self.group() / self.surface_channels()) as u32
    }

    /// A register that the post-processor's description names.
    fn described(&self, register: u32) -> Option<u32> {
        let found = self.post.iter().find(|(offset, _)| *offset == register);
        found.map(|(_, value)| *value)
    }

    /// Entries of one row (§4.2), as either generator counts them.
    pub fn entries(&self, style: Style) -> usize {
        let width = self.input.2;
        if self.kind == Kind::First {
            let entries = (width * 8).div_ceil(32);
            return if style == Style::Open {
                entries.next_multiple_of(2)
            } else {
                entries
            };
        }
        let surfaces = self.announced * self.element() / 8;
        let charged = if style == Style::Open && surfaces % 4 == 3 {
            surfaces + 1
        } else {
            surfaces
        };
        (width * charged).div_ceil(4)
    }

    /// Bytes of one kernel (§2.4); of all channels for a depthwise layer, which is one kernel to CNA.
    pub fn kernel_bytes(&self) -> usize {
        let taps = self.kernel.0 * self.kernel.1;
        taps * if self.kind == Kind::First {
            8
        } else {
            self.announced * self.element()
        }
    }
}
