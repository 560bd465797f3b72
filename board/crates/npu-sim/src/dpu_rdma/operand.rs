//! The element-wise operand: one per value in 8-byte atoms, or one per channel (sheet §2.3, §2.6, §2.8).

use npu_regs::{Register, dpu_rdma};

use super::surface_pitch;
use super::transfer::Transfer;
use crate::dpu::{Dpu, Operands};
use crate::fault::FaultKind;
use crate::file::{View, broken, not_modelled};
use crate::rules;

/// Bytes of a pixel of one surface.
const ATOM_BYTES: usize = 8;

/// What ERDMA reads; `None` where it is off.
pub(super) fn operand(view: &View<'_>, dpu: &Dpu, dma_base: u32) -> Result<Option<Transfer>, FaultKind> {
    use dpu_rdma::ERDMA_CFG as E;
    let register = E::INFO;
    let operands = match (view.set(E::ERDMA_DISABLE), dpu.operands()) {
        (true, None) => return Ok(None),
        (true, Some(_)) => return Err(broken(register, E::ERDMA_DISABLE.name, 1, rules::OPERAND_MISSING)),
        (false, None) => return Err(broken(register, E::ERDMA_DISABLE.name, 0, rules::OPERAND_UNUSED)),
        (false, Some(operands)) => operands,
    };
    form(view, operands)?;
    let address = view.raw::<dpu_rdma::EW_BASE_ADDR>().wrapping_add(dma_base);
    if operands.per_channel {
        return Ok(Some(Transfer::line(
            address,
            dpu.input.channels * operands.size.bytes(),
        )));
    }
    cube(view, dpu, operands, address).map(Some)
}

/// Mode and size, on which reader and stage agree.
fn form(view: &View<'_>, operands: Operands) -> Result<(), FaultKind> {
    use dpu_rdma::ERDMA_CFG as E;
    let mode = u32::from(!operands.per_channel);
    view.held(E::ERDMA_DATA_MODE, |v| v != 2, rules::OPERAND_MODE)?;
    view.held(E::ERDMA_DATA_MODE, |v| v == mode, rules::OPERAND_FORM)?;
    view.only(E::ERDMA_SURF_MODE, 0, "0")?;
    view.only(E::ERDMA_NONALIGN, 0, "aligned cubes (0)")?;
    view.held(E::ERDMA_DATA_SIZE, |v| v != 3, rules::OPERAND_SIZE)?;
    let size = operands.size.bytes() as u32;
    view.held(E::ERDMA_DATA_SIZE, |v| v == 0 || v == size, rules::OPERAND_FORM)?;
    view.only(E::OV4K_BYPASS, 0, "0")
}

fn cube(view: &View<'_>, dpu: &Dpu, operands: Operands, address: u32) -> Result<Transfer, FaultKind> {
    use dpu_rdma::{DATA_CUBE_HEIGHT as H, EW_LINE_STRIDE as L, EW_SURF_STRIDE as S, SURF_NOTCH as N};
    let input = &dpu.input;
    let row_bytes = input.width * ATOM_BYTES;
    let row_pitch = row_bytes + view.get(H::EW_LINE_NOTCH_ADDR) as usize * ATOM_BYTES;
    let band = (input.height - 1) * row_pitch + row_bytes;
    let stride = view.held_whole::<S>(
        |v| surface_pitch(v as usize, band, input.pixels()),
        rules::OPERAND_STRIDE,
    )?;
    // One generator writes the stride of a surface without its last pixel here; the vendor 0.
    let line = view.raw::<L>();
    if line != 0 && line != stride - 8 {
        return Err(not_modelled(L::INFO, L::VALUE.name, line, "0, or EW_SURF_STRIDE - 8"));
    }
    // Beside a convolution the stride alone says where surfaces lie: generators that run on boards disagree on the notch.
    // Of 16-byte pixels the notch is the main input's own.
    if input.flying && input.format.atom_bytes() == ATOM_BYTES {
        view.held_whole::<N>(|v| v as usize + band == stride as usize, rules::SURFACE_NOTCH)?;
    }
    Ok(Transfer {
        address,
        row_bytes,
        row_pitch,
        rows: input.height,
        surface_pitch: stride as usize,
        surfaces: (input.channels * operands.size.bytes()).div_ceil(ATOM_BYTES),
    })
}
