//! Interrupt bits and the line they drive. Atomics only: the interrupt handler reads and clears them while a task holds
//! the engine's lock (sheet §3.5, §12.24).

use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use npu_device::IrqLine;
use npu_regs::task::{INTERRUPT_CLEAR_ALL, Mix};

/// Bit 16 fires at a start, if somebody unmasked it (erratum 9).
const DISPATCH: u32 = 1 << 16;

/// What the last task of a start latches (§12.24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Completion {
    /// The bit that says that the job is done; 0 where the hardware raises none (erratum 10).
    done: u32,
    /// Bits of the blocks before the DPU, raised only if somebody asked for them.
    units: u32,
}

impl Completion {
    /// Of a task of this mix that ran in `group`.
    pub(crate) fn of(mix: Mix, group: u32) -> Self {
        let (done, units) = match mix {
            Mix::Convolution | Mix::ConvolutionRdma => (1 << 8, 0x55),
            Mix::Dpu => (1 << 8, 0),
            Mix::Pooling => (0, 0),
        };
        Self {
            done: done << group,
            units: units << group,
        }
    }

    /// True where the task count is the only sign of the end.
    pub(crate) fn is_silent(self) -> bool {
        self.done == 0
    }
}

/// Mask, raw bits and the line.
pub(crate) struct Irq {
    raw: AtomicU32,
    mask: AtomicU32,
    line: Arc<dyn IrqLine>,
}

impl Irq {
    pub(crate) fn new(line: Arc<dyn IrqLine>) -> Self {
        Self {
            raw: AtomicU32::new(0),
            mask: AtomicU32::new(INTERRUPT_CLEAR_ALL),
            line,
        }
    }

    pub(crate) fn raw(&self) -> u32 {
        self.raw.load(Ordering::Acquire)
    }

    pub(crate) fn mask(&self) -> u32 {
        self.mask.load(Ordering::Acquire)
    }

    pub(crate) fn status(&self) -> u32 {
        self.raw() & self.mask()
    }

    pub(crate) fn set_mask(&self, mask: u32) {
        self.mask.store(mask & INTERRUPT_CLEAR_ALL, Ordering::Release);
        self.drive();
    }

    pub(crate) fn clear(&self, bits: u32) {
        self.raw.fetch_and(!bits, Ordering::AcqRel);
        self.drive();
    }

    pub(crate) fn raise(&self, bits: u32) {
        self.raw.fetch_or(bits, Ordering::AcqRel);
        self.drive();
    }

    pub(crate) fn complete(&self, last: Completion) {
        self.raise(last.done | last.units & self.mask());
    }

    pub(crate) fn started(&self) {
        if self.mask() & DISPATCH != 0 {
            self.raise(DISPATCH);
        }
    }

    pub(crate) fn reset(&self) {
        self.raw.store(0, Ordering::Release);
        self.set_mask(INTERRUPT_CLEAR_ALL);
    }

    fn drive(&self) {
        self.line.set(self.status() != 0);
    }
}
