//! Switches the NPU's IOMMU on (sheet §1.5, §8 errata 1 and 3). Knows its registers, not what the tables say.

use npu_device::{DeviceError, Mmio, Wait};
use npu_regs::iommu::{
    AUTO_GATING, AUTO_GATING_WALKER, COMMAND, COMMAND_ENABLE_PAGING, COMMAND_ZAP_CACHE, DTE_ADDRESS,
    INTERRUPT_BUS_ERROR, INTERRUPT_CLEAR, INTERRUPT_MASK, INTERRUPT_PAGE_FAULT, STATUS, STATUS_PAGING,
};

/// How long the IOMMU may take to start.
const ATTACH_TIMEOUT_NS: u64 = 10_000_000;

/// Points the IOMMU at a directory and turns paging on. Needed again after every reset, which forgets both.
pub(crate) fn attach(mmio: &dyn Mmio, wait: &dyn Wait, directory: u32) -> Result<(), DeviceError> {
    mmio.write32(DTE_ADDRESS, directory);
    mmio.write32(AUTO_GATING, mmio.read32(AUTO_GATING) | AUTO_GATING_WALKER);
    forget(mmio);
    mmio.write32(INTERRUPT_CLEAR, INTERRUPT_PAGE_FAULT | INTERRUPT_BUS_ERROR);
    mmio.write32(INTERRUPT_MASK, INTERRUPT_PAGE_FAULT | INTERRUPT_BUS_ERROR);
    mmio.write32(COMMAND, COMMAND_ENABLE_PAGING);
    let mut on = || mmio.read32(STATUS) & STATUS_PAGING != 0;
    if wait.wait_until(ATTACH_TIMEOUT_NS, &mut on) && mmio.read32(DTE_ADDRESS) == directory {
        Ok(())
    } else {
        Err(DeviceError::Lost)
    }
}

/// Forgets every translation, because tables changed.
pub(crate) fn forget(mmio: &dyn Mmio) {
    mmio.write32(COMMAND, COMMAND_ZAP_CACHE);
}
