//! An `Accelerator` as plain as possible: buffers in a map, products by the definition of the native layouts.

use std::collections::BTreeMap;

use npu_device::{
    Accelerator, BufferId, BufferRange, Capabilities, DeviceError, JobId, JobReport, JobTicket, MatmulInt8, Operation,
    TaskReport, Traffic,
};

/// Modelled nanoseconds a job costs on top of its operations.
pub const JOB_OVERHEAD_NS: u64 = 1000;

#[derive(Default)]
pub struct TestDevice {
    buffers: BTreeMap<u32, Vec<u8>>,
    issued: u32,
    clock: u64,
    reports: BTreeMap<u64, JobReport>,
    /// Operations of each job so far.
    pub jobs: Vec<Vec<MatmulInt8>>,
    /// Bytes that may be allocated; 0 = any.
    memory_bytes: u64,
    /// Ends the next wait with this error.
    pub fail_next: Option<DeviceError>,
}

impl TestDevice {
    /// A device with this much memory in bytes.
    pub fn with_memory(memory_bytes: u64) -> Self {
        Self {
            memory_bytes,
            ..Self::default()
        }
    }

    pub fn live_buffers(&self) -> usize {
        self.buffers.len()
    }

    fn used(&self) -> u64 {
        self.buffers.values().map(|bytes| bytes.len() as u64).sum()
    }

    fn range(&self, at: BufferRange, length: usize) -> Result<std::ops::Range<usize>, DeviceError> {
        let size = self.buffer_bytes(at.buffer)? as usize;
        let start = at.offset as usize;
        if start + length > size {
            return Err(DeviceError::Invalid(format!("{start} + {length} bytes of {size}")));
        }
        Ok(start..start + length)
    }

    fn matmul(&mut self, op: &MatmulInt8) -> Result<TaskReport, DeviceError> {
        let (m, k, n) = (op.m as usize, op.k as usize, op.n as usize);
        if m == 0 || k == 0 || n == 0 || !k.is_multiple_of(32) || !n.is_multiple_of(16) {
            return Err(DeviceError::Invalid(format!("shape {m} {k} {n}")));
        }
        if [op.a, op.b, op.c]
            .iter()
            .any(|operand| !operand.offset.is_multiple_of(64))
        {
            return Err(DeviceError::Invalid("an operand is not aligned to 64 bytes".into()));
        }
        let pitch = m.div_ceil(4) * 4;
        let (a_range, b_range) = (self.range(op.a, k * pitch)?, self.range(op.b, k * n)?);
        let c_range = self.range(op.c, n * m * 4)?;
        let mut c = vec![0u8; n * m * 4];
        let a = &self.buffers[&op.a.buffer.slot][a_range];
        let b = &self.buffers[&op.b.buffer.slot][b_range];
        for row in 0..m {
            for column in 0..n {
                let mut sum = 0i32;
                for channel in 0..k {
                    let x = a[(channel / 8 * pitch + row) * 8 + channel % 8] as i8;
                    let at = ((column / 16 * (k / 32) + channel / 32) * 16 + column % 16) * 32 + channel % 32;
                    sum += i32::from(x) * i32::from(b[at] as i8);
                }
                let at = ((column / 4 * m + row) * 4 + column % 4) * 4;
                c[at..at + 4].copy_from_slice(&sum.to_le_bytes());
            }
        }
        if let Some(buffer) = self.buffers.get_mut(&op.c.buffer.slot) {
            buffer[c_range].copy_from_slice(&c);
        }
        let macs = (m * k * n) as u64;
        Ok(TaskReport {
            tasks: 1,
            macs,
            cpu_summed_parts: 0,
            cycles: macs / 512,
            modelled_ns: Some(macs / 512 + 100),
            traffic: Traffic {
                data_read_bytes: (k * pitch) as u64,
                weight_read_bytes: (k * n) as u64,
                written_bytes: (n * m * 4) as u64,
            },
        })
    }
}

impl Accelerator for TestDevice {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            backend: "test",
            soc: "none",
            modelled: true,
            npu_clock_hz: 1_000_000_000,
            ddr_clock_hz: 0,
            bandwidth_bound_bytes_per_s: 0,
            memory_bytes: self.memory_bytes,
            max_k: 10_240,
        }
    }

    fn allocate_memory(&mut self, size_bytes: u64) -> Result<BufferId, DeviceError> {
        let free_bytes = self.memory_bytes.saturating_sub(self.used());
        if self.memory_bytes > 0 && size_bytes > free_bytes {
            return Err(DeviceError::OutOfMemory {
                wanted_bytes: size_bytes,
                free_bytes,
            });
        }
        self.issued += 1;
        self.buffers.insert(self.issued, vec![0; size_bytes as usize]);
        Ok(BufferId {
            slot: self.issued,
            generation: 1,
        })
    }

    fn free_memory(&mut self, buffer: BufferId) -> Result<(), DeviceError> {
        self.buffers
            .remove(&buffer.slot)
            .map(|_| ())
            .ok_or(DeviceError::NotFound)
    }

    fn buffer_bytes(&self, buffer: BufferId) -> Result<u64, DeviceError> {
        self.buffers
            .get(&buffer.slot)
            .map(|bytes| bytes.len() as u64)
            .ok_or(DeviceError::NotFound)
    }

    fn write_memory(&mut self, at: BufferRange, bytes: &[u8]) -> Result<(), DeviceError> {
        let range = self.range(at, bytes.len())?;
        if let Some(buffer) = self.buffers.get_mut(&at.buffer.slot) {
            buffer[range].copy_from_slice(bytes);
        }
        Ok(())
    }

    fn read_memory(&mut self, at: BufferRange, into: &mut [u8]) -> Result<(), DeviceError> {
        let range = self.range(at, into.len())?;
        into.copy_from_slice(&self.buffers[&at.buffer.slot][range]);
        Ok(())
    }

    fn submit_task(&mut self, operations: &[Operation]) -> Result<JobTicket, DeviceError> {
        let start_ticks = self.clock;
        let mut reports = Vec::new();
        let operations: Vec<_> = operations
            .iter()
            .map(Operation::matmul_int8)
            .collect::<Result<_, _>>()?;
        for operation in &operations {
            reports.push(self.matmul(operation)?);
        }
        let modelled = JOB_OVERHEAD_NS + reports.iter().filter_map(|report| report.modelled_ns).sum::<u64>();
        self.clock += modelled;
        self.jobs.push(operations);
        let job = self.jobs.len() as u64;
        let report = JobReport {
            operations: reports,
            modelled_ns: Some(modelled),
            start_ticks,
            end_ticks: self.clock,
            hardware_starts: 1,
        };
        self.reports.insert(job, report);
        Ok(JobId(job))
    }

    fn wait_for_completion(&mut self, job: JobTicket, _timeout_ns: u64) -> Result<JobReport, DeviceError> {
        let report = self.reports.remove(&job.0).ok_or(DeviceError::NotFound)?;
        self.fail_next.take().map_or(Ok(report), Err)
    }

    fn ticks_hz(&self) -> u64 {
        1_000_000_000
    }

    fn now_ticks(&self) -> u64 {
        self.clock
    }
}
