//! Switches the NPU's power domain (sheet §12.7). Knows the PMU's bits from the chip's table, nothing of voltages: the
//! board must keep `vdd_npu` on (erratum 2).

use npu_device::{DeviceError, Mmio, Wait};

use crate::soc::PowerDomain;

/// How long the PMU may take for one step.
const STEP_TIMEOUT_NS: u64 = 10_000_000;

/// Powers the domain and lets the bus in.
pub(crate) fn power_on(pmu: &dyn Mmio, wait: &dyn Wait, domain: &PowerDomain) -> Result<(), DeviceError> {
    set(pmu, domain.gate_offset, domain.power_bit, false);
    reach(pmu, wait, domain.status_offset, domain.power_bit, false)?;
    set(pmu, domain.request_offset, domain.idle_bit, false);
    reach(pmu, wait, domain.acknowledge_offset, domain.idle_bit, false)?;
    reach(pmu, wait, domain.idle_offset, domain.idle_bit, false)
}

/// Keeps the bus out and cuts the power.
pub(crate) fn power_off(pmu: &dyn Mmio, wait: &dyn Wait, domain: &PowerDomain) -> Result<(), DeviceError> {
    set(pmu, domain.request_offset, domain.idle_bit, true);
    reach(pmu, wait, domain.acknowledge_offset, domain.idle_bit, true)?;
    reach(pmu, wait, domain.idle_offset, domain.idle_bit, true)?;
    set(pmu, domain.gate_offset, domain.power_bit, true);
    reach(pmu, wait, domain.status_offset, domain.power_bit, true)
}

fn set(pmu: &dyn Mmio, offset: u32, bit: u32, value: bool) {
    pmu.write32(offset, (1 << bit) << 16 | u32::from(value) << bit);
}

fn reach(pmu: &dyn Mmio, wait: &dyn Wait, offset: u32, bit: u32, value: bool) -> Result<(), DeviceError> {
    let mut reached = || (pmu.read32(offset) >> bit & 1 == 1) == value;
    if wait.wait_until(STEP_TIMEOUT_NS, &mut reached) {
        Ok(())
    } else {
        Err(DeviceError::Lost)
    }
}
