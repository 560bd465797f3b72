//! What `tinyllama` and the agent ask of a device: memory, jobs, and what each job cost.

use alloc::string::String;
use alloc::vec::Vec;

use crate::{BufferId, BufferRange, CachePolicy, DeviceError, JobId, JobStatus, Operation, Priority, SyncDirection};

/// What a back end can do and what it stands for. Asked first, cached by the caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Back end as the user names it: `sim:rk3568`, `drm`, `mmio`, `cpu`.
    pub backend: &'static str,
    /// SoC of the constant table, for example `rk3568`.
    pub soc: &'static str,
    /// True where times come from a model; such times are called *modelled* everywhere.
    pub modelled: bool,
    /// NPU clock in Hz.
    pub npu_clock_hz: u64,
    /// DDR data rate of the timing model in Hz (clock, not transfers); 0 where unknown.
    pub ddr_clock_hz: u64,
    /// Smallest of DDR peak and 8 bytes x NPU clock: no decode step can beat bytes / this. 0 where unknown.
    pub bandwidth_bound_bytes_per_s: u64,
    /// Device memory in bytes.
    pub memory_bytes: u64,
    /// Largest K of one matrix-product task. Drivers cut a larger K and add the parts on the CPU, which the report says;
    /// back ends that do not cut refuse it.
    pub max_k: u32,
}

/// Bytes a task moved over the bus, as the traffic counters see them (multiples of 8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Features, command words and parameter streams read.
    pub data_read_bytes: u64,
    /// Weights read.
    pub weight_read_bytes: u64,
    /// Outputs written.
    pub written_bytes: u64,
}

/// What one operation of a job cost. A large product may take several hardware tasks: they are summed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskReport {
    /// Hardware tasks the operation took.
    pub tasks: u32,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Parts that the CPU added up, because K exceeds one task (sheet §12.29); 0 where the device did everything.
    pub cpu_summed_parts: u32,
    /// Modelled MAC-array cycles; 0 where the back end has no model.
    pub cycles: u64,
    /// Modelled nanoseconds on the virtual clock; `None` where the time is measured or unknown.
    pub modelled_ns: Option<u64>,
    /// Traffic.
    pub traffic: Traffic,
}

/// What a job cost: one report per operation, and what the job adds on top of their sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobReport {
    /// One per operation, in submit order.
    pub operations: Vec<TaskReport>,
    /// Modelled nanoseconds of the whole job: the operations plus the per-job overhead.
    pub modelled_ns: Option<u64>,
    /// Device clock when the job started, in ticks of `Accelerator::ticks_hz`.
    pub start_ticks: u64,
    /// Device clock when the job ended.
    pub end_ticks: u64,
    /// Hardware starts the job was sliced into (at most 4095 tasks each).
    pub hardware_starts: u32,
}

/// Proof that a job was accepted.
pub type JobTicket = JobId;

/// A device that runs jobs: what `tinyllama` and the agent work with. Back ends without a queue, caches or device
/// addresses keep the provided methods.
///
/// `&mut self` on everything: one worker owns the device, so that a hung submit never holds a lock others need.
pub trait Accelerator: Send {
    /// What this back end can do.
    fn capabilities(&self) -> Capabilities;

    /// Allocates zeroed device memory, aligned to 4096 bytes.
    fn allocate_memory(&mut self, size_bytes: u64) -> Result<BufferId, DeviceError>;

    /// Allocates zeroed device memory that the CPU sees in a given way. Coherent back ends take every policy as one.
    fn allocate_with_policy(&mut self, size_bytes: u64, policy: CachePolicy) -> Result<BufferId, DeviceError> {
        let _ = policy;
        self.allocate_memory(size_bytes)
    }

    /// Frees it. A second call with the same handle is `NotFound`.
    fn free_memory(&mut self, buffer: BufferId) -> Result<(), DeviceError>;

    /// Bytes allocated for `buffer`, as asked for.
    fn buffer_bytes(&self, buffer: BufferId) -> Result<u64, DeviceError>;

    /// Copies host bytes into device memory and makes them visible to the device.
    fn write_memory(&mut self, at: BufferRange, bytes: &[u8]) -> Result<(), DeviceError>;

    /// Copies device memory to the host after making the device's writes visible.
    fn read_memory(&mut self, at: BufferRange, into: &mut [u8]) -> Result<(), DeviceError>;

    /// Makes part of a buffer visible to the other side, for memory that somebody mapped: `write_memory` and
    /// `read_memory` do it themselves. Coherent back ends have nothing to do.
    fn sync_memory(&mut self, at: BufferRange, size_bytes: u64, direction: SyncDirection) -> Result<(), DeviceError> {
        let _ = (at, size_bytes, direction);
        Ok(())
    }

    /// Address under which the device sees a buffer, for [`crate::RawCommands`].
    fn device_address(&self, buffer: BufferId) -> Result<u32, DeviceError> {
        let _ = buffer;
        Err(DeviceError::Unsupported("there are no device addresses".into()))
    }

    /// Queues the operations as one job, run in order. The operands are checked before anything starts.
    fn submit_task(&mut self, operations: &[Operation]) -> Result<JobTicket, DeviceError>;

    /// The same with a place in the queue. Back ends that run jobs only when they are waited for have no queue to order.
    fn submit_with_priority(&mut self, operations: &[Operation], priority: Priority) -> Result<JobTicket, DeviceError> {
        let _ = priority;
        self.submit_task(operations)
    }

    /// Where a job is, without waiting for it.
    fn job_status(&mut self, job: JobTicket) -> Result<JobStatus, DeviceError> {
        let _ = job;
        Err(DeviceError::Unsupported("jobs run while they are waited for".into()))
    }

    /// The command words these operations would run, one line each. Runs nothing.
    fn disassemble_job(&self, operations: &[Operation]) -> Result<String, DeviceError> {
        let _ = operations;
        Err(DeviceError::Unsupported("there are no command words".into()))
    }

    /// Waits for the job. After `Timeout` the device was reset and the job's outputs are undefined.
    fn wait_for_completion(&mut self, job: JobTicket, timeout_ns: u64) -> Result<JobReport, DeviceError>;

    /// Ticks per second of the device clock that stamps reports (virtual on a simulator).
    fn ticks_hz(&self) -> u64;

    /// The device clock now.
    fn now_ticks(&self) -> u64;
}
