//! What `tinyllama` and the agent ask of a device: memory, jobs of matrix products, and what each job cost.

use alloc::vec::Vec;

use crate::{BufferId, BufferRange, DeviceError, JobId};

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
    /// Largest K of one matrix product task; larger ones are refused.
    pub max_k: u32,
}

/// `C[m,n] = A[m,k] · B[n,k]ᵀ`, int8 × int8 → int32, exact.
///
/// All three operands lie in the device's native layout of [`crate::layout`], already padded:
/// `k` is a multiple of 32 and `n` of 16. `layout` packs and unpacks, so nobody above knows the padding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MatmulInt8 {
    /// Rows of A and C (tokens).
    pub m: u32,
    /// Inner dimension, a multiple of 32.
    pub k: u32,
    /// Output channels, a multiple of 16.
    pub n: u32,
    /// A, (K/8, M', 8) int8 with M' = align4(M).
    pub a: BufferRange,
    /// B, (N/16, K/32, 16, 32) int8.
    pub b: BufferRange,
    /// C, (N/4, M, 4) int32.
    pub c: BufferRange,
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

/// A device that multiplies matrices: what `tinyllama` runs on.
///
/// `&mut self` on everything: one worker owns the device, so that a hung submit never holds a lock others need.
pub trait Accelerator: Send {
    /// What this back end can do.
    fn capabilities(&self) -> Capabilities;

    /// Allocates zeroed device memory, aligned to 4096 bytes.
    fn allocate_memory(&mut self, size_bytes: u64) -> Result<BufferId, DeviceError>;

    /// Frees it. A second call with the same handle is `NotFound`.
    fn free_memory(&mut self, buffer: BufferId) -> Result<(), DeviceError>;

    /// Bytes allocated for `buffer`, as asked for.
    fn buffer_bytes(&self, buffer: BufferId) -> Result<u64, DeviceError>;

    /// Copies host bytes into device memory and makes them visible to the device.
    fn write_memory(&mut self, at: BufferRange, bytes: &[u8]) -> Result<(), DeviceError>;

    /// Copies device memory to the host after making the device's writes visible.
    fn read_memory(&mut self, at: BufferRange, into: &mut [u8]) -> Result<(), DeviceError>;

    /// Queues the operations as one job, run in order. The operands are checked before anything starts.
    fn submit_task(&mut self, operations: &[MatmulInt8]) -> Result<JobTicket, DeviceError>;

    /// Waits for the job. After `Timeout` the device was reset and the job's outputs are undefined.
    fn wait_for_completion(&mut self, job: JobTicket, timeout_ns: u64) -> Result<JobReport, DeviceError>;

    /// Ticks per second of the device clock that stamps reports (virtual on a simulator).
    fn ticks_hz(&self) -> u64;

    /// The device clock now.
    fn now_ticks(&self) -> u64;
}
