//! Runs jobs one after the other: commit, wait, book, recover. The only state machine of the driver.
//!
//! Jobs of higher priority go first, equal ones in submit order; a running job is never interrupted. A job that times out,
//! faults or is cancelled ends with a reset of the core; the next one runs on a clean device.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use npu_device::{DeviceError, JobId, JobReport, JobState, JobStatus, TaskCost};
use npu_regs::task::{INTERRUPT_DPU, INTERRUPT_PPU};

use crate::cancel::CancelHandle;
use crate::commands::{Builder, CommandMemory};
use crate::job::{Finished, Job, Scratch};
use crate::memory::Memory;
use crate::start::{self, Chain};
use crate::task::{TaskPlan, Work};
use crate::unit::Core;

/// Jobs that may be queued or finished but not waited for.
pub(crate) const MAX_JOBS: usize = 64;

/// Everything a step of the queue works with.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) core: &'a Core,
    pub(crate) memory: &'a Memory,
    pub(crate) commands: CommandMemory,
    pub(crate) cancel: &'a CancelHandle,
}

/// Queued, running and finished jobs. The first queued job is the running one.
pub(crate) struct Queue {
    waiting: VecDeque<Job>,
    running: Option<Chain>,
    /// Reset before the next start: a block's executer may be in the wrong group (erratum 7), or a reset failed and nobody knows
    /// what the device did since.
    reset_due: bool,
    finished: Finished,
    /// Memory of ended jobs, to be released by the owner of the memory.
    released: Vec<Scratch>,
    builder: Builder,
    costs: Vec<TaskCost>,
    last_id: u64,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            waiting: VecDeque::new(),
            running: None,
            reset_due: false,
            finished: Finished::new(),
            released: Vec::new(),
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

    /// Memory that ended jobs no longer need.
    pub(crate) fn take_released(&mut self) -> Option<Scratch> {
        self.released.pop()
    }

    /// Adds a job behind those of its priority and starts it when the device is free.
    pub(crate) fn push(&mut self, job: Job, at: &Context<'_>) {
        let running = usize::from(self.running.is_some());
        let behind = |other: &Job| other.priority < job.priority;
        let index = self
            .waiting
            .iter()
            .skip(running)
            .position(behind)
            .map_or(self.waiting.len(), |index| running + index);
        self.waiting.insert(index, job);
        if self.running.is_none() {
            self.start_next(at);
        }
    }

    /// Where a job is.
    pub(crate) fn status(&self, id: JobId, core: &Core) -> Result<JobStatus, DeviceError> {
        if self.finished.iter().any(|(ended, _)| *ended == id) {
            return Ok(JobStatus {
                state: JobState::Ended,
                operations: Vec::new(),
            });
        }
        let index = self.waiting.iter().position(|job| job.id == id);
        let index = index.ok_or(DeviceError::NotFound)?;
        let (state, running) = match index {
            0 => (JobState::Running, start::tasks_done(&*core.hardware.mmio)),
            ahead => (JobState::Queued { ahead: ahead as u32 }, 0),
        };
        Ok(self.waiting[index].status(state, running))
    }

    /// Runs jobs until `id` has ended or `timeout_ns` has passed.
    pub(crate) fn wait(&mut self, id: JobId, timeout_ns: u64, at: &Context<'_>) -> Result<JobReport, DeviceError> {
        let core = at.core;
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
            let running = self.running;
            let done = || interrupt.is_done() || running.is_some_and(|chain| pooling_done(core, chain));
            let woken = core.hardware.wait.wait_until(left_ns, &mut || {
                interrupt.ack_irq();
                done() || at.cancel.is_set() || interrupt.dma_errors() != 0
            });
            if done() {
                let ended = self.finished.len();
                self.finish_start(at);
                if self.finished.len() > ended {
                    // A request that came too late must not hit the job behind.
                    at.cancel.take();
                }
            } else {
                let why = self.diagnose(core, woken && at.cancel.take());
                self.abort(why, id, at);
            }
        }
    }

    /// The running start is done: book it, go on.
    fn finish_start(&mut self, at: &Context<'_>) {
        let core = at.core;
        let Some(job) = self.waiting.front_mut() else { return };
        core.interrupt.expect(0);
        self.reset_due = job.next_start().is_some_and(|(start, _)| start.odd);
        match core.hardware.platform.meter() {
            Some(meter) => {
                self.costs.clear();
                meter.drain(&mut |cost| self.costs.push(cost));
                job.finish_metered(&self.costs);
            }
            None => job.finish_counted(&start::traffic(&*core.hardware.mmio)),
        }
        if job.next_start().is_some() {
            return self.commit(at);
        }
        job.report.end_ticks = core.now_ns();
        if core.hardware.platform.meter().is_some() {
            job.report.modelled_ns = Some(job.report.end_ticks - job.report.start_ticks);
        }
        let summed = job.finish_sums(at.memory);
        let (id, report) = (job.id, core::mem::take(&mut job.report));
        self.end(id, summed.map(|()| report));
        self.start_next(at);
    }

    fn start_next(&mut self, at: &Context<'_>) {
        self.running = None;
        let Some(job) = self.waiting.front_mut() else { return };
        job.report.start_ticks = at.core.now_ns();
        self.commit(at);
    }

    /// Writes and commits the running job's next start. A job that cannot even be written ends here.
    fn commit(&mut self, at: &Context<'_>) {
        let Some(job) = self.waiting.front() else { return };
        let id = job.id;
        match self.chain(at) {
            Ok(chain) => {
                at.core.interrupt.expect(chain.mask);
                self.running = Some(chain);
                start::commit(&*at.core.hardware.mmio, chain);
            }
            Err(why) => {
                self.end(id, Err(why));
                self.start_next(at);
            }
        }
    }

    /// Puts the next start into command memory, on a device whose executers are in their first group.
    fn chain(&mut self, at: &Context<'_>) -> Result<Chain, DeviceError> {
        if self.reset_due {
            at.core.reset()?;
            self.reset_due = false;
        }
        let next = self.waiting.front().and_then(Job::next_start);
        let (_, tasks) = next.ok_or(DeviceError::NotFound)?;
        if let [
            TaskPlan {
                work: Work::Raw(raw), ..
            },
        ] = tasks
        {
            return Ok(Chain {
                address: raw.address,
                words: raw.words,
                tasks: raw.tasks,
                mask: raw.interrupt_mask,
            });
        }
        let address = self.builder.write(tasks, at.commands, at.memory)?;
        Ok(Chain {
            address,
            words: tasks.first().map_or(1, TaskPlan::words) as u32,
            tasks: tasks.len() as u32,
            mask: INTERRUPT_DPU,
        })
    }

    fn end(&mut self, id: JobId, outcome: Result<JobReport, DeviceError>) {
        if let Some(index) = self.waiting.iter().position(|job| job.id == id)
            && let Some(job) = self.waiting.remove(index)
        {
            self.released.extend(job.scratch);
        }
        self.finished.push((id, outcome));
    }

    /// Why the running start did not complete.
    fn diagnose(&self, core: &Core, cancelled: bool) -> DeviceError {
        let earlier = self.waiting.front().map_or(0, Job::tasks_done);
        let tasks_done = earlier + start::tasks_done(&*core.hardware.mmio);
        let page_fault = core.interrupt.take_page_fault();
        if let Some(why) = core.hardware.platform.fault() {
            return why;
        }
        let direction = |write: bool| if write { "write" } else { "read" };
        match (core.interrupt.dma_errors(), page_fault) {
            (_, Some((address, write))) => DeviceError::Fault(alloc::format!(
                "IOMMU: {} at device address 0x{address:08X} is not mapped, after {tasks_done} finished tasks",
                direction(write)
            )),
            (0, None) if cancelled => DeviceError::Cancelled,
            (0, None) => DeviceError::Timeout { tasks_done },
            (bits, None) => {
                let kind = direction(bits & 1 << 12 == 0);
                DeviceError::Fault(alloc::format!("DMA {kind} error after {tasks_done} finished tasks"))
            }
        }
    }

    /// Resets the core and ends the running job; a job that was waited for behind it ends too.
    fn abort(&mut self, why: DeviceError, waited: JobId, at: &Context<'_>) {
        at.core.interrupt.expect(0);
        let reset = at.core.reset();
        self.reset_due = reset.is_err();
        let why = reset.err().unwrap_or(why);
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
        self.start_next(at);
    }
}

fn pooling_done(core: &Core, chain: Chain) -> bool {
    chain.mask == INTERRUPT_PPU && start::pooling_done(&*core.hardware.mmio, chain)
}
