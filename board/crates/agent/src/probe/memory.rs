//! Device memory from its two sides: the NPU's accesses and the CPU's. Both reach the same bytes and tell the recorder.

use std::sync::Arc;

use npu_device::{DmaFault, DmaMem, DmaView};
use npu_sim::HostMemory;

use super::record::Recorder;

/// Memory as the NPU reaches it.
pub(super) struct DeviceSide {
    inner: Arc<HostMemory>,
    recorder: Arc<Recorder>,
}

impl DeviceSide {
    pub(super) fn new(inner: Arc<HostMemory>, recorder: Arc<Recorder>) -> Self {
        Self { inner, recorder }
    }
}

impl DmaMem for DeviceSide {
    fn read(&self, address: u32, into: &mut [u8]) -> Result<(), DmaFault> {
        self.recorder.device_reads(address, into.len());
        self.inner.read(address, into)
    }

    fn write(&self, address: u32, bytes: &[u8]) -> Result<(), DmaFault> {
        self.recorder.device_writes(address, bytes);
        self.inner.write(address, bytes)
    }

    fn pin(&self, address: u32, max_bytes: usize) -> Result<Option<Box<dyn DmaView + '_>>, DmaFault> {
        self.recorder.device_reads(address, max_bytes);
        self.inner.pin(address, max_bytes)
    }
}

/// Memory as the CPU reaches it.
pub(super) struct CpuSide {
    inner: Arc<HostMemory>,
    recorder: Arc<Recorder>,
}

impl CpuSide {
    pub(super) fn new(inner: Arc<HostMemory>, recorder: Arc<Recorder>) -> Self {
        Self { inner, recorder }
    }
}

impl DmaMem for CpuSide {
    fn read(&self, address: u32, into: &mut [u8]) -> Result<(), DmaFault> {
        self.inner.read(address, into)
    }

    fn write(&self, address: u32, bytes: &[u8]) -> Result<(), DmaFault> {
        self.inner.write(address, bytes)?;
        self.recorder.cpu_writes(address, bytes);
        Ok(())
    }

    fn zero(&self, address: u32, size_bytes: u64) -> Result<(), DmaFault> {
        self.inner.zero(address, size_bytes)?;
        self.recorder.cpu_zeroes(address, size_bytes);
        Ok(())
    }

    fn pin(&self, address: u32, max_bytes: usize) -> Result<Option<Box<dyn DmaView + '_>>, DmaFault> {
        self.inner.pin(address, max_bytes)
    }
}
