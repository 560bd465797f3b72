//! `NpuDevice`: what a driver implements. Knows no caller; the blanket implementation below makes every driver an
//! [`Accelerator`], so `tinyllama` and the agent never see this trait.

use alloc::boxed::Box;
use alloc::string::String;

use crate::{
    Accelerator, BufferId, BufferRange, CachePolicy, Capabilities, DeviceError, JobReport, JobStatus, JobTicket,
    Operation, Priority, SyncDirection,
};

/// One NPU behind its driver.
///
/// Import this trait *or* [`Accelerator`], not both: their call names are the same on purpose.
pub trait NpuDevice: Send {
    /// Powers the device up, checks that it answers and reserves its command memory. Idempotent.
    fn init(&mut self) -> Result<Capabilities, DeviceError>;
    /// See [`Accelerator::capabilities`].
    fn capabilities(&self) -> Capabilities;
    /// See [`Accelerator::allocate_memory`].
    fn allocate_memory(&mut self, size_bytes: u64) -> Result<BufferId, DeviceError>;
    /// See [`Accelerator::allocate_with_policy`].
    fn allocate_with_policy(&mut self, size_bytes: u64, policy: CachePolicy) -> Result<BufferId, DeviceError> {
        let _ = policy;
        self.allocate_memory(size_bytes)
    }
    /// See [`Accelerator::free_memory`].
    fn free_memory(&mut self, buffer: BufferId) -> Result<(), DeviceError>;
    /// See [`Accelerator::buffer_bytes`].
    fn buffer_bytes(&self, buffer: BufferId) -> Result<u64, DeviceError>;
    /// See [`Accelerator::write_memory`].
    fn write_memory(&mut self, at: BufferRange, bytes: &[u8]) -> Result<(), DeviceError>;
    /// See [`Accelerator::read_memory`].
    fn read_memory(&mut self, at: BufferRange, into: &mut [u8]) -> Result<(), DeviceError>;
    /// See [`Accelerator::sync_memory`].
    fn sync_memory(&mut self, at: BufferRange, size_bytes: u64, direction: SyncDirection) -> Result<(), DeviceError> {
        let _ = (at, size_bytes, direction);
        Ok(())
    }
    /// See [`Accelerator::device_address`].
    fn device_address(&self, buffer: BufferId) -> Result<u32, DeviceError> {
        let _ = buffer;
        Err(DeviceError::Unsupported("there are no device addresses".into()))
    }
    /// See [`Accelerator::submit_task`].
    fn submit_task(&mut self, operations: &[Operation]) -> Result<JobTicket, DeviceError>;
    /// See [`Accelerator::submit_with_priority`].
    fn submit_with_priority(&mut self, operations: &[Operation], priority: Priority) -> Result<JobTicket, DeviceError> {
        let _ = priority;
        self.submit_task(operations)
    }
    /// See [`Accelerator::job_status`].
    fn job_status(&mut self, job: JobTicket) -> Result<JobStatus, DeviceError> {
        let _ = job;
        Err(DeviceError::Unsupported("jobs run while they are waited for".into()))
    }
    /// See [`Accelerator::disassemble_job`].
    fn disassemble_job(&self, operations: &[Operation]) -> Result<String, DeviceError> {
        let _ = operations;
        Err(DeviceError::Unsupported("there are no command words".into()))
    }
    /// See [`Accelerator::wait_for_completion`].
    fn wait_for_completion(&mut self, job: JobTicket, timeout_ns: u64) -> Result<JobReport, DeviceError>;
    /// See [`Accelerator::ticks_hz`].
    fn ticks_hz(&self) -> u64;
    /// See [`Accelerator::now_ticks`].
    fn now_ticks(&self) -> u64;
}

impl<D: NpuDevice + ?Sized> Accelerator for D {
    fn capabilities(&self) -> Capabilities {
        NpuDevice::capabilities(self)
    }
    fn allocate_memory(&mut self, size_bytes: u64) -> Result<BufferId, DeviceError> {
        NpuDevice::allocate_memory(self, size_bytes)
    }
    fn free_memory(&mut self, buffer: BufferId) -> Result<(), DeviceError> {
        NpuDevice::free_memory(self, buffer)
    }
    fn buffer_bytes(&self, buffer: BufferId) -> Result<u64, DeviceError> {
        NpuDevice::buffer_bytes(self, buffer)
    }
    fn write_memory(&mut self, at: BufferRange, bytes: &[u8]) -> Result<(), DeviceError> {
        NpuDevice::write_memory(self, at, bytes)
    }
    fn read_memory(&mut self, at: BufferRange, into: &mut [u8]) -> Result<(), DeviceError> {
        NpuDevice::read_memory(self, at, into)
    }
    fn allocate_with_policy(&mut self, size_bytes: u64, policy: CachePolicy) -> Result<BufferId, DeviceError> {
        NpuDevice::allocate_with_policy(self, size_bytes, policy)
    }
    fn sync_memory(&mut self, at: BufferRange, size_bytes: u64, direction: SyncDirection) -> Result<(), DeviceError> {
        NpuDevice::sync_memory(self, at, size_bytes, direction)
    }
    fn device_address(&self, buffer: BufferId) -> Result<u32, DeviceError> {
        NpuDevice::device_address(self, buffer)
    }
    fn submit_with_priority(&mut self, operations: &[Operation], priority: Priority) -> Result<JobTicket, DeviceError> {
        NpuDevice::submit_with_priority(self, operations, priority)
    }
    fn job_status(&mut self, job: JobTicket) -> Result<JobStatus, DeviceError> {
        NpuDevice::job_status(self, job)
    }
    fn disassemble_job(&self, operations: &[Operation]) -> Result<String, DeviceError> {
        NpuDevice::disassemble_job(self, operations)
    }
    fn submit_task(&mut self, operations: &[Operation]) -> Result<JobTicket, DeviceError> {
        NpuDevice::submit_task(self, operations)
    }
    fn wait_for_completion(&mut self, job: JobTicket, timeout_ns: u64) -> Result<JobReport, DeviceError> {
        NpuDevice::wait_for_completion(self, job, timeout_ns)
    }
    fn ticks_hz(&self) -> u64 {
        NpuDevice::ticks_hz(self)
    }
    fn now_ticks(&self) -> u64 {
        NpuDevice::now_ticks(self)
    }
}

/// A boxed driver is a driver, so that a registered one can be lent as `&mut dyn Accelerator`.
impl<D: NpuDevice + ?Sized> NpuDevice for Box<D> {
    fn init(&mut self) -> Result<Capabilities, DeviceError> {
        (**self).init()
    }
    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
    }
    fn allocate_memory(&mut self, size_bytes: u64) -> Result<BufferId, DeviceError> {
        (**self).allocate_memory(size_bytes)
    }
    fn free_memory(&mut self, buffer: BufferId) -> Result<(), DeviceError> {
        (**self).free_memory(buffer)
    }
    fn buffer_bytes(&self, buffer: BufferId) -> Result<u64, DeviceError> {
        (**self).buffer_bytes(buffer)
    }
    fn write_memory(&mut self, at: BufferRange, bytes: &[u8]) -> Result<(), DeviceError> {
        (**self).write_memory(at, bytes)
    }
    fn read_memory(&mut self, at: BufferRange, into: &mut [u8]) -> Result<(), DeviceError> {
        (**self).read_memory(at, into)
    }
    fn allocate_with_policy(&mut self, size_bytes: u64, policy: CachePolicy) -> Result<BufferId, DeviceError> {
        (**self).allocate_with_policy(size_bytes, policy)
    }
    fn sync_memory(&mut self, at: BufferRange, size_bytes: u64, direction: SyncDirection) -> Result<(), DeviceError> {
        (**self).sync_memory(at, size_bytes, direction)
    }
    fn device_address(&self, buffer: BufferId) -> Result<u32, DeviceError> {
        (**self).device_address(buffer)
    }
    fn submit_with_priority(&mut self, operations: &[Operation], priority: Priority) -> Result<JobTicket, DeviceError> {
        (**self).submit_with_priority(operations, priority)
    }
    fn job_status(&mut self, job: JobTicket) -> Result<JobStatus, DeviceError> {
        (**self).job_status(job)
    }
    fn disassemble_job(&self, operations: &[Operation]) -> Result<String, DeviceError> {
        (**self).disassemble_job(operations)
    }
    fn submit_task(&mut self, operations: &[Operation]) -> Result<JobTicket, DeviceError> {
        (**self).submit_task(operations)
    }
    fn wait_for_completion(&mut self, job: JobTicket, timeout_ns: u64) -> Result<JobReport, DeviceError> {
        (**self).wait_for_completion(job, timeout_ns)
    }
    fn ticks_hz(&self) -> u64 {
        (**self).ticks_hz()
    }
    fn now_ticks(&self) -> u64 {
        (**self).now_ticks()
    }
}
