//! Runs jobs one after the other: commit, wait, book, recover. The only state machine of the driver.
//!
//! A job that times out, faults or is cancelled ends with a reset of the core; the next one runs on a clean device.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use npu_device::{DeviceError, JobId, JobReport, TaskCost};
use npu_regs::task::{CONVOLUTION_WORDS, INTERRUPT_DPU};

use crate::cancel::CancelHandle;
use crate::commands::{Builder, STREAM_BYTES};
use crate::job::{Finished, Job, none_finished};
use crate::start::{self, Chain};
use crate::unit::Core;

/// Jobs that may be queued or finished but not waited for.
pub(crate) const MAX_JOBS: usize = 64;

/// Where the command streams of a start go.
#[derive(Clone, Copy)]
pub(crate) struct CommandMemory {
    pub(crate) address: u32,
    pub(crate) tasks: usize,
}

impl CommandMemory {
    pub(crate) const fn bytes_for(tasks: usize) -> u64 {
        (tasks * STREAM_BYTES) as u64
    }
}

/// Queued, running and finished jobs. The first queued job is the running one.
pub(crate) struct Queue {
    waiting: VecDeque<Job>,
    running: bool,
    finished: Finished,
    builder: Builder,
    costs: Vec<TaskCost>,
    last_id: u64,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            running: false,
            finished: none_finished(),
            builder: Builder::new(),
            costs: Vec::new(),
            last_id: 0,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.waiting.len() + self.finished.len() >= MAX_JOBS
    }

    /// Whether a job that has not ended uses a buffer.
    pub(crate) fn uses(&self, buffer: npu_device::BufferId) -> bool {
        self.waiting.iter().any(|job| job.buffers.contains(&buffer))
    }

    pub(crate) fn next_id(&mut self) -> JobId {
        self.last_id += 1;
        JobId(self.last_id)
    }

    /// Adds a job and starts it when the device is free.
    pub(crate) fn push(&mut self, job: Job, core: &Core, memory: CommandMemory) {
        self.waiting.push_back(job);
        if !self.running {
            self.start_next(core, memory);
        }
    }

    /// Runs jobs until `id` has ended or `timeout_ns` has passed.
    pub(crate) fn wait(
        &mut self,
        id: JobId,
        timeout_ns: u64,
        core: &Core,
        memory: CommandMemory,
        cancel: &CancelHandle,
    ) -> Result<JobReport, DeviceError> {
        let deadline_ns = core.now_ns().saturating_add(timeout_ns);
        loop {
            if let Some(index) = self.finished.iter().position(|(ended, _)| *ended == id) {
                return self.finished.remove(index).1;
            }
            if !self.waiting.iter().any(|job| job.id == id) {
                return Err(DeviceError::NotFound);
            }
            let left_ns = deadline_ns.saturating_sub(core.now_ns());
            let interrupt = &core.interrupt;
            let woken = core.hardware.wait.wait_until(left_ns, &mut || {
                interrupt.ack_irq();
                interrupt.is_done() || cancel.is_set() || interrupt.dma_errors() != 0
            });
            if interrupt.is_done() {
                let ended = self.finished.len();
                self.finish_start(core, memory);
                if self.finished.len() > ended {
                    // A request that came too late must not hit the job behind.
                    cancel.take();
                }
            } else {
                let why = self.diagnose(core, woken && cancel.take());
                self.abort(why, id, core, memory);
            }
        }
    }

    /// The running start is done: book it, go on.
    fn finish_start(&mut self, core: &Core, memory: CommandMemory) {
        let Some(job) = self.waiting.front_mut() else { return };
        core.interrupt.expect(0);
        match core.hardware.platform.meter() {
            Some(meter) => {
                self.costs.clear();
                meter.drain(&mut |cost| self.costs.push(cost));
                job.finish_metered(&self.costs);
            }
            None => job.finish_counted(&start::traffic(&*core.hardware.mmio)),
        }
        if !job.next_tasks().is_empty() {
            return self.commit(core, memory);
        }
        job.report.end_ticks = core.now_ns();
        if core.hardware.platform.meter().is_some() {
            job.report.modelled_ns = Some(job.report.end_ticks - job.report.start_ticks);
        }
        let (id, report) = (job.id, core::mem::take(&mut job.report));
        self.end(id, Ok(report));
        self.start_next(core, memory);
    }

    fn start_next(&mut self, core: &Core, memory: CommandMemory) {
        let Some(job) = self.waiting.front_mut() else {
            self.running = false;
            return;
        };
        job.report.start_ticks = core.now_ns();
        self.commit(core, memory);
    }

    /// Writes and commits the running job's next start. A job that cannot even be written ends here.
    fn commit(&mut self, core: &Core, memory: CommandMemory) {
        self.running = true;
        let Some(job) = self.waiting.front() else { return };
        let tasks = job.next_tasks();
        match self.builder.write(tasks, memory.address, &*core.hardware.dma) {
            Ok(()) => {
                core.interrupt.expect(INTERRUPT_DPU);
                let (words, tasks) = (CONVOLUTION_WORDS as u32, tasks.len() as u32);
                start::commit(
                    &*core.hardware.mmio,
                    Chain {
                        address: memory.address,
                        words,
                        tasks,
                    },
                );
            }
            Err(why) => {
                let id = job.id;
                self.end(id, Err(why));
                self.start_next(core, memory);
            }
        }
    }

    fn end(&mut self, id: JobId, outcome: Result<JobReport, DeviceError>) {
        self.waiting.retain(|job| job.id != id);
        self.finished.push((id, outcome));
    }

    /// Why the running start did not complete.
    fn diagnose(&self, core: &Core, cancelled: bool) -> DeviceError {
        let earlier = self.waiting.front().map_or(0, Job::tasks_done);
        let tasks_done = earlier + start::tasks_done(&*core.hardware.mmio);
        if let Some(text) = core.hardware.platform.fault_text() {
            return DeviceError::Fault(text);
        }
        match core.interrupt.dma_errors() {
            0 if cancelled => DeviceError::Cancelled,
            0 => DeviceError::Timeout { tasks_done },
            bits => {
                let kind = if bits & 1 << 12 != 0 { "read" } else { "write" };
                DeviceError::Fault(alloc::format!("DMA {kind} error after {tasks_done} finished tasks"))
            }
        }
    }

    /// Resets the core and ends the running job; a job that was waited for behind it ends too.
    fn abort(&mut self, why: DeviceError, waited: JobId, core: &Core, memory: CommandMemory) {
        core.interrupt.expect(0);
        let why = match core.reset() {
            Ok(()) => why,
            Err(worse) => worse,
        };
        let running = self.waiting.front().map(|job| job.id);
        if let Some(id) = running {
            self.end(id, Err(why.clone()));
        }
        let behind = running != Some(waited);
        let gives_up = matches!(
            why,
            DeviceError::Timeout { .. } | DeviceError::Cancelled | DeviceError::Lost
        );
        if behind && gives_up {
            let own = match why {
                DeviceError::Timeout { .. } => DeviceError::Timeout { tasks_done: 0 },
                other => other,
            };
            self.end(waited, Err(own));
        }
        self.start_next(core, memory);
    }
}
