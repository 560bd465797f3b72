//! The driver as others see it: memory, jobs, prepared models. Everything below is in `queue` and `unit`.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use npu_device::{
    BufferEntry, BufferId, BufferRange, BufferTable, Capabilities, DeviceError, Hardware, JobReport, JobTicket,
    NpuDevice, Operation,
};

use crate::cancel::CancelHandle;
use crate::commands::Builder;
use crate::heap::Heap;
use crate::interrupt::Interrupt;
use crate::job::Job;
use crate::queue::{CommandMemory, Queue};
use crate::soc::Soc;
use crate::unit::Core;
use crate::{check, memory_fault, plan};

/// Settings that a board may want to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Most bytes of live buffers.
    pub quota_bytes: u64,
    /// Tasks that fit the command memory (960 bytes each): the most that one start runs. Rounded down to even.
    pub command_tasks: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            quota_bytes: u64::MAX,
            command_tasks: 1024,
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
    heap: Heap,
    buffers: BufferTable,
    queue: Queue,
    commands: Option<CommandMemory>,
    cancel: CancelHandle,
    clock_hz: u64,
    models: Vec<Vec<Vec<Operation>>>,
}

impl RknpuDriver {
    /// A driver that has touched nothing yet; [`NpuDevice::init`] powers the device up.
    pub fn new(hardware: Hardware, soc: &'static Soc, options: Options) -> Self {
        let heap = Heap::new(hardware.memory);
        Self {
            core: Core::new(hardware, soc),
            options,
            heap,
            buffers: BufferTable::new(options.quota_bytes),
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
        self.heap.free_bytes().min(quota)
    }

    /// Takes a prepared list of jobs after checking every operand.
    pub fn load_model(&mut self, jobs: Vec<Vec<Operation>>) -> Result<ModelId, DeviceError> {
        for job in &jobs {
            check::plan(job, &self.buffers, self.core.soc)?;
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

    fn plan(
        &self,
        operations: &[Operation],
        commands: CommandMemory,
    ) -> Result<(Vec<plan::TaskPlan>, Vec<plan::Start>), DeviceError> {
        let tasks = check::plan(operations, &self.buffers, self.core.soc)?;
        let metered = self.core.hardware.platform.meter().is_some();
        Ok(plan::starts(tasks, commands.tasks, !metered))
    }
}

impl NpuDevice for RknpuDriver {
    fn init(&mut self) -> Result<Capabilities, DeviceError> {
        if self.clock_hz == 0 {
            self.clock_hz = self.core.bring_up()?;
        }
        if self.commands.is_none() {
            let tasks = self.options.command_tasks.clamp(2, self.core.soc.max_tasks_per_start) / 2 * 2;
            let address = self.heap.allocate(CommandMemory::bytes_for(tasks))?;
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
        self.buffers.check_quota(size_bytes)?;
        let address = self.heap.allocate(size_bytes)?;
        let zeroed = self.core.hardware.dma.zero(address, size_bytes).map_err(memory_fault);
        let issued = zeroed.and_then(|()| self.buffers.insert(BufferEntry { address, size_bytes }));
        if issued.is_err() {
            self.heap.release(address, size_bytes);
        }
        issued
    }

    fn free_memory(&mut self, buffer: BufferId) -> Result<(), DeviceError> {
        self.buffers.get(buffer)?;
        if self.queue.uses(buffer) {
            return Err(DeviceError::Busy);
        }
        let entry = self.buffers.remove(buffer)?;
        self.heap.release(entry.address, entry.size_bytes);
        Ok(())
    }

    fn buffer_bytes(&self, buffer: BufferId) -> Result<u64, DeviceError> {
        self.buffers.get(buffer).map(|entry| entry.size_bytes)
    }

    fn write_memory(&mut self, at: BufferRange, bytes: &[u8]) -> Result<(), DeviceError> {
        let address = self.buffers.resolve(at, bytes.len() as u64, "write")?;
        self.core.hardware.dma.write(address, bytes).map_err(memory_fault)
    }

    fn read_memory(&mut self, at: BufferRange, into: &mut [u8]) -> Result<(), DeviceError> {
        let address = self.buffers.resolve(at, into.len() as u64, "read")?;
        self.core.hardware.dma.read(address, into).map_err(memory_fault)
    }

    fn disassemble_job(&self, operations: &[Operation]) -> Result<String, DeviceError> {
        let commands = self.commands.ok_or(DeviceError::Lost)?;
        let (tasks, starts) = self.plan(operations, commands)?;
        let mut builder = Builder::new();
        let mut text = String::new();
        for (number, start) in starts.iter().enumerate() {
            let tasks = &tasks[start.first..start.first + start.count];
            let words = builder.build(tasks, commands.address)?;
            crate::listing::append(&mut text, number, tasks, words);
        }
        Ok(text)
    }

    fn device_address(&self, buffer: BufferId) -> Result<u32, DeviceError> {
        self.buffers.get(buffer).map(|entry| entry.address)
    }

    fn submit_task(&mut self, operations: &[Operation]) -> Result<JobTicket, DeviceError> {
        let commands = self.commands.ok_or(DeviceError::Lost)?;
        if self.queue.is_full() {
            return Err(DeviceError::Busy);
        }
        let (tasks, starts) = self.plan(operations, commands)?;
        if self.queue.is_empty() {
            self.cancel.take();
        }
        let id = self.queue.next_id();
        self.queue
            .push(Job::new(id, operations, tasks, starts), &self.core, commands);
        Ok(id)
    }

    fn wait_for_completion(&mut self, job: JobTicket, timeout_ns: u64) -> Result<JobReport, DeviceError> {
        let commands = self.commands.ok_or(DeviceError::Lost)?;
        self.queue.wait(job, timeout_ns, &self.core, commands, &self.cancel)
    }

    fn ticks_hz(&self) -> u64 {
        1_000_000_000
    }

    fn now_ticks(&self) -> u64 {
        self.core.now_ns()
    }
}
