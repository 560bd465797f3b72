//! Time that runs by itself, as a serial line needs it, and moves on when a test says so.

use std::sync::atomic::{AtomicU64, Ordering};

use agent::clock::{Clock, MonotonicClock};

/// The system's monotonic clock, and what was skipped.
#[derive(Default)]
pub struct SkippingClock {
    running: MonotonicClock,
    skipped_ns: AtomicU64,
}

impl SkippingClock {
    /// Moves on.
    pub fn skip_ms(&self, ms: u64) {
        self.skipped_ns.fetch_add(ms * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for SkippingClock {
    fn now_ns(&self) -> u64 {
        self.running.now_ns() + self.skipped_ns.load(Ordering::SeqCst)
    }
}
