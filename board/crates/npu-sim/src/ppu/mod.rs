//! Pooling: PPU and PPU_RDMA of a task, decoded and run (sheet §2.9, §12.5, §12.18), on int8 and fp16. Raises no interrupt
//! (erratum 10), which is the program controller's affair.

#[cfg(feature = "float")]
mod half;
mod window;

use alloc::vec::Vec;

use npu_device::{DmaFault, DmaMem};
use npu_regs::{Block, Register, RegisterInfo, ppu, ppu_rdma};

use crate::dpu_rdma::{Transfer, surface_pitch};
use crate::fault::FaultKind;
use crate::file::{View, broken, not_modelled};
use crate::rules;
use crate::tile::Precision;
use window::{Method, Window};

/// Bytes of a pixel of one surface: eight int8 channels or four fp16 ones.
const ATOM: usize = 8;

/// A decoded task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pooling {
    window: Window,
    precision: Precision,
    pub(crate) input: Transfer,
    pub(crate) output: Transfer,
}

/// Buffers that outlive a task.
#[derive(Default)]
pub(crate) struct Scratch {
    input: Vec<u8>,
    output: Vec<u8>,
    rows: Vec<i32>,
    #[cfg(feature = "float")]
    half: half::Scratch,
}

impl Pooling {
    /// Reads and checks both blocks.
    pub(crate) fn decode(view: &View<'_>, dma_base: u32) -> Result<Self, FaultKind> {
        let precision = constants(view)?;
        use ppu::{DATA_CUBE_IN_CHANNEL as C, DATA_CUBE_OUT_CHANNEL as O};
        let (width, height, channels) = input_cube(view)?;
        view.held(
            O::CUBE_OUT_CHANNEL,
            |v| v == view.get(C::CUBE_IN_CHANNEL),
            rules::POOL_SIZE,
        )?;
        let window = window(view, width, height, precision)?;
        let surfaces = (channels * precision.bytes()).div_ceil(ATOM);
        let output = output(view, &window, surfaces, dma_base)?;
        let input = input(view, (width, height), surfaces, dma_base)?;
        Ok(Self {
            window,
            precision,
            input,
            output,
        })
    }

    /// Pools surface by surface.
    pub(crate) fn run(&self, memory: &dyn DmaMem, scratch: &mut Scratch) -> Result<(), FaultKind> {
        let Scratch {
            input, output, rows, ..
        } = scratch;
        for surface in 0..self.output.surfaces {
            self.input.read(memory, surface, 1, input).map_err(input_fault)?;
            match self.precision {
                Precision::Int8 => self.window.pool(input, output, rows),
                #[cfg(feature = "float")]
                Precision::Fp16 => half::pool(&self.window, self.window.pad as u16, input, output, &mut scratch.half),
                // Refused by the decoder.
                #[cfg(not(feature = "float"))]
                Precision::Fp16 => {}
            }
            self.output.write(memory, surface, output).map_err(output_fault)?;
        }
        Ok(())
    }

    /// Output pixels.
    pub(crate) fn pixels(&self) -> usize {
        self.window.columns.count * self.window.rows.count
    }
}

fn input_fault(fault: DmaFault) -> FaultKind {
    FaultKind::Dma {
        block: Block::PpuRdma,
        what: "input",
        fault,
    }
}

fn output_fault(fault: DmaFault) -> FaultKind {
    FaultKind::Dma {
        block: Block::Ppu,
        what: "output",
        fault,
    }
}

/// The precision, and fields that every known task writes alike.
fn constants(view: &View<'_>) -> Result<Precision, FaultKind> {
    use ppu::{DATA_FORMAT as F, MISC_CTRL as M, OPERATION_MODE_CFG as O};
    view.only(
        O::FLYING_MODE,
        1,
        "input from PPU_RDMA (1); DPU to PPU is not modelled (§12.21)",
    )?;
    view.only(O::INDEX_EN, 0, "no index output (0)")?;
    view.only(O::USE_CNT, 0, "0")?;
    let precision = precision(view)?;
    // The index gap repeats the surface stride; of a single pixel that is 8, which is the bit of DPU_FLYIN.
    let stride = view.raw::<ppu::DST_SURF_STRIDE>();
    if view.set(F::DPU_FLYIN) && stride != 8 {
        return Err(not_modelled(
            F::INFO,
            F::DPU_FLYIN.name,
            1,
            "input from PPU_RDMA (0), §12.21",
        ));
    }
    view.only(M::MC_SURF_OUT, 0, "0")?;
    view.only(M::NONALIGN, 0, "aligned cubes (0)")?;
    view.only(M::SURF_LEN, 0, "0")?;
    Ok(precision)
}

/// The codes of §2.7, the same in both blocks.
fn precision(view: &View<'_>) -> Result<Precision, FaultKind> {
    use ppu::DATA_FORMAT as F;
    let code = view.get(F::PROC_PRECISION);
    let precision = match code {
        0 => Precision::Int8,
        2 if cfg!(feature = "float") => Precision::Fp16,
        _ => {
            return Err(not_modelled(
                F::INFO,
                F::PROC_PRECISION.name,
                code,
                "int8 (0) or fp16 (2)",
            ));
        }
    };
    view.held(ppu_rdma::DATA_FORMAT::IN_PRECISION, |v| v == code, rules::POOL_FORMAT)?;
    Ok(precision)
}

/// Width, height and channels, the same in both blocks.
fn input_cube(view: &View<'_>) -> Result<(usize, usize, usize), FaultKind> {
    use ppu::{DATA_CUBE_IN_CHANNEL as C, DATA_CUBE_IN_HEIGHT as H, DATA_CUBE_IN_WIDTH as W};
    let (width, height, channels) = (
        view.get(W::CUBE_IN_WIDTH),
        view.get(H::CUBE_IN_HEIGHT),
        view.get(C::CUBE_IN_CHANNEL),
    );
    view.held(ppu_rdma::CUBE_IN_WIDTH::CUBE_IN_WIDTH, |v| v == width, rules::POOL_SIZE)?;
    view.held(
        ppu_rdma::CUBE_IN_HEIGHT::CUBE_IN_HEIGHT,
        |v| v == height,
        rules::POOL_SIZE,
    )?;
    view.held(
        ppu_rdma::CUBE_IN_CHANNEL::CUBE_IN_CHANNEL,
        |v| v == channels,
        rules::POOL_SIZE,
    )?;
    Ok((width as usize + 1, height as usize + 1, channels as usize + 1))
}

fn window(view: &View<'_>, width: usize, height: usize, precision: Precision) -> Result<Window, FaultKind> {
    use ppu::{
        DATA_CUBE_OUT_HEIGHT as OH, DATA_CUBE_OUT_WIDTH as OW, POOLING_KERNEL_CFG as K, POOLING_PADDING_CFG as P,
    };
    let limited = |field, limit: u32| {
        view.held(field, |v| v < limit, rules::POOL_LIMITS)
            .map(|v| v as usize + 1)
    };
    let kernel = (limited(K::KERNEL_HEIGHT, 7)?, limited(K::KERNEL_WIDTH, 7)?);
    view.held(K::KERNEL_STRIDE_HEIGHT, |v| (v as usize) < kernel.0, rules::POOL_STRIDE)?;
    view.held(K::KERNEL_STRIDE_WIDTH, |v| (v as usize) < kernel.1, rules::POOL_STRIDE)?;
    let stride = (
        limited(K::KERNEL_STRIDE_HEIGHT, 8)?,
        limited(K::KERNEL_STRIDE_WIDTH, 8)?,
    );
    let pads = |before, after| (view.get(before) as usize, view.get(after) as usize);
    let along = |size, kernel, stride, (before, after), out: &'static RegisterInfo, field, programmed: u32| {
        window::Axis::new(size, kernel, stride, before, after)
            .filter(|axis| axis.count == programmed as usize + 1)
            .ok_or_else(|| broken(out, field, programmed, rules::POOL_WINDOW))
    };
    let columns = along(
        width,
        kernel.1,
        stride.1,
        pads(P::PAD_LEFT, P::PAD_RIGHT),
        OW::INFO,
        OW::CUBE_OUT_WIDTH.name,
        view.get(OW::CUBE_OUT_WIDTH),
    )?;
    let rows = along(
        height,
        kernel.0,
        stride.0,
        pads(P::PAD_TOP, P::PAD_BOTTOM),
        OH::INFO,
        OH::CUBE_OUT_HEIGHT.name,
        view.get(OH::CUBE_OUT_HEIGHT),
    )?;
    Ok(Window {
        columns,
        rows,
        method: method(view)?,
        pad: pad_value(view, precision)?,
    })
}

fn method(view: &View<'_>) -> Result<Method, FaultKind> {
    use ppu::OPERATION_MODE_CFG as O;
    match view.get(O::POOLING_METHOD) {
        0 => Ok(Method::Average {
            reciprocal_width: view.get(ppu::RECIP_KERNEL_WIDTH::RECIP_KERNEL_WIDTH),
            reciprocal_height: view.get(ppu::RECIP_KERNEL_HEIGHT::RECIP_KERNEL_HEIGHT),
        }),
        1 => Ok(Method::Max),
        2 => Ok(Method::Min),
        other => {
            let modelled = "average (0), maximum (1), minimum (2)";
            Err(not_modelled(O::INFO, O::POOLING_METHOD.name, other, modelled))
        }
    }
}

/// Four signed 19-bit registers, or fp16 bits; what unlike values would mean is not known.
fn pad_value(view: &View<'_>, precision: Precision) -> Result<i32, FaultKind> {
    use ppu::PADDING_VALUE_1_CFG as P;
    let value = view.raw::<P>();
    let same = "the four pad values are one value";
    view.whole::<ppu::PADDING_VALUE_2_CFG>(value, same)?;
    view.whole::<ppu::PADDING_VALUE_3_CFG>(value, same)?;
    view.whole::<ppu::PADDING_VALUE_4_CFG>(value, same)?;
    match precision {
        Precision::Int8 => Ok((value << 13) as i32 >> 13),
        // As they stand, or extended by their sign like an int8 value.
        Precision::Fp16 if value >> 16 == 0 || value >> 15 == 0xF => Ok((value & 0xFFFF) as i32),
        Precision::Fp16 => Err(not_modelled(
            P::INFO,
            P::PAD_VALUE_0.name,
            value,
            "the 16 bits of an fp16 value",
        )),
    }
}

fn input(
    view: &View<'_>,
    (width, rows): (usize, usize),
    surfaces: usize,
    dma_base: u32,
) -> Result<Transfer, FaultKind> {
    let row_bytes = width * ATOM;
    let line = |v: u32| v as usize >= row_bytes;
    let row_pitch = view.held_whole::<ppu_rdma::SRC_LINE_STRIDE>(line, rules::POOL_LINE)? as usize;
    let bytes = (rows - 1) * row_pitch + row_bytes;
    let surface_pitch = pitch::<ppu_rdma::SRC_SURF_STRIDE>(view, bytes, width * rows)?;
    Ok(Transfer {
        address: view.raw::<ppu_rdma::SRC_BASE_ADDR>().wrapping_add(dma_base),
        row_bytes,
        row_pitch,
        rows,
        surface_pitch,
        surfaces,
    })
}

/// A band of columns leaves the rest of each map row out: `NOTCH_ADDR` pixels, by which rows are longer than the band (0044).
fn output(view: &View<'_>, window: &Window, surfaces: usize, dma_base: u32) -> Result<Transfer, FaultKind> {
    let (columns, rows) = (window.columns.count, window.rows.count);
    let row_bytes = columns * ATOM;
    let row_pitch = row_bytes + view.get(ppu::OPERATION_MODE_CFG::NOTCH_ADDR) as usize * ATOM;
    let bytes = (rows - 1) * row_pitch + row_bytes;
    Ok(Transfer {
        address: view.raw::<ppu::DST_BASE_ADDR>().wrapping_add(dma_base),
        row_bytes,
        row_pitch,
        rows,
        surface_pitch: pitch::<ppu::DST_SURF_STRIDE>(view, bytes, columns * rows)?,
        surfaces,
    })
}

fn pitch<R: Register>(view: &View<'_>, bytes: usize, pixels: usize) -> Result<usize, FaultKind> {
    let holds = |v: u32| surface_pitch(v as usize, bytes, pixels);
    view.held_whole::<R>(holds, rules::POOL_SURFACE).map(|v| v as usize)
}
