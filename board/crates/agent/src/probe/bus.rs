//! Registers, resets and task costs on their way between driver and NPU.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use npu_device::{DeviceError, Mmio, Platform, TaskCost, TaskMeter};

use super::record::Recorder;

/// The register window, overheard.
pub(super) struct ProbedMmio {
    inner: Arc<dyn Mmio>,
    recorder: Arc<Recorder>,
}

impl ProbedMmio {
    pub(super) fn new(inner: Arc<dyn Mmio>, recorder: Arc<Recorder>) -> Self {
        Self { inner, recorder }
    }
}

impl Mmio for ProbedMmio {
    fn read32(&self, offset: u32) -> u32 {
        self.inner.read32(offset)
    }

    fn write32(&self, offset: u32, value: u32) {
        // Told first: a start may run tasks before the write returns.
        self.recorder.register(offset, value);
        self.inner.write32(offset, value);
    }
}

/// Costs that nobody took from the meter yet.
#[derive(Default)]
struct Pending {
    costs: Vec<TaskCost>,
    /// How many of them were looked at.
    seen: usize,
}

/// The platform, overheard. Its meter lets costs be looked at before the driver takes them.
pub(super) struct ProbedPlatform {
    inner: Arc<dyn Platform>,
    recorder: Arc<Recorder>,
    pending: Mutex<Pending>,
}

impl ProbedPlatform {
    pub(super) fn new(inner: Arc<dyn Platform>, recorder: Arc<Recorder>) -> Self {
        Self {
            inner,
            recorder,
            pending: Mutex::default(),
        }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Costs of the tasks that finished since the last look.
    pub(super) fn new_costs(&self) -> Vec<TaskCost> {
        let mut pending = self.pending();
        if let Some(meter) = self.inner.meter() {
            meter.drain(&mut |cost| pending.costs.push(cost));
        }
        let (seen, count) = (pending.seen.min(pending.costs.len()), pending.costs.len());
        pending.seen = count;
        pending.costs[seen..].to_vec()
    }
}

impl Platform for ProbedPlatform {
    fn pmu(&self) -> Option<&dyn Mmio> {
        self.inner.pmu()
    }

    fn set_npu_clock_hz(&self, wanted_hz: u64) -> Result<u64, DeviceError> {
        self.inner.set_npu_clock_hz(wanted_hz)
    }

    fn set_resets(&self, asserted: bool) -> Result<(), DeviceError> {
        if asserted {
            self.recorder.reset();
            *self.pending() = Pending::default();
        }
        self.inner.set_resets(asserted)
    }

    fn fault_text(&self) -> Option<String> {
        self.inner.fault_text()
    }

    fn meter(&self) -> Option<&dyn TaskMeter> {
        self.inner.meter().map(|_| self as &dyn TaskMeter)
    }
}

impl TaskMeter for ProbedPlatform {
    fn drain(&self, each: &mut dyn FnMut(TaskCost)) {
        std::mem::take(&mut *self.pending())
            .costs
            .into_iter()
            .for_each(&mut *each);
        if let Some(meter) = self.inner.meter() {
            meter.drain(each);
        }
    }

    fn ddr_clock_hz(&self) -> u64 {
        self.inner.meter().map_or(0, TaskMeter::ddr_clock_hz)
    }

    fn bandwidth_bound_bytes_per_s(&self) -> u64 {
        self.inner.meter().map_or(0, TaskMeter::bandwidth_bound_bytes_per_s)
    }
}
