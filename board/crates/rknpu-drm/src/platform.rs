//! The rest of what the driver asks of its surroundings: waiting, time, reset. Power belongs to the kernel.

use std::sync::Arc;
use std::time::{Duration, Instant};

use npu_device::{Clock, DeviceError, Mmio, Platform, TaskMeter, Wait};

use crate::window::Window;

/// How often a wait looks for a cancel request.
const SLICE: Duration = Duration::from_millis(5);

/// Waits for SUBMIT.
pub(crate) struct DrmWait(pub(crate) Arc<Window>);

impl Wait for DrmWait {
    fn wait_until(&self, timeout_ns: u64, done: &mut dyn FnMut() -> bool) -> bool {
        let (start, timeout) = (Instant::now(), Duration::from_nanos(timeout_ns));
        loop {
            if done() {
                return true;
            }
            let left = timeout.saturating_sub(start.elapsed());
            if left.is_zero() || self.0.failure().is_some() {
                return false;
            }
            // Where nothing is under way nothing will change: one last look.
            if !self.0.wait(left.min(SLICE)) {
                return done();
            }
        }
    }
}

/// Time since the device was opened, from a clock that never jumps.
pub(crate) struct DrmClock(pub(crate) Instant);

impl Clock for DrmClock {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// Reset through the kernel.
pub(crate) struct DrmPlatform {
    pub(crate) window: Arc<Window>,
    pub(crate) grace: Duration,
}

impl Platform for DrmPlatform {
    fn pmu(&self) -> Option<&dyn Mmio> {
        None
    }

    /// The kernel sets the clock; what is asked for is not.
    fn set_npu_clock_hz(&self, _wanted_hz: u64) -> Result<u64, DeviceError> {
        self.window.clock_hz()
    }

    fn set_resets(&self, asserted: bool) -> Result<(), DeviceError> {
        if asserted {
            self.window.reset(self.grace)
        } else {
            Ok(())
        }
    }

    fn fault_text(&self) -> Option<String> {
        self.window.failure().map(|why| why.to_string())
    }

    fn fault(&self) -> Option<DeviceError> {
        self.window.failure()
    }

    fn meter(&self) -> Option<&dyn TaskMeter> {
        None
    }
}
