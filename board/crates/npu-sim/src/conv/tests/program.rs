//! One convolution as register values, written from the formulas of §2.4 and §4, and a way to run it up to the accumulator.

use alloc::vec::Vec;

use npu_device::{DmaMem, Traffic};
use npu_kernels::int8::GROUP;
use npu_regs::register_at;

use crate::array;
use crate::cbuf::Cbuf;
use crate::cna::Convolution;
use crate::conv::accumulate;
use crate::fault::{FaultKind, Origin};
use crate::file::RegisterFile;
use crate::memory::{BASE, HostMemory};
use crate::tile::{Tile, TileSink, Values};

pub(super) const FEATURES: u32 = BASE;
pub(super) const WEIGHTS: u32 = BASE + 0x20_0000;

/// Sizes of a convolution, in the sheet's terms.
#[derive(Clone, Copy, Debug)]
pub(super) struct Program {
    pub(super) half: bool,
    pub(super) depthwise: bool,
    /// 1 to 4 channels side by side.
    pub(super) interleaved: bool,
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) declared: usize,
    pub(super) real: usize,
    pub(super) kernels: usize,
    pub(super) kernel: (usize, usize),
    pub(super) stride: (usize, usize),
    /// Pixels between taps, rows and columns.
    pub(super) gap: (usize, usize),
    pub(super) pad: (usize, usize),
    pub(super) pad_value: i16,
    pub(super) output: (usize, usize),
    pub(super) line_stride: usize,
    pub(super) surface_stride: usize,
    pub(super) features: u32,
    pub(super) weights: u32,
    pub(super) reuse: u32,
}

impl Program {
    /// A dense int8 1x1 convolution of a map that stands alone.
    pub(super) fn new(width: usize, height: usize, channels: usize, kernels: usize) -> Self {
        Self {
            half: false,
            depthwise: false,
            interleaved: false,
            width,
            height,
            declared: channels,
            real: channels,
            kernels,
            kernel: (1, 1),
            stride: (1, 1),
            gap: (0, 0),
            pad: (0, 0),
            pad_value: 0,
            output: (height, width),
            line_stride: width,
            surface_stride: (width * height).next_multiple_of(4),
            features: FEATURES,
            weights: WEIGHTS,
            reuse: 0,
        }
    }

    pub(super) fn element(&self) -> usize {
        if self.half { 2 } else { 1 }
    }

    pub(super) fn kernel_bytes(&self) -> usize {
        self.kernel.0 * self.kernel.1 * self.declared * self.element()
    }

    /// Output channels as announced.
    pub(super) fn announced(&self) -> usize {
        match (self.depthwise, self.half) {
            (true, false) => self.declared.next_multiple_of(32),
            (true, true) => self.declared.next_multiple_of(16),
            (false, false) => self.kernels.next_multiple_of(16),
            (false, true) => self.kernels.next_multiple_of(8),
        }
    }

    fn entries(&self) -> usize {
        (self.width * (self.declared * self.element()).div_ceil(8)).div_ceil(4)
    }

    /// Register values of CNA, CMAC and CORE; everything else is 0.
    pub(super) fn registers(&self) -> Vec<(u32, usize)> {
        let precision = if self.half { 2 } else { 0 };
        let depthwise = usize::from(self.depthwise);
        let (out_height, out_width) = self.output;
        let kernels = if self.depthwise { 1 } else { self.kernels };
        let banks = (self.entries() * self.height).div_ceil(1024).max(1);
        let argb = if self.interleaved { 7 + self.real } else { 0 };
        alloc::vec![
            (0x100C, argb << 12 | precision << 8 | precision << 4 | (3 * depthwise)),
            (0x1010, (self.kernel.0 + self.stride.0 * (1 + 16 / out_width)) << 4),
            (
                0x1014,
                self.gap.0 << 21 | self.gap.1 << 16 | self.stride.0 << 3 | self.stride.1
            ),
            (0x1020, self.width << 16 | self.height),
            (0x1024, (self.real - 1) << 16 | self.declared),
            (0x1028, out_width),
            (0x102C, out_width * out_height),
            (0x1030, kernels * self.kernel_bytes()),
            (0x1034, self.kernel_bytes()),
            (0x1038, self.kernel.1 << 24 | self.kernel.0 << 16 | kernels),
            (0x1040, (8 - banks) << 4 | banks | self.reuse as usize),
            (0x1044, self.width << 16 | self.entries()),
            (0x104C, 0x0A),
            (
                0x1068,
                (self.pad_value as u16 as usize) << 16 | self.pad.1 << 4 | self.pad.0
            ),
            (0x1070, self.features as usize),
            (0x1078, 0x0017_1C07),
            (0x107C, self.line_stride),
            (0x1080, self.surface_stride),
            (0x1084, self.width << 16 | self.height),
            (0x1088, self.declared),
            (0x1110, self.weights as usize),
            (0x200C, precision << 12 | depthwise << 1 | 1),
            (0x300C, precision << 12 | depthwise << 1),
            (0x3010, (out_height - 1) << 16 | (out_width - 1)),
            (0x3014, self.announced() - 1),
        ]
    }

    /// Decodes the registers, `changes` applied last.
    pub(super) fn decode(&self, changes: &[(u32, u32)]) -> Result<Convolution, FaultKind> {
        let all = self.registers().into_iter().map(|(at, value)| (at, value as u32));
        decode(all.chain(changes.iter().copied()))
    }
}

/// Decodes register values written in order.
pub(super) fn decode(values: impl IntoIterator<Item = (u32, u32)>) -> Result<Convolution, FaultKind> {
    let mut file = RegisterFile::new();
    for (offset, value) in values {
        let register = register_at(offset).expect("a register of the sheet");
        file.write(register, value, Origin::Cpu)?;
    }
    Convolution::decode(&file.view(), 0)
}

/// Collects tiles into `[channel][pixel]`, and checks that each value comes once.
pub(super) struct Collect {
    pub(super) pixels: usize,
    pub(super) ints: Vec<Option<i32>>,
    pub(super) floats: Vec<Option<f32>>,
    /// Dense: one per pixel and channel alike.
    pub(super) sums: Vec<i32>,
    depthwise: bool,
}

impl Collect {
    pub(super) fn new(task: &Convolution) -> Self {
        let (pixels, count) = (task.cube.pixels(), task.cube.channels * task.cube.pixels());
        Self {
            pixels,
            ints: alloc::vec![None; count],
            floats: alloc::vec![None; count],
            sums: alloc::vec![0; count],
            depthwise: task.cube.depthwise,
        }
    }
}

impl TileSink for Collect {
    fn needs_sums(&self) -> bool {
        true
    }

    fn take(&mut self, tile: &Tile<'_>) -> Result<(), FaultKind> {
        for channel in 0..tile.channels {
            for pixel in 0..tile.pixels {
                let from = (channel / 4 * tile.pixels + pixel) * 4 + channel % 4;
                let to = (tile.first_channel + channel) * self.pixels + tile.first_pixel + pixel;
                match tile.values {
                    Values::Int(values) => {
                        assert_eq!(self.ints[to].replace(values[from]), None);
                        self.sums[to] = tile.feature_sums[if self.depthwise { from } else { pixel }];
                    }
                    #[cfg(feature = "float")]
                    Values::Float(values) => assert_eq!(self.floats[to].replace(values[from]), None),
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, _memory: &dyn DmaMem) -> Result<(), FaultKind> {
        Ok(())
    }
}

/// A buffer and memory that tasks run on.
pub(super) struct Bench {
    pub(super) memory: HostMemory,
    pub(super) cbuf: Cbuf,
    scratch: array::Scratch,
}

impl Bench {
    pub(super) fn new() -> Self {
        assert_eq!(GROUP, 16);
        Self {
            memory: HostMemory::new(4 << 20).expect("memory"),
            cbuf: Cbuf::default(),
            scratch: array::Scratch::default(),
        }
    }

    pub(super) fn write(&self, address: u32, bytes: &[u8]) {
        self.memory.write(address, bytes).expect("mapped");
    }

    pub(super) fn run(&mut self, task: &Convolution) -> Result<(Collect, Traffic), FaultKind> {
        self.run_on(task, None)
    }

    /// Runs on the bench's memory or on another view of it.
    pub(super) fn run_on(
        &mut self,
        task: &Convolution,
        memory: Option<&dyn DmaMem>,
    ) -> Result<(Collect, Traffic), FaultKind> {
        let mut sink = Collect::new(task);
        let memory = memory.unwrap_or(&self.memory);
        let read = accumulate(task, memory, &mut self.cbuf, &mut self.scratch, &mut sink)?;
        Ok((sink, read))
    }
}

/// splitmix64.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(super) fn between(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high - low + 1)
    }
}
