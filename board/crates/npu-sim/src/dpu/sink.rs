//! Runs tiles through the decoded stages, a few hundred pixels of four channels at a time, and writes them. The one place
//! where values and registers of the DPU meet.

use alloc::vec::Vec;

use npu_device::DmaMem;

use super::element::{OperandSize, Operands};
use super::rounding::saturate;
use super::stage::LANES;
use super::{Dpu, Format, encode};
use crate::fault::FaultKind;
use crate::table::Tables;
use crate::tile::{Tile, TileSink, Values};

/// Pixels of a run: small enough for the first-level cache, large enough to pay for its set-up.
const RUN_PIXELS: usize = 256;

/// What DPU_RDMA read for the task.
#[derive(Default)]
pub(crate) struct Feeds {
    /// Of BS and compensation.
    pub(crate) first: Parameters,
    /// Of BN.
    pub(crate) second: Parameters,
    /// Element-wise operand in native order, (surface, pixel, 8 bytes), or channel after channel.
    pub(crate) operand: Vec<u8>,
}

/// Parameters of one stream, one for each channel.
#[derive(Default)]
pub(crate) struct Parameters {
    /// ALU operands: int32, or fp32 bits.
    pub(crate) alu: Vec<i32>,
    /// Compensation factors.
    pub(crate) compensation: Vec<i32>,
    /// Multipliers: unsigned 16 bits, or fp16 bits.
    pub(crate) multipliers: Vec<i32>,
}

/// Buffers that outlive a task.
#[derive(Default)]
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    values: Vec<i32>,
    operands: Vec<i32>,
    #[cfg(feature = "float")]
    pub(super) floats: [Vec<f32>; 2],
}

/// The DPU as what follows the accumulator.
pub(crate) struct Sink<'a> {
    pub(crate) dpu: &'a Dpu,
    pub(crate) tables: &'a Tables,
    pub(crate) feeds: &'a Feeds,
    pub(crate) memory: &'a dyn DmaMem,
    pub(crate) scratch: &'a mut Scratch,
}

impl TileSink for Sink<'_> {
    fn needs_sums(&self) -> bool {
        self.dpu.compensation.is_some()
    }

    fn take(&mut self, tile: &Tile<'_>) -> Result<(), FaultKind> {
        let (dpu, out) = (self.dpu, self.dpu.formats.out);
        let first = tile.first_channel / out.atom_channels();
        let pixels = (tile.first_pixel, tile.pixels);
        #[cfg(target_endian = "little")]
        if let (Values::Int(values), true) = (tile.values, dpu.copies()) {
            return dpu.surfaces.write(self.memory, first, pixels, as_bytes(values));
        }
        let mut bytes = core::mem::take(&mut self.scratch.bytes);
        // Every byte is written below, so what is left of the last tile need not be cleared.
        bytes.resize(tile.channels * tile.pixels * out.bytes(), 0);
        match tile.values {
            #[cfg(not(target_endian = "little"))]
            Values::Int(values) if dpu.copies() => copy(values, &mut bytes),
            Values::Int(values) => self.integers(tile, values, &mut bytes),
            #[cfg(feature = "float")]
            Values::Float(values) => self.floats(tile, values, &mut bytes),
        }
        let outcome = dpu.surfaces.write(self.memory, first, pixels, &bytes);
        self.scratch.bytes = bytes;
        outcome
    }

    fn finish(&mut self, _memory: &dyn DmaMem) -> Result<(), FaultKind> {
        Ok(())
    }
}

/// Accumulators as memory stores them.
#[cfg(target_endian = "little")]
fn as_bytes(values: &[i32]) -> &[u8] {
    // SAFETY: four initialised bytes a value, any alignment suits bytes, and the borrow is the same.
    unsafe { core::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

#[cfg(not(target_endian = "little"))]
fn copy(values: &[i32], bytes: &mut [u8]) {
    for (four, value) in bytes.chunks_exact_mut(4).zip(values) {
        four.copy_from_slice(&value.to_le_bytes());
    }
}

/// Runs of pixels of four channels: offset of the run's first value, first pixel within the tile, pixels, channel.
pub(super) fn runs(tile: &Tile<'_>) -> impl Iterator<Item = Run> + use<> {
    let (first_channel, first_pixel, pixels) = (tile.first_channel, tile.first_pixel, tile.pixels);
    (0..tile.channels / LANES).flat_map(move |quad| {
        (0..pixels).step_by(RUN_PIXELS).map(move |start| Run {
            at: (quad * pixels + start) * LANES,
            start,
            pixels: RUN_PIXELS.min(pixels - start),
            quad,
            channel: first_channel + quad * LANES,
            pixel: first_pixel + start,
        })
    })
}

/// One run.
#[derive(Clone, Copy)]
pub(super) struct Run {
    /// First value within the tile.
    pub(super) at: usize,
    /// First pixel within the tile.
    start: usize,
    pub(super) pixels: usize,
    /// Four channels within the tile.
    quad: usize,
    /// First channel of the task.
    pub(super) channel: usize,
    /// First pixel of the task.
    pub(super) pixel: usize,
}

impl Run {
    /// Places each pixel's four results, of `N` bytes together, in a tile of surfaces.
    pub(super) fn place<const N: usize>(
        self,
        tile_pixels: usize,
        atom: usize,
        bytes: &mut [u8],
        results: impl Iterator<Item = [u8; N]>,
    ) {
        let per_atom = atom / N;
        let first = (self.quad / per_atom * tile_pixels + self.start) * atom + self.quad % per_atom * N;
        let last = first + (self.pixels - 1) * atom + N;
        let slots = bytes[first..last].chunks_mut(atom);
        slots
            .zip(results)
            .for_each(|(slot, result)| slot[..N].copy_from_slice(&result));
    }
}

impl Sink<'_> {
    /// Calls `each` with the `N`-byte operands of every pixel of a run, four channels together. What was not delivered is
    /// left out.
    pub(super) fn operand_lanes<const N: usize>(
        &self,
        run: &Run,
        operands: Operands,
        mut each: impl FnMut([[u8; N]; LANES]),
    ) {
        let four = |bytes: &[u8]| {
            let (lanes, _) = bytes.as_chunks::<N>();
            <[[u8; N]; LANES]>::try_from(lanes.get(..LANES)?).ok()
        };
        if operands.per_channel {
            let bytes = self.feeds.operand.get(run.channel * N..).unwrap_or_default();
            if let Some(lanes) = four(bytes) {
                (0..run.pixels).for_each(|_| each(lanes));
            }
            return;
        }
        let atom = 8 / N;
        let pixels = self.dpu.input.pixels();
        let first = (run.channel / atom * pixels + run.pixel) * 8 + run.channel % atom * N;
        let bytes = self.feeds.operand.get(first..).unwrap_or_default();
        bytes.chunks(8).take(run.pixels).filter_map(four).for_each(each);
    }

    /// The raw element-wise operands of a run.
    fn operands(&self, run: &Run, operands: Operands, into: &mut Vec<i32>) {
        into.clear();
        match operands.size {
            OperandSize::Byte => self.operand_lanes::<1>(run, operands, |four| {
                into.extend(four.map(|byte| i32::from(i8::from_le_bytes(byte))));
            }),
            OperandSize::Half => self.operand_lanes::<2>(run, operands, |four| {
                into.extend(four.map(|half| i32::from(i16::from_le_bytes(half))));
            }),
        }
        into.resize(run.pixels * LANES, 0);
    }

    fn integers(&mut self, tile: &Tile<'_>, values: &[i32], bytes: &mut [u8]) {
        let Scratch {
            values: mut block,
            operands: mut joined,
            ..
        } = core::mem::take(self.scratch);
        let (dpu, feeds) = (self.dpu, self.feeds);
        for run in runs(tile) {
            let range = run.at..run.at + run.pixels * LANES;
            block.clear();
            block.extend_from_slice(&values[range.clone()]);
            if let Some(factor) = dpu.compensation {
                let factors = factor.of(&feeds.first.compensation, run.channel);
                if dpu.input.depthwise {
                    compensate_each(&mut block, factors, &tile.feature_sums[range]);
                } else {
                    compensate(
                        &mut block,
                        factors,
                        &tile.feature_sums[run.start..run.start + run.pixels],
                    );
                }
            }
            let Feeds { first, second, .. } = feeds;
            dpu.bs.apply(&mut block, run.channel, &first.alu, &first.multipliers);
            dpu.bn.apply(&mut block, run.channel, &second.alu, &second.multipliers);
            match dpu.element.reads() {
                Some(operands) => self.operands(&run, operands, &mut joined),
                None => joined.resize(block.len(), 0),
            }
            dpu.element.apply(&mut block, &mut joined, self.tables);
            dpu.out.apply(&mut block);
            encode_run(dpu.formats.out, dpu.exponent, &run, tile.pixels, &block, bytes);
        }
        (self.scratch.values, self.scratch.operands) = (block, joined);
    }
}

fn encode_run(out: Format, exponent: u32, run: &Run, tile_pixels: usize, block: &[i32], bytes: &mut [u8]) {
    let pixels = block.chunks_exact(LANES);
    let atom = out.atom_bytes();
    match out {
        Format::Int8 => run.place(
            tile_pixels,
            atom,
            bytes,
            pixels.map(|four| [0, 1, 2, 3].map(|lane| four[lane].clamp(-128, 127) as u8)),
        ),
        Format::Fp16 => run.place(
            tile_pixels,
            atom,
            bytes,
            pixels.map(|four| halves([0, 1, 2, 3].map(|lane| encode::to_f16(four[lane], exponent)))),
        ),
        Format::Int32 => run.place(
            tile_pixels,
            atom,
            bytes,
            pixels.map(|four| words([0, 1, 2, 3].map(|lane| four[lane] as u32))),
        ),
        Format::Fp32 => run.place(
            tile_pixels,
            atom,
            bytes,
            pixels.map(|four| words([0, 1, 2, 3].map(|lane| encode::to_f32(four[lane], exponent)))),
        ),
    }
}

/// Four 16-bit results of a pixel.
pub(super) fn halves(four: [u16; LANES]) -> [u8; 8] {
    let mut bytes = [0; 8];
    for (two, half) in bytes.chunks_exact_mut(2).zip(four) {
        two.copy_from_slice(&half.to_le_bytes());
    }
    bytes
}

/// Four 32-bit results of a pixel.
pub(super) fn words(four: [u32; LANES]) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (each, word) in bytes.chunks_exact_mut(4).zip(four) {
        each.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// §12.14, dense: one sum for all channels of a pixel.
fn compensate(block: &mut [i32], factors: [i32; LANES], sums: &[i32]) {
    for (four, &sum) in block.chunks_exact_mut(LANES).zip(sums) {
        for (x, &factor) in four.iter_mut().zip(&factors) {
            *x = saturate(i64::from(*x) + i64::from(factor) * i64::from(sum));
        }
    }
}

/// §12.14, depthwise: every value has its own sum.
fn compensate_each(block: &mut [i32], factors: [i32; LANES], sums: &[i32]) {
    for (four, sums) in block.chunks_exact_mut(LANES).zip(sums.chunks_exact(LANES)) {
        for ((x, &factor), &sum) in four.iter_mut().zip(&factors).zip(sums) {
            *x = saturate(i64::from(*x) + i64::from(factor) * i64::from(sum));
        }
    }
}
