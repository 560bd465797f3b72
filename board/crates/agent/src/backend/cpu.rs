//! The control experiment: matrix products by npu-kernels on the host's cores, operands in the NPU's native layouts.
//!
//! Models no time: `modelled_ns` is always `None`, ticks are the host's monotonic nanoseconds. Jobs run inside
//! `wait_for_completion`, so a submit returns at once as on hardware.

use std::collections::VecDeque;
use std::time::Instant;

use npu_device::layout::pitch_m;
use npu_device::{
    BufferEntry, BufferId, BufferRange, BufferTable, CachePolicy, Capabilities, DeviceError, JobId, JobReport,
    JobTicket, MatmulInt8, NpuDevice, Operation, TaskReport, Traffic,
};

use super::Backend;

/// Memory the back end hands out.
const MEMORY_BYTES: u64 = 2 << 30;
/// Largest K, as the RK3568's driver takes it: int8 sums stay inside int32.
const MAX_K: u32 = 131_040;
/// Jobs that may wait.
const MAX_JOBS: usize = 64;

/// The back end `cpu`.
pub fn backend() -> Backend {
    Backend {
        device: Box::new(CpuAccelerator::default()),
        irq: None,
        driver_version: format!("npu-kernels {}", npu_kernels::VERSION),
        parameters: Vec::new(),
        probe: None,
    }
}

/// A device that is the CPU.
pub struct CpuAccelerator {
    /// Slots and quota; an address of this table is an index into `memory`.
    table: BufferTable,
    memory: Vec<Vec<u8>>,
    queue: VecDeque<(JobId, Vec<MatmulInt8>)>,
    next_job: u64,
    start: Instant,
}

impl Default for CpuAccelerator {
    fn default() -> Self {
        let table = BufferTable::new(MEMORY_BYTES);
        Self {
            table,
            memory: Vec::new(),
            queue: VecDeque::new(),
            next_job: 0,
            start: Instant::now(),
        }
    }
}

impl CpuAccelerator {
    fn bytes(&self, at: BufferRange, length: u64) -> Result<(usize, std::ops::Range<usize>), DeviceError> {
        let entry = self.table.get(at.buffer)?;
        match at.offset.checked_add(length) {
            Some(end) if end <= entry.size_bytes => Ok((entry.address as usize, at.offset as usize..end as usize)),
            _ => Err(DeviceError::Invalid(format!(
                "{length} bytes at offset {} leave the buffer of {} bytes",
                at.offset, entry.size_bytes
            ))),
        }
    }

    fn check(&self, operation: &MatmulInt8) -> Result<(), DeviceError> {
        let MatmulInt8 { m, k, n, a, b, c } = *operation;
        if m == 0 || k == 0 || n == 0 || k % 32 != 0 || n % 16 != 0 || k > MAX_K {
            return Err(DeviceError::Invalid(format!(
                "m {m}, k {k}, n {n}: none may be 0, k is a multiple of 32 up to {MAX_K}, n one of 16"
            )));
        }
        let [m, k, n] = [u64::from(m), u64::from(k), u64::from(n)];
        for (range, length) in [
            (a, (m.div_ceil(4) * 4).saturating_mul(k)),
            (b, n.saturating_mul(k)),
            (c, m.saturating_mul(n).saturating_mul(4)),
        ] {
            if range.offset % 64 != 0 {
                return Err(DeviceError::Invalid(format!(
                    "offset {} is no multiple of 64",
                    range.offset
                )));
            }
            self.bytes(range, length)?;
        }
        Ok(())
    }

    fn run(&mut self, operation: &MatmulInt8) -> Result<TaskReport, DeviceError> {
        let [m, k, n] = [operation.m as usize, operation.k as usize, operation.n as usize];
        let (a_bytes, b_bytes, c_bytes) = (pitch_m(m) * k, n * k, m * n * 4);
        let (a, a_range) = self.bytes(operation.a, a_bytes as u64)?;
        let (b, b_range) = self.bytes(operation.b, b_bytes as u64)?;
        let (c, c_range) = self.bytes(operation.c, c_bytes as u64)?;
        let mut product = vec![0i32; m * n];
        npu_kernels::int8::matmul_native(
            &self.memory[a][a_range],
            &self.memory[b][b_range],
            m,
            k,
            n,
            &mut product,
        );
        for (to, value) in self.memory[c][c_range].chunks_exact_mut(4).zip(product) {
            to.copy_from_slice(&value.to_le_bytes());
        }
        Ok(TaskReport {
            tasks: 1,
            macs: m as u64 * k as u64 * n as u64,
            cpu_summed_parts: 0,
            cycles: 0,
            modelled_ns: None,
            traffic: Traffic {
                data_read_bytes: a_bytes as u64,
                weight_read_bytes: b_bytes as u64,
                written_bytes: c_bytes as u64,
            },
        })
    }
}

impl NpuDevice for CpuAccelerator {
    fn init(&mut self) -> Result<Capabilities, DeviceError> {
        Ok(NpuDevice::capabilities(self))
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            backend: "cpu",
            soc: "host",
            modelled: false,
            npu_clock_hz: 0,
            ddr_clock_hz: 0,
            bandwidth_bound_bytes_per_s: 0,
            memory_bytes: MEMORY_BYTES,
            max_k: MAX_K,
        }
    }

    fn allocate_memory(&mut self, size_bytes: u64) -> Result<BufferId, DeviceError> {
        self.table.check_quota(size_bytes)?;
        let wanted = usize::try_from(size_bytes).unwrap_or(usize::MAX);
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(wanted).map_err(|_| DeviceError::OutOfMemory {
            wanted_bytes: size_bytes,
            free_bytes: 0,
        })?;
        bytes.resize(wanted, 0);
        let free = self.memory.iter().position(Vec::is_empty).unwrap_or(self.memory.len());
        let id = self.table.insert(BufferEntry {
            address: free as u32,
            size_bytes,
            policy: CachePolicy::Cached,
        })?;
        if free == self.memory.len() {
            self.memory.push(bytes)
        } else {
            self.memory[free] = bytes
        }
        Ok(id)
    }

    fn free_memory(&mut self, buffer: BufferId) -> Result<(), DeviceError> {
        let entry = self.table.remove(buffer)?;
        self.memory[entry.address as usize] = Vec::new();
        Ok(())
    }

    fn buffer_bytes(&self, buffer: BufferId) -> Result<u64, DeviceError> {
        self.table.get(buffer).map(|entry| entry.size_bytes)
    }

    fn write_memory(&mut self, at: BufferRange, bytes: &[u8]) -> Result<(), DeviceError> {
        let (buffer, range) = self.bytes(at, bytes.len() as u64)?;
        self.memory[buffer][range].copy_from_slice(bytes);
        Ok(())
    }

    fn read_memory(&mut self, at: BufferRange, into: &mut [u8]) -> Result<(), DeviceError> {
        let (buffer, range) = self.bytes(at, into.len() as u64)?;
        into.copy_from_slice(&self.memory[buffer][range]);
        Ok(())
    }

    fn submit_task(&mut self, operations: &[Operation]) -> Result<JobTicket, DeviceError> {
        if operations.is_empty() {
            return Err(DeviceError::Invalid("a job has at least one operation".into()));
        }
        if self.queue.len() >= MAX_JOBS {
            return Err(DeviceError::Busy);
        }
        let products: Vec<_> = operations
            .iter()
            .map(Operation::matmul_int8)
            .collect::<Result<_, _>>()?;
        products.iter().try_for_each(|operation| self.check(operation))?;
        self.next_job += 1;
        self.queue.push_back((JobId(self.next_job), products));
        Ok(JobId(self.next_job))
    }

    fn wait_for_completion(&mut self, job: JobTicket, _timeout_ns: u64) -> Result<JobReport, DeviceError> {
        let at = self
            .queue
            .iter()
            .position(|(known, _)| *known == job)
            .ok_or(DeviceError::NotFound)?;
        let Some((_, operations)) = self.queue.remove(at) else {
            return Err(DeviceError::NotFound);
        };
        let start_ticks = NpuDevice::now_ticks(self);
        let operations = operations
            .iter()
            .map(|operation| self.run(operation))
            .collect::<Result<_, _>>()?;
        let end_ticks = NpuDevice::now_ticks(self);
        Ok(JobReport {
            operations,
            modelled_ns: None,
            start_ticks,
            end_ticks,
            hardware_starts: 1,
        })
    }

    fn ticks_hz(&self) -> u64 {
        1_000_000_000
    }

    fn now_ticks(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
