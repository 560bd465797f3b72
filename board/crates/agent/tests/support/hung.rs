//! A device whose jobs end only when the test says so.

use std::sync::mpsc::{Receiver, Sender, channel};

use agent::backend::{self, Backend};
use link::Method;
use link::message::call::{Handle, OneHandle};
use link::message::task::{Layout, Matmul, Operand, OperationKind, SubmitArgs};
use npu_device::*;

use super::{Peer, Rig, Setup};

struct Hung {
    inner: Box<dyn NpuDevice>,
    gate: Receiver<()>,
}

impl NpuDevice for Hung {
    fn init(&mut self) -> Result<Capabilities, DeviceError> {
        NpuDevice::init(self.inner.as_mut())
    }
    fn capabilities(&self) -> Capabilities {
        NpuDevice::capabilities(self.inner.as_ref())
    }
    fn allocate_memory(&mut self, size_bytes: u64) -> Result<BufferId, DeviceError> {
        NpuDevice::allocate_memory(self.inner.as_mut(), size_bytes)
    }
    fn free_memory(&mut self, buffer: BufferId) -> Result<(), DeviceError> {
        NpuDevice::free_memory(self.inner.as_mut(), buffer)
    }
    fn buffer_bytes(&self, buffer: BufferId) -> Result<u64, DeviceError> {
        NpuDevice::buffer_bytes(self.inner.as_ref(), buffer)
    }
    fn write_memory(&mut self, at: BufferRange, bytes: &[u8]) -> Result<(), DeviceError> {
        NpuDevice::write_memory(self.inner.as_mut(), at, bytes)
    }
    fn read_memory(&mut self, at: BufferRange, into: &mut [u8]) -> Result<(), DeviceError> {
        NpuDevice::read_memory(self.inner.as_mut(), at, into)
    }
    fn submit_task(&mut self, operations: &[Operation]) -> Result<JobTicket, DeviceError> {
        NpuDevice::submit_task(self.inner.as_mut(), operations)
    }
    fn wait_for_completion(&mut self, job: JobTicket, timeout_ns: u64) -> Result<JobReport, DeviceError> {
        // A closed gate lets everything through.
        let _ = self.gate.recv();
        NpuDevice::wait_for_completion(self.inner.as_mut(), job, timeout_ns)
    }
    fn ticks_hz(&self) -> u64 {
        NpuDevice::ticks_hz(self.inner.as_ref())
    }
    fn now_ticks(&self) -> u64 {
        NpuDevice::now_ticks(self.inner.as_ref())
    }
}

/// An agent whose device hangs in each wait until `()` is sent or the sender dropped.
pub fn hung_rig() -> (Rig, Sender<()>) {
    let (sender, gate) = channel();
    let cpu = backend::open("cpu").unwrap();
    let backend = Backend {
        probe: None,
        device: Box::new(Hung {
            inner: cpu.device,
            gate,
        }),
        ..cpu
    };
    (
        Rig::with(Setup {
            backend,
            ..Setup::default()
        }),
        sender,
    )
}

/// Submits some product and returns its job.
pub fn submit_any(peer: &mut Peer) -> Handle {
    let [a, b, c] = [32, 32 * 16, 64].map(|bytes| Operand {
        handle: peer.alloc(bytes),
        offset_bytes: 0,
    });
    let kind = OperationKind::MatmulInt8;
    let operation = Matmul {
        kind,
        m: 1,
        k: 32,
        n: 16,
        a,
        b,
        c,
        layout: Layout::RowMajor,
    };
    let operations = vec![operation];
    peer.call::<OneHandle>(Method::TaskSubmit, &SubmitArgs { operations })
        .unwrap()
        .handle
}
