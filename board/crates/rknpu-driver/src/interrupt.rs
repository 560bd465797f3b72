//! Completion of a start, by interrupt or by polling: both call [`Interrupt::ack_irq`] (sheet §3.5). Also takes note of page
//! faults, since the IOMMU shares the line.
//!
//! Shared between thread and interrupt handler: atomics only, no lock.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use npu_device::Mmio;
use npu_regs::task::{INTERRUPT_CLEAR_ALL, INTERRUPT_DMA_ERRORS};
use npu_regs::{Register, iommu, pc};

/// The handler's half of the driver.
pub struct Interrupt {
    mmio: Arc<dyn Mmio>,
    expected: AtomicU32,
    done: AtomicBool,
    mismatches: AtomicU32,
    paging: AtomicBool,
    /// A page fault was seen; address and direction are in the next two.
    page_fault: AtomicBool,
    fault_address: AtomicU32,
    fault_status: AtomicU32,
}

/// Sets both bits of a pair when either is set: the group that ran last decides which one the hardware raises.
fn pair(status: u32) -> u32 {
    let either = (status | status >> 1) & 0x555;
    either | either << 1
}

impl Interrupt {
    pub(crate) fn new(mmio: Arc<dyn Mmio>) -> Self {
        Self {
            mmio,
            expected: AtomicU32::new(0),
            done: AtomicBool::new(false),
            mismatches: AtomicU32::new(0),
            paging: AtomicBool::new(false),
            page_fault: AtomicBool::new(false),
            fault_address: AtomicU32::new(0),
            fault_status: AtomicU32::new(0),
        }
    }

    /// Reads, compares and clears the interrupt. False when neither the NPU nor its IOMMU raised it.
    pub fn ack_irq(&self) -> bool {
        let paged = self.paging.load(Ordering::Acquire) && self.ack_page_fault();
        self.ack_completion() || paged
    }

    fn ack_page_fault(&self) -> bool {
        let status = self.mmio.read32(iommu::INTERRUPT_STATUS);
        if status == 0 {
            return false;
        }
        self.fault_address
            .store(self.mmio.read32(iommu::PAGE_FAULT_ADDRESS), Ordering::Relaxed);
        self.fault_status
            .store(self.mmio.read32(iommu::STATUS), Ordering::Relaxed);
        self.page_fault.store(true, Ordering::Release);
        self.mmio.write32(iommu::INTERRUPT_CLEAR, status);
        true
    }

    fn ack_completion(&self) -> bool {
        let status = self.mmio.read32(pc::INTERRUPT_STATUS::INFO.offset);
        if status == 0 {
            return false;
        }
        self.mmio.write32(pc::INTERRUPT_CLEAR::INFO.offset, INTERRUPT_CLEAR_ALL);
        if pair(status) == self.expected.load(Ordering::Acquire) {
            self.done.store(true, Ordering::Release);
        } else {
            self.mismatches.fetch_add(1, Ordering::Relaxed);
        }
        true
    }

    /// Interrupts that did not equal the last task's mask.
    pub fn mismatches(&self) -> u32 {
        self.mismatches.load(Ordering::Relaxed)
    }

    pub(crate) fn set_paging(&self, on: bool) {
        self.paging.store(on, Ordering::Release);
    }

    /// Takes the last page fault: its address and whether it was a write.
    pub(crate) fn take_page_fault(&self) -> Option<(u32, bool)> {
        self.page_fault.swap(false, Ordering::AcqRel).then(|| {
            let write = self.fault_status.load(Ordering::Relaxed) & iommu::STATUS_FAULT_IS_WRITE != 0;
            (self.fault_address.load(Ordering::Relaxed), write)
        })
    }

    pub(crate) fn expect(&self, mask: u32) {
        self.done.store(false, Ordering::Release);
        self.expected.store(mask, Ordering::Release);
    }

    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// DMA errors are not in the mask, as with the vendor driver; they are seen in the raw status.
    pub(crate) fn dma_errors(&self) -> u32 {
        self.mmio.read32(pc::INTERRUPT_RAW_STATUS::INFO.offset) & INTERRUPT_DMA_ERRORS
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;
    use core::sync::atomic::{AtomicU32, Ordering};

    use npu_device::Mmio;
    use npu_regs::task::INTERRUPT_DPU;

    use super::{Interrupt, pair};

    /// An interrupt status register that remembers what was written to clear it.
    #[derive(Default)]
    struct Line {
        status: AtomicU32,
        cleared: AtomicU32,
    }

    impl Mmio for Line {
        fn read32(&self, offset: u32) -> u32 {
            assert_eq!(offset, 0x28);
            self.status.load(Ordering::Relaxed)
        }
        fn write32(&self, offset: u32, value: u32) {
            assert_eq!(offset, 0x24);
            self.cleared.store(value, Ordering::Relaxed);
        }
    }

    #[test]
    fn only_the_last_tasks_mask_completes_a_job_and_everything_is_cleared_either_way() {
        // One bit of the pair, both, an additional pair, another pair, error bits beside the pair.
        for (status, completes) in [
            (0x100, true),
            (0x200, true),
            (0x300, true),
            (0x700, false),
            (0x400, false),
            (0x1100, true),
        ] {
            let line = Arc::new(Line::default());
            let interrupt = Interrupt::new(line.clone());
            interrupt.expect(INTERRUPT_DPU);
            assert!(!interrupt.ack_irq());
            line.status.store(status, Ordering::Relaxed);
            assert!(interrupt.ack_irq());
            assert_eq!(interrupt.is_done(), completes, "0x{status:X}");
            assert_eq!(interrupt.mismatches(), u32::from(!completes));
            assert_eq!(line.cleared.load(Ordering::Relaxed), 0x1FFFF);
        }
    }

    #[test]
    fn either_bit_of_a_pair_sets_both_and_bits_above_eleven_are_ignored() {
        assert_eq!(pair(0x100), 0x300);
        assert_eq!(pair(0x200), 0x300);
        assert_eq!(pair(0x1_3000), 0);
        assert_eq!(pair(0x401), 0xC03);
    }
}
