//! A whole simulated board: NPU, memory, PMU, interrupt line and virtual clock, joined behind the driver's traits.
//! Knows no driver.

use alloc::string::String;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use npu_device::{Clock, DeviceError, DmaMem, DmaRange, Hardware, IrqLine, Mmio, Platform, TaskCost, TaskMeter, Wait};

use npu_regs::iommu::{WINDOW_BYTES, WINDOW_OFFSET};

use crate::clock::VirtualClock;
use crate::iommu::{Iommu, SharedLine};
use crate::lock::Lock;
use crate::memory::HostMemory;
use crate::npu::{Kick, Npu, Progress};
use crate::params::TimingParameters;
use crate::pmu::Pmu;

/// A wait that nothing can end moves the virtual clock by its timeout, but at most this far (one day).
const LONGEST_JUMP_NS: u64 = 24 * 3600 * 1_000_000_000;

/// When tasks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stepping {
    /// One task per look at the wait's condition: deadlines and cancelling work at task boundaries.
    PerTask,
    /// The write that starts a job returns when the job is over.
    RunToIdle,
}

/// How to build a board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SimConfig {
    /// DMA memory, at most 4 GiB minus 1 MiB. Untouched pages cost nothing.
    pub memory_bytes: u64,
    /// Timing parameters.
    pub parameters: TimingParameters,
    /// When tasks run.
    pub stepping: Stepping,
}

impl Default for SimConfig {
    fn default() -> Self {
        Self {
            memory_bytes: 2 << 30,
            parameters: TimingParameters::RK3568_DEFAULT,
            stepping: Stepping::PerTask,
        }
    }
}

type Handler = Arc<dyn Fn() + Send + Sync>;

/// The interrupt line, and who listens to it.
#[derive(Default)]
struct Line {
    level: AtomicBool,
    handler: LockedHandler,
}

struct LockedHandler(Lock<Option<Handler>>);

impl Default for LockedHandler {
    fn default() -> Self {
        Self(Lock::new(None))
    }
}

impl IrqLine for Line {
    fn set(&self, asserted: bool) {
        let rose = asserted && !self.level.swap(asserted, Ordering::AcqRel);
        self.level.store(asserted, Ordering::Release);
        let handler = if rose { self.handler.0.lock().clone() } else { None };
        if let Some(handler) = handler {
            handler();
        }
    }
}

/// Starts are picked up by the next wait.
struct NextWait;

impl Kick for NextWait {
    fn kick(&self) {}
}

/// The register window: the NPU's blocks and, from 0xB000 on, its IOMMU.
struct Window {
    npu: Arc<Npu>,
    iommu: Arc<Iommu>,
}

fn of_iommu(offset: u32) -> bool {
    (WINDOW_OFFSET..WINDOW_OFFSET + WINDOW_BYTES).contains(&offset)
}

impl Mmio for Window {
    fn read32(&self, offset: u32) -> u32 {
        if of_iommu(offset) {
            self.iommu.read32(offset)
        } else {
            self.npu.read32(offset)
        }
    }

    fn write32(&self, offset: u32, value: u32) {
        if of_iommu(offset) {
            self.iommu.write32(offset, value);
        } else {
            self.npu.write32(offset, value);
        }
    }
}

struct Parts {
    npu: Arc<Npu>,
    iommu: Arc<Iommu>,
    memory: Arc<dyn DmaMem>,
    range: DmaRange,
    clock: Arc<VirtualClock>,
    line: Arc<Line>,
    pmu: Pmu,
    parameters: TimingParameters,
}

/// The board. Cheap to clone; clones are the same board.
#[derive(Clone)]
pub struct SimBoard {
    parts: Arc<Parts>,
}

impl SimBoard {
    /// Builds a board whose NPU is powered off, as after a cold start.
    pub fn new(config: SimConfig) -> Result<Self, DeviceError> {
        let memory = HostMemory::new(config.memory_bytes)?;
        let range = memory.range();
        Ok(Self::on(Arc::new(memory), range, config))
    }

    /// Builds a board on memory of the caller's, which decides what every device address means; `config.memory_bytes` is
    /// not looked at. `range` is the part that a driver may hand out, and empty where no driver runs (a captured job).
    pub fn on(memory: Arc<dyn DmaMem>, range: DmaRange, config: SimConfig) -> Self {
        let clock = Arc::new(VirtualClock::default());
        let line = Arc::new(Line::default());
        let kick: Option<Arc<dyn Kick>> = match config.stepping {
            Stepping::PerTask => Some(Arc::new(NextWait)),
            Stepping::RunToIdle => None,
        };
        let [npu_line, iommu_line] = SharedLine::pair(line.clone());
        let iommu = Arc::new(Iommu::new(memory.clone(), iommu_line));
        let npu = Arc::new(Npu::new(
            iommu.clone(),
            npu_line,
            clock.clone(),
            kick,
            config.parameters,
        ));
        let pmu = Pmu::new(npu.clone(), iommu.clone());
        let parts = Parts {
            npu,
            iommu,
            memory,
            range,
            clock,
            line,
            pmu,
            parameters: config.parameters,
        };
        Self { parts: Arc::new(parts) }
    }

    /// What a driver needs to run on this board.
    pub fn hardware(&self) -> Hardware {
        Hardware {
            backend: "sim:rk3568",
            mmio: Arc::new(Window {
                npu: self.parts.npu.clone(),
                iommu: self.parts.iommu.clone(),
            }),
            dma: self.parts.memory.clone(),
            memory: self.memory_range(),
            wait: Arc::new(self.clone()),
            clock: self.parts.clock.clone(),
            platform: Arc::new(self.clone()),
        }
    }

    /// The device addresses that have memory.
    pub fn memory_range(&self) -> DmaRange {
        self.parts.range
    }

    /// The model itself, for stepping it by hand.
    pub fn npu(&self) -> &Npu {
        &self.parts.npu
    }

    /// The timing parameters; `rows()` lists them with unit and source.
    pub fn parameters(&self) -> &TimingParameters {
        &self.parts.parameters
    }

    /// Calls `handler` on every rising edge of the interrupt line, as an interrupt controller would. It may read and
    /// clear interrupt registers; it must not start tasks.
    pub fn connect_interrupt(&self, handler: impl Fn() + Send + Sync + 'static) {
        *self.parts.line.handler.0.lock() = Some(Arc::new(handler));
    }

    /// Level of the interrupt line.
    pub fn interrupt_level(&self) -> bool {
        self.parts.line.level.load(Ordering::Acquire)
    }
}

impl Wait for SimBoard {
    fn wait_until(&self, timeout_ns: u64, done: &mut dyn FnMut() -> bool) -> bool {
        let parts = &self.parts;
        let deadline_ns = parts.clock.now_ns().saturating_add(timeout_ns);
        loop {
            if done() {
                return true;
            }
            let now_ns = parts.clock.now_ns();
            if now_ns >= deadline_ns {
                return false;
            }
            // A task may have finished although the device is idle or hung afterwards, so `done` is asked again.
            if parts.npu.advance(1) != Progress::Busy {
                let finished = done();
                if !finished {
                    let left_ns = deadline_ns.saturating_sub(parts.clock.now_ns());
                    parts.clock.advance(left_ns.min(LONGEST_JUMP_NS));
                }
                return finished;
            }
        }
    }
}

impl TaskMeter for SimBoard {
    fn drain(&self, each: &mut dyn FnMut(TaskCost)) {
        self.parts.npu.drain_costs(each);
    }

    fn ddr_clock_hz(&self) -> u64 {
        self.parts.parameters.ddr_clock_hz
    }

    fn bandwidth_bound_bytes_per_s(&self) -> u64 {
        self.parts.parameters.bandwidth_bound_bytes_per_s()
    }
}

impl Platform for SimBoard {
    fn pmu(&self) -> Option<&dyn Mmio> {
        Some(&self.parts.pmu)
    }

    /// The model has one clock, that of its timing parameters, whatever is wanted.
    fn set_npu_clock_hz(&self, _wanted_hz: u64) -> Result<u64, DeviceError> {
        Ok(self.parts.parameters.npu_clock_hz)
    }

    fn set_resets(&self, asserted: bool) -> Result<(), DeviceError> {
        if asserted {
            self.parts.npu.reset();
            self.parts.iommu.reset();
        }
        Ok(())
    }

    fn fault_text(&self) -> Option<String> {
        self.parts.npu.fault_text()
    }

    fn meter(&self) -> Option<&dyn TaskMeter> {
        Some(self)
    }
}
