//! `NpuDevice`: what a driver implements. Knows no caller; the blanket implementation below makes every driver an
//! [`Accelerator`], so `tinyllama` and the agent never see this trait.

use alloc::boxed::Box;

use crate::{Accelerator, BufferId, BufferRange, Capabilities, DeviceError, JobReport, JobTicket, MatmulInt8};

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
    /// See [`Accelerator::free_memory`].
    fn free_memory(&mut self, buffer: BufferId) -> Result<(), DeviceError>;
    /// See [`Accelerator::buffer_bytes`].
    fn buffer_bytes(&self, buffer: BufferId) -> Result<u64, DeviceError>;
    /// See [`Accelerator::write_memory`].
    fn write_memory(&mut self, at: BufferRange, bytes: &[u8]) -> Result<(), DeviceError>;
    /// See [`Accelerator::read_memory`].
    fn read_memory(&mut self, at: BufferRange, into: &mut [u8]) -> Result<(), DeviceError>;
    /// See [`Accelerator::submit_task`].
    fn submit_task(&mut self, operations: &[MatmulInt8]) -> Result<JobTicket, DeviceError>;
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
    fn submit_task(&mut self, operations: &[MatmulInt8]) -> Result<JobTicket, DeviceError> {
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
    fn submit_task(&mut self, operations: &[MatmulInt8]) -> Result<JobTicket, DeviceError> {
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
