//! The accelerator as the worker sees it: every call into it is timed, so that another thread can tell when it hangs.
//!
//! Holds the device registry. Surprising: a hung call cannot be ended from outside; it is only made visible.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use npu_device::{
    Accelerator, BufferId, BufferRange, CachePolicy, Capabilities, Device, DeviceError, DeviceManager, DeviceType,
    JobReport, JobStatus, JobTicket, NpuDevice, Operation, Priority, SyncDirection,
};

use crate::clock::Clock;

/// Time a memory call or a submit may take.
const CALL_ALLOWANCE_NS: u64 = 60_000_000_000;
/// Time a wait may take beyond its own timeout.
const WAIT_MARGIN_NS: u64 = 5_000_000_000;

/// When the device call under way is late, and how much device memory is taken.
#[derive(Default)]
pub struct Watch {
    late_at_ns: Mutex<Option<u64>>,
    used_bytes: AtomicU64,
}

impl Watch {
    /// True where the device call under way should have returned by now.
    pub fn late(&self, now_ns: u64) -> bool {
        self.late_at_ns
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some_and(|at| now_ns >= at)
    }

    /// True while a device call is under way.
    pub fn busy(&self) -> bool {
        self.late_at_ns.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Device memory taken, by all sessions and models.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::SeqCst)
    }

    fn set(&self, late_at_ns: Option<u64>) {
        *self.late_at_ns.lock().unwrap_or_else(PoisonError::into_inner) = late_at_ns;
    }
}

/// The NPU of a registry, watched.
pub struct Watched {
    manager: RefCell<DeviceManager>,
    capabilities: Capabilities,
    ticks_hz: u64,
    watch: Arc<Watch>,
    clock: Arc<dyn Clock>,
}

impl Watched {
    /// Initializes the registry's NPU and watches it.
    pub fn new(mut manager: DeviceManager, watch: Arc<Watch>, clock: Arc<dyn Clock>) -> Result<Self, DeviceError> {
        let (capabilities, ticks_hz) = match manager.get_device(DeviceType::Npu)? {
            (_, Device::Npu(npu)) => (npu.init()?, NpuDevice::ticks_hz(npu.as_ref())),
            _ => return Err(DeviceError::NotFound),
        };
        Ok(Self {
            manager: RefCell::new(manager),
            capabilities,
            ticks_hz,
            watch,
            clock,
        })
    }

    fn with<R>(
        &self,
        allowance_ns: u64,
        run: impl FnOnce(&mut dyn NpuDevice) -> Result<R, DeviceError>,
    ) -> Result<R, DeviceError> {
        let mut manager = self.manager.borrow_mut();
        let (_, device) = manager.get_device(DeviceType::Npu)?;
        let Device::Npu(npu) = device else {
            return Err(DeviceError::NotFound);
        };
        self.watch.set(Some(self.clock.now_ns().saturating_add(allowance_ns)));
        let result = run(npu.as_mut());
        self.watch.set(None);
        result
    }
}

impl Accelerator for Watched {
    fn capabilities(&self) -> Capabilities {
        self.capabilities.clone()
    }

    fn allocate_memory(&mut self, size_bytes: u64) -> Result<BufferId, DeviceError> {
        let buffer = self.with(CALL_ALLOWANCE_NS, |npu| NpuDevice::allocate_memory(npu, size_bytes))?;
        self.watch.used_bytes.fetch_add(size_bytes, Ordering::SeqCst);
        Ok(buffer)
    }

    fn allocate_with_policy(&mut self, size_bytes: u64, policy: CachePolicy) -> Result<BufferId, DeviceError> {
        let buffer = self.with(CALL_ALLOWANCE_NS, |npu| {
            NpuDevice::allocate_with_policy(npu, size_bytes, policy)
        })?;
        self.watch.used_bytes.fetch_add(size_bytes, Ordering::SeqCst);
        Ok(buffer)
    }

    fn free_memory(&mut self, buffer: BufferId) -> Result<(), DeviceError> {
        let size_bytes = self.buffer_bytes(buffer)?;
        self.with(CALL_ALLOWANCE_NS, |npu| NpuDevice::free_memory(npu, buffer))?;
        self.watch.used_bytes.fetch_sub(size_bytes, Ordering::SeqCst);
        Ok(())
    }

    fn buffer_bytes(&self, buffer: BufferId) -> Result<u64, DeviceError> {
        self.with(CALL_ALLOWANCE_NS, |npu| NpuDevice::buffer_bytes(npu, buffer))
    }

    fn write_memory(&mut self, at: BufferRange, bytes: &[u8]) -> Result<(), DeviceError> {
        self.with(CALL_ALLOWANCE_NS, |npu| NpuDevice::write_memory(npu, at, bytes))
    }

    fn read_memory(&mut self, at: BufferRange, into: &mut [u8]) -> Result<(), DeviceError> {
        self.with(CALL_ALLOWANCE_NS, |npu| NpuDevice::read_memory(npu, at, into))
    }

    fn submit_task(&mut self, operations: &[Operation]) -> Result<JobTicket, DeviceError> {
        self.with(CALL_ALLOWANCE_NS, |npu| NpuDevice::submit_task(npu, operations))
    }

    fn submit_with_priority(&mut self, operations: &[Operation], priority: Priority) -> Result<JobTicket, DeviceError> {
        self.with(CALL_ALLOWANCE_NS, |npu| {
            NpuDevice::submit_with_priority(npu, operations, priority)
        })
    }

    fn job_status(&mut self, job: JobTicket) -> Result<JobStatus, DeviceError> {
        self.with(CALL_ALLOWANCE_NS, |npu| NpuDevice::job_status(npu, job))
    }

    fn disassemble_job(&self, operations: &[Operation]) -> Result<String, DeviceError> {
        self.with(CALL_ALLOWANCE_NS, |npu| NpuDevice::disassemble_job(npu, operations))
    }

    fn device_address(&self, buffer: BufferId) -> Result<u32, DeviceError> {
        self.with(CALL_ALLOWANCE_NS, |npu| NpuDevice::device_address(npu, buffer))
    }

    fn sync_memory(&mut self, at: BufferRange, size_bytes: u64, direction: SyncDirection) -> Result<(), DeviceError> {
        self.with(CALL_ALLOWANCE_NS, |npu| {
            NpuDevice::sync_memory(npu, at, size_bytes, direction)
        })
    }

    fn wait_for_completion(&mut self, job: JobTicket, timeout_ns: u64) -> Result<JobReport, DeviceError> {
        let allowance_ns = timeout_ns.saturating_add(WAIT_MARGIN_NS);
        self.with(allowance_ns, |npu| NpuDevice::wait_for_completion(npu, job, timeout_ns))
    }

    fn ticks_hz(&self) -> u64 {
        self.ticks_hz
    }

    fn now_ticks(&self) -> u64 {
        self.with(CALL_ALLOWANCE_NS, |npu| Ok(NpuDevice::now_ticks(npu)))
            .unwrap_or(0)
    }
}
