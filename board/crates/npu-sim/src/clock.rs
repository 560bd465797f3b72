//! The virtual clock: modelled nanoseconds. It moves when tasks run and when somebody waits in vain, never by itself.

use core::sync::atomic::{AtomicU64, Ordering};

use npu_device::Clock;

/// Nanoseconds since the board was made.
#[derive(Default)]
pub struct VirtualClock {
    now_ns: AtomicU64,
}

impl VirtualClock {
    /// Moves the clock; it stops at the end of time rather than wrap.
    pub fn advance(&self, nanoseconds: u64) {
        let step = |now: u64| Some(now.saturating_add(nanoseconds));
        // The closure never declines, so the update cannot fail.
        let _ = self.now_ns.fetch_update(Ordering::AcqRel, Ordering::Acquire, step);
    }
}

impl Clock for VirtualClock {
    fn now_ns(&self) -> u64 {
        self.now_ns.load(Ordering::Acquire)
    }
}
