//! A probe between driver and NPU of a simulated board: records hardware starts as a replayable job, runs a started job one
//! task at a time, and reads counters. Sees what crosses the bus; knows no session and no method.
//!
//! ```text
//!   driver ─▶ bus (registers, resets, costs) ─▶ NPU ─▶ memory (device side)
//!      └────▶ memory (CPU side) ───────────────────────────┘         both tell `record`
//! ```
//!
//! While nothing is recorded, each access costs one look at a flag.

mod bus;
mod memory;
mod record;
mod recording;

use std::sync::Arc;

use npu_device::{DmaMem, Hardware, Mmio, TaskCost};
use npu_regs::{Register, ddma, pc};
use npu_sim::{Fault, HostMemory, Progress, SimBoard, SimConfig};

use bus::{ProbedMmio, ProbedPlatform};
use memory::{CpuSide, DeviceSide};
use record::Recorder;
pub use recording::{Captured, TooLarge};

/// Registers that say where a start stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// DT_WR, units of 8 bytes.
    pub data_written: u32,
    /// DT_RD, units of 8 bytes.
    pub data_read: u32,
    /// WT_RD, units of 8 bytes.
    pub weights_read: u32,
    /// Finished tasks of the last start.
    pub tasks_done: u32,
    /// INTERRUPT_RAW_STATUS.
    pub interrupts_raw: u32,
    /// INTERRUPT_STATUS.
    pub interrupts: u32,
}

/// The probe. Clones are the same probe.
#[derive(Clone)]
pub struct Probe {
    board: SimBoard,
    recorder: Arc<Recorder>,
    platform: Arc<ProbedPlatform>,
}

impl Probe {
    /// A simulated board with a probe in it, and the hardware its driver gets.
    pub fn board(config: SimConfig) -> Result<(Self, Hardware), npu_device::DeviceError> {
        let inner = Arc::new(HostMemory::new(config.memory_bytes)?);
        let recorder = Arc::new(Recorder::new(inner.clone()));
        let range = inner.range();
        let device: Arc<dyn DmaMem> = Arc::new(DeviceSide::new(inner.clone(), recorder.clone()));
        let board = SimBoard::on(device, range, config);
        let hardware = board.hardware();
        let platform = Arc::new(ProbedPlatform::new(hardware.platform.clone(), recorder.clone()));
        let probed = Hardware {
            mmio: Arc::new(ProbedMmio::new(hardware.mmio.clone(), recorder.clone())),
            dma: Arc::new(CpuSide::new(inner, recorder.clone())),
            platform: platform.clone(),
            ..hardware
        };
        let probe = Self {
            board,
            recorder,
            platform,
        };
        Ok((probe, probed))
    }

    /// Says whether what happens from here on belongs to the recording.
    pub fn attend(&self, ours: bool) {
        self.recorder.attend(ours);
    }

    /// Begins a recording; one that was under way is dropped.
    pub fn capture(&self) {
        self.recorder.begin();
    }

    /// Ends the recording and gives its job; `None` where none was under way.
    pub fn captured(&self) -> Option<Result<Captured, TooLarge>> {
        self.recorder.end()
    }

    /// Runs one task of the started job.
    pub fn advance(&self) -> Progress {
        self.board.npu().advance(1)
    }

    /// Costs of tasks that finished since the last look. The driver gets them too.
    pub fn new_costs(&self) -> Vec<TaskCost> {
        self.platform.new_costs()
    }

    /// Why the device hangs.
    pub fn fault(&self) -> Option<Fault> {
        self.board.npu().fault()
    }

    /// Reads the counters and the interrupt registers. Reading changes nothing.
    pub fn counters(&self) -> Counters {
        let read = |offset: u32| self.board.npu().read32(offset);
        Counters {
            data_written: read(ddma::DT_WR::INFO.offset),
            data_read: read(ddma::DT_RD::INFO.offset),
            weights_read: read(ddma::WT_RD::INFO.offset),
            tasks_done: pc::TASK_STATUS::TASKS_DONE.get(read(pc::TASK_STATUS::INFO.offset)),
            interrupts_raw: read(pc::INTERRUPT_RAW_STATUS::INFO.offset),
            interrupts: read(pc::INTERRUPT_STATUS::INFO.offset),
        }
    }
}
