//! The driver as others see it: memory, jobs, prepared models. Everything below is in `queue`, `memory` and `unit`.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use npu_device::{
    Buffer, BufferEntry, BufferId, BufferRange, BufferTable, CachePolicy, Capabilities, DeviceError, Hardware,
    JobReport, JobStatus, JobTicket, Leases, NpuDevice, Operation, Priority, SyncDirection,
};

use crate::cancel::CancelHandle;
use crate::commands::{Builder, CommandMemory};
use crate::interrupt::Interrupt;
use crate::job::{Job, Parts, Scratch};
use crate::memory::Memory;
use crate::plan::{self, Limits, Start};
use crate::queue::{Context, Queue};
use crate::soc::Soc;
use crate::task::TaskPlan;
use crate::unit::Core;

/// Settings that a board may want to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Most bytes of live buffers.
    pub quota_bytes: u64,
    /// Most tasks that one start is planned with (960 bytes of command memory each). Rounded down to even.
    pub command_tasks: usize,
    /// Gives the NPU its own address space through its IOMMU, so that buffers need not be contiguous and a wrong address
    /// is a fault. Off by default: device addresses are physical ones.
    pub paging: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quota_bytes: u64::MAX,
            command_tasks: 1024,
            paging: false,
        }
    }
}

/// A job list accepted by [`RknpuDriver::load_model`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelId(usize);

/// Driver of one NPU.
pub struct RknpuDriver {
    core: Core,
    options: Options,
    memory: Memory,
    buffers: BufferTable,
    leases: Leases,
    queue: Queue,
    commands: Option<CommandMemory>,
    cancel: CancelHandle,
    clock_hz: u64,
    models: Vec<Vec<Vec<Operation>>>,
}

impl RknpuDriver {
    /// A driver that has touched nothing yet; [`NpuDevice::init`] powers the device up.
    pub fn new(hardware: Hardware, soc: &'static Soc, options: Options) -> Self {
        let memory = Memory::new(&hardware);
        Self {
            core: Core::new(hardware, soc),
            options,
            memory,
            buffers: BufferTable::new(options.quota_bytes),
            leases: Leases::new(),
            queue: Queue::new(),
            commands: None,
            cancel: CancelHandle::default(),
            clock_hz: 0,
            models: Vec::new(),
        }
    }

    /// The handler's half, for whoever owns the interrupt controller. Without it the driver polls.
    pub fn interrupt(&self) -> Arc<Interrupt> {
        self.core.interrupt.clone()
    }

    /// Stops the running job at its next task boundary.
    pub fn cancel_handle(&self) -> CancelHandle {
        self.cancel.clone()
    }

    /// Bytes that can still be allocated.
    pub fn free_bytes(&self) -> u64 {
        let quota = self.options.quota_bytes.saturating_sub(self.buffers.used_bytes());
        self.memory.free_bytes().min(quota)
    }

    /// Allocates memory that is freed when the returned object and its clones are dropped: at the next call into the
    /// driver, and never under a job that uses it.
    pub fn allocate_buffer(&mut self, size_bytes: u64, policy: CachePolicy) -> Result<Buffer, DeviceError> {
        let id = self.allocate_with_policy(size_bytes, policy)?;
        Ok(self.leases.grant(id, size_bytes))
    }

    /// Takes a prepared list of jobs after checking every operand.
    pub fn load_model(&mut self, jobs: Vec<Vec<Operation>>) -> Result<ModelId, DeviceError> {
        for job in &jobs {
            plan::plan(job, &self.buffers, self.core.soc, 0)?;
        }
        self.models.push(jobs);
        Ok(ModelId(self.models.len() - 1))
    }

    /// Runs a loaded list in order, `timeout_ns` for each job.
    pub fn run_inference(&mut self, model: ModelId, timeout_ns: u64) -> Result<Vec<JobReport>, DeviceError> {
        let jobs = self.models.get(model.0).cloned().ok_or(DeviceError::NotFound)?;
        let mut reports = Vec::with_capacity(jobs.len());
        for job in jobs {
            let ticket = self.submit_task(&job)?;
            reports.push(self.wait_for_completion(ticket, timeout_ns)?);
        }
        Ok(reports)
    }

    /// Cuts the power. Queued jobs must have ended; [`NpuDevice::init`] brings the device back with its buffers.
    pub fn power_off(&mut self) -> Result<(), DeviceError> {
        if !self.queue.is_empty() {
            return Err(DeviceError::Busy);
        }
        self.clock_hz = 0;
        self.core.power_off()
    }

    fn grouped(&self, tasks: Vec<TaskPlan>, commands: CommandMemory) -> (Vec<TaskPlan>, Vec<Start>) {
        let limits = Limits {
            tasks: commands.tasks,
            bytes: commands.stream_limit(),
            per_operation: self.core.hardware.platform.meter().is_none(),
        };
        plan::starts(tasks, &limits)
    }

    fn release(&mut self, address: u32, size_bytes: u64) -> Result<(), DeviceError> {
        self.memory.release(address, size_bytes)?;
        // Without power there is nothing to forget, and no register to touch.
        if self.memory.is_paged() && self.clock_hz > 0 {
            self.core.forget_translations();
        }
        Ok(())
    }

    /// Frees what was dropped and what ended jobs leave behind.
    fn reclaim(&mut self) -> Result<(), DeviceError> {
        while let Some(Scratch { address, size_bytes }) = self.queue.take_released() {
            self.release(address, size_bytes)?;
        }
        let queue = &self.queue;
        while let Some(id) = self.leases.take_dropped(|id| !queue.uses(id)) {
            // Freed by its handle before the lease ended: nothing is left to do.
            let Ok(entry) = self.buffers.remove(id) else { continue };
            self.memory.release(entry.address, entry.size_bytes)?;
            if self.memory.is_paged() && self.clock_hz > 0 {
                self.core.forget_translations();
            }
        }
        Ok(())
    }

    fn scratch(&mut self, operations: &[Operation]) -> Result<Option<Scratch>, DeviceError> {
        let size_bytes = plan::scratch_bytes(operations, self.core.soc);
        if size_bytes == 0 {
            return Ok(None);
        }
        // A request that will be refused is refused for its own fault, not for want of memory.
        plan::plan(operations, &self.buffers, self.core.soc, 0)?;
        let address = self.memory.allocate(size_bytes, CachePolicy::Uncached)?;
        Ok(Some(Scratch { address, size_bytes }))
    }
}

impl NpuDevice for RknpuDriver {
    fn init(&mut self) -> Result<Capabilities, DeviceError> {
        if self.clock_hz == 0 {
            let directory = self.options.paging.then(|| self.memory.use_paging()).transpose()?;
            self.clock_hz = self.core.bring_up(directory)?;
        }
        if self.commands.is_none() {
            let tasks = self.options.command_tasks.clamp(2, self.core.soc.max_tasks_per_start) / 2 * 2;
            let bytes = CommandMemory::bytes_for(tasks);
            let address = self.memory.allocate(bytes, CachePolicy::WriteCombined)?;
            self.commands = Some(CommandMemory { address, tasks });
        }
        Ok(self.capabilities())
    }

    fn capabilities(&self) -> Capabilities {
        let meter = self.core.hardware.platform.meter();
        Capabilities {
            backend: self.core.hardware.backend,
            soc: self.core.soc.name,
            modelled: meter.is_some(),
            npu_clock_hz: self.clock_hz,
            ddr_clock_hz: meter.map_or(0, |meter| meter.ddr_clock_hz()),
            bandwidth_bound_bytes_per_s: meter.map_or(0, |meter| meter.bandwidth_bound_bytes_per_s()),
            memory_bytes: self.core.hardware.memory.size_bytes,
            max_k: self.core.soc.max_k,
        }
    }

    fn allocate_memory(&mut self, size_bytes: u64) -> Result<BufferId, DeviceError> {
        self.allocate_with_policy(size_bytes, CachePolicy::Cached)
    }

    fn allocate_with_policy(&mut self, size_bytes: u64, policy: CachePolicy) -> Result<BufferId, DeviceError> {
        self.reclaim()?;
        self.buffers.check_quota(size_bytes)?;
        let address = self.memory.allocate(size_bytes, policy)?;
        let issued = self.buffers.insert(BufferEntry {
            address,
            size_bytes,
            policy,
        });
        if issued.is_err() {
            self.release(address, size_bytes)?;
        }
        issued
    }

    fn free_memory(&mut self, buffer: BufferId) -> Result<(), DeviceError> {
        self.buffers.get(buffer)?;
        if self.queue.uses(buffer) {
            return Err(DeviceError::Busy);
        }
        let entry = self.buffers.remove(buffer)?;
        self.release(entry.address, entry.size_bytes)
    }

    fn buffer_bytes(&self, buffer: BufferId) -> Result<u64, DeviceError> {
        self.buffers.get(buffer).map(|entry| entry.size_bytes)
    }

    fn write_memory(&mut self, at: BufferRange, bytes: &[u8]) -> Result<(), DeviceError> {
        let size = bytes.len() as u64;
        let address = self.buffers.resolve(at, size, "write")?;
        self.memory.write(address, bytes)?;
        match self.buffers.get(at.buffer)?.policy {
            CachePolicy::Cached => self.memory.sync(address, size, SyncDirection::ToDevice),
            CachePolicy::WriteCombined | CachePolicy::Uncached => Ok(()),
        }
    }

    fn read_memory(&mut self, at: BufferRange, into: &mut [u8]) -> Result<(), DeviceError> {
        let size = into.len() as u64;
        let address = self.buffers.resolve(at, size, "read")?;
        if self.buffers.get(at.buffer)?.policy == CachePolicy::Cached {
            self.memory.sync(address, size, SyncDirection::FromDevice)?;
        }
        self.memory.read(address, into)
    }

    fn sync_memory(&mut self, at: BufferRange, size_bytes: u64, direction: SyncDirection) -> Result<(), DeviceError> {
        let address = self.buffers.resolve(at, size_bytes, "sync")?;
        self.memory.sync(address, size_bytes, direction)
    }

    fn device_address(&self, buffer: BufferId) -> Result<u32, DeviceError> {
        self.buffers.get(buffer).map(|entry| entry.address)
    }

    fn submit_task(&mut self, operations: &[Operation]) -> Result<JobTicket, DeviceError> {
        self.submit_with_priority(operations, Priority::Normal)
    }

    fn submit_with_priority(&mut self, operations: &[Operation], priority: Priority) -> Result<JobTicket, DeviceError> {
        let commands = self.commands.ok_or(DeviceError::Lost)?;
        if self.queue.is_full() {
            return Err(DeviceError::Busy);
        }
        self.reclaim()?;
        let scratch = self.scratch(operations)?;
        let address = scratch.map_or(0, |scratch| scratch.address);
        let planned = match plan::plan(operations, &self.buffers, self.core.soc, address) {
            Ok(planned) => planned,
            Err(why) => {
                if let Some(Scratch { address, size_bytes }) = scratch {
                    self.release(address, size_bytes)?;
                }
                return Err(why);
            }
        };
        let (tasks, starts) = self.grouped(planned.tasks, commands);
        if self.queue.is_empty() {
            self.cancel.take();
        }
        let id = self.queue.next_id();
        let parts = Parts {
            tasks,
            starts,
            sums: planned.sums,
            scratch,
        };
        let at = Context {
            core: &self.core,
            memory: &self.memory,
            commands,
            cancel: &self.cancel,
        };
        self.queue.push(Job::new(id, priority, operations, parts), &at);
        Ok(id)
    }

    fn job_status(&mut self, job: JobTicket) -> Result<JobStatus, DeviceError> {
        self.queue.status(job, &self.core)
    }

    fn disassemble_job(&self, operations: &[Operation]) -> Result<String, DeviceError> {
        let commands = self.commands.ok_or(DeviceError::Lost)?;
        let scratch = match plan::scratch_bytes(operations, self.core.soc) {
            0 => 0,
            bytes => self.memory.would_allocate(bytes).ok_or(DeviceError::OutOfMemory {
                wanted_bytes: bytes,
                free_bytes: self.free_bytes(),
            })?,
        };
        let planned = plan::plan(operations, &self.buffers, self.core.soc, scratch)?;
        let (tasks, starts) = self.grouped(planned.tasks, commands);
        let mut builder = Builder::new();
        let mut text = String::new();
        for (number, start) in starts.iter().enumerate() {
            let tasks = &tasks[start.first..start.first + start.count];
            let (words, _) = builder.build(tasks, commands)?;
            crate::listing::append(&mut text, number, tasks, words);
        }
        Ok(text)
    }

    fn wait_for_completion(&mut self, job: JobTicket, timeout_ns: u64) -> Result<JobReport, DeviceError> {
        let commands = self.commands.ok_or(DeviceError::Lost)?;
        let at = Context {
            core: &self.core,
            memory: &self.memory,
            commands,
            cancel: &self.cancel,
        };
        self.queue.wait(job, timeout_ns, &at)
    }

    fn ticks_hz(&self) -> u64 {
        1_000_000_000
    }

    fn now_ticks(&self) -> u64 {
        self.core.now_ns()
    }
}
