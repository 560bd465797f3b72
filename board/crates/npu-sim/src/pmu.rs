//! The NPU's corner of the power management unit (sheet §12.7, boards.md §4.4). Answers at once; knows nothing of
//! voltages. Upper halves of writes are write masks.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use npu_device::Mmio;

use crate::iommu::Iommu;
use crate::npu::Npu;

const REQUEST: u32 = 0x50;
const ACKNOWLEDGE: u32 = 0x60;
const IDLE: u32 = 0x68;
const STATUS: u32 = 0x98;
const POWER: u32 = 0xA0;
const POWER_BIT: u32 = 1 << 1;
const IDLE_BIT: u32 = 1 << 2;

/// Power gate and bus-idle request of domain `RK3568_PD_NPU`.
pub struct Pmu {
    npu: Arc<Npu>,
    iommu: Arc<Iommu>,
    power: AtomicU32,
    request: AtomicU32,
}

impl Pmu {
    /// A PMU whose NPU domain is off and idle.
    pub fn new(npu: Arc<Npu>, iommu: Arc<Iommu>) -> Self {
        Self {
            npu,
            iommu,
            power: AtomicU32::new(POWER_BIT),
            request: AtomicU32::new(IDLE_BIT),
        }
    }

    fn update(&self) {
        let on = self.power.load(Ordering::Acquire) & POWER_BIT == 0;
        let reachable = self.request.load(Ordering::Acquire) & IDLE_BIT == 0;
        let powered = on && reachable;
        if !powered {
            self.iommu.reset();
        }
        self.npu.set_power(powered);
    }
}

fn masked(register: &AtomicU32, value: u32) {
    let mask = value >> 16;
    let old = register.load(Ordering::Acquire);
    register.store((old & !mask) | (value & mask), Ordering::Release);
}

impl Mmio for Pmu {
    fn read32(&self, offset: u32) -> u32 {
        match offset {
            REQUEST | ACKNOWLEDGE | IDLE => self.request.load(Ordering::Acquire),
            POWER | STATUS => self.power.load(Ordering::Acquire),
            _ => 0,
        }
    }

    fn write32(&self, offset: u32, value: u32) {
        match offset {
            REQUEST => masked(&self.request, value),
            POWER => masked(&self.power, value),
            _ => return,
        }
        self.update();
    }
}
