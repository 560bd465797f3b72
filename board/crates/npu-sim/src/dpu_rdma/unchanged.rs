//! What tasks of the DPU alone have in common whose bytes pass unchanged: one reader, and every stage off.

use npu_regs::{dpu, dpu_rdma};

use crate::fault::{FaultKind, Rule};
use crate::file::View;
use crate::rules;

/// The side readers are off.
pub(super) fn reader(view: &View<'_>, rule: Rule) -> Result<(), FaultKind> {
    use dpu_rdma::{BRDMA_CFG, ERDMA_CFG, NRDMA_CFG};
    view.held(BRDMA_CFG::BRDMA_DISABLE, |v| v == 1, rule)?;
    view.held(NRDMA_CFG::NRDMA_DISABLE, |v| v == 1, rule)?;
    view.held(ERDMA_CFG::ERDMA_DISABLE, |v| v == 1, rule)?;
    view.zero(&[0x5030, 0x5064, 0x506C])
}

/// Everything between reader and writer is off, and the writer makes groups of `surfaces` surfaces.
pub(super) fn stages(view: &View<'_>, surfaces: usize, rule: Rule) -> Result<(), FaultKind> {
    use dpu::{BN_CFG, BS_CFG, BS_OW_CFG as O, EW_CFG, OUT_CVT_SCALE};
    view.held(BS_CFG::BS_BYPASS, |v| v == 1, rule)?;
    view.held(BN_CFG::BN_BYPASS, |v| v == 1, rule)?;
    view.held(EW_CFG::EW_BYPASS, |v| v == 1, rule)?;
    for field in [O::SIZE_E_0, O::SIZE_E_1, O::SIZE_E_2] {
        view.held(field, |v| v as usize + 1 == surfaces, rules::SURFACES_PER_GROUP)?;
    }
    view.held(O::OD_BYPASS, |v| v == 1, rules::NO_SUMS)?;
    view.whole::<OUT_CVT_SCALE>(1, "bytes pass unchanged (1)")?;
    view.zero(&[0x4014, 0x4080, 0x4088, 0x40C4])
}
