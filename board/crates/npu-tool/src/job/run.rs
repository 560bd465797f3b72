//! Runs a job on the model as the vendor's driver would start it (sheet §3.3), one task at a time on the modelled clock.
//!
//! Each start: reset (unless the job says no), slave-mode writes, the CPU's patches, commit, tasks until the counter reaches
//! the count, interrupts read and cleared (§3.5). A pooling task raises no PC interrupt (erratum 10, §12.3): the counter
//! decides, and the report says so.

use std::path::Path;
use std::sync::Arc;

use npu_device::{Clock, IrqLine, Mmio, TaskCost};
use npu_regs::{Register, ddma, pc, task};
use npu_sim::{Fault, Kick, Npu, Progress, TimingParameters, VirtualClock};

use crate::failure::Failure;
use crate::job::file::Folder;
use crate::job::memory::JobMemory;
use crate::job::report::milliseconds;
use crate::job::{Comparison, Job, Region, Submit, compare};

/// The three traffic counters, in units of 8 bytes (§3.6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// DT_WR.
    pub data_written: u32,
    /// DT_RD: features, command words, parameters.
    pub data_read: u32,
    /// WT_RD.
    pub weights_read: u32,
}

/// Interrupt registers when a start ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Interrupts {
    /// Mask of the last task, as asked for.
    pub mask: u32,
    /// INTERRUPT_RAW_STATUS.
    pub raw: u32,
    /// INTERRUPT_STATUS.
    pub status: u32,
}

impl Interrupts {
    /// Whether the vendor's driver would call the job done: bits 0 to 11 in pairs, equal to the mask (§3.5).
    pub const fn complete(&self) -> bool {
        let bits = self.status & 0xFFF;
        let pairs = (bits | bits >> 1) & 0x555;
        pairs | pairs << 1 == self.mask & 0xFFF && self.mask & 0xFFF != 0
    }

    /// What that means of a start that finished, or did not, in words.
    pub const fn meaning(&self, finished: bool) -> &'static str {
        if !finished {
            "the start did not finish"
        } else if self.complete() {
            "completes the job"
        } else if self.mask & task::INTERRUPT_PPU != 0 {
            "no PC interrupt (erratum 10)"
        } else {
            "no interrupt that equals the mask; done by the task counter"
        }
    }
}

/// What one start did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubmitReport {
    /// Tasks asked for.
    pub tasks: u32,
    /// Costs of the tasks that finished, in order.
    pub costs: Vec<TaskCost>,
    /// Interrupts.
    pub interrupts: Interrupts,
    /// Traffic.
    pub counters: Counters,
    /// Modelled nanoseconds, the start's overhead included.
    pub modelled_ns: u64,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Every task of every submit finished.
    Finished,
    /// The model stopped in submit `submit`.
    Refused {
        /// Which submit, from 0.
        submit: usize,
        /// Why.
        fault: Fault,
    },
    /// Submit `submit` passed its deadline.
    Deadline {
        /// Which submit, from 0.
        submit: usize,
        /// Its deadline.
        timeout_ms: u64,
    },
}

/// What a run gave.
pub struct Outcome {
    /// One for each submit that was started.
    pub submits: Vec<SubmitReport>,
    /// How it ended.
    pub ending: Ending,
    /// One for each expectation; empty unless the run finished.
    pub comparisons: Vec<Comparison>,
    /// Memory afterwards.
    pub memory: Arc<JobMemory>,
}

impl Outcome {
    /// Whether a submit ran to its end: all but the last of a run that stopped did.
    pub fn finished(&self, submit: usize) -> bool {
        self.ending == Ending::Finished || submit + 1 < self.submits.len()
    }

    /// The failure that the process's exit status stands for, if the run is one.
    pub fn failure(&self) -> Option<Failure> {
        match &self.ending {
            Ending::Refused { submit, fault } => Some(Failure::refused(format!("submit {submit}, {fault}"))),
            Ending::Deadline { submit, timeout_ms } => {
                let (ran, tasks, ns) = self.submits.last().map_or((0, 0, 0), |report| {
                    (report.costs.len(), report.tasks, report.modelled_ns)
                });
                // The clock is looked at after every task, so all but the last were in time.
                Some(Failure::deadline(format!(
                    "submit {submit}: {} of {tasks} tasks finished within {timeout_ms} ms of modelled time, the next ended at {} ms",
                    ran.saturating_sub(1),
                    milliseconds(ns)
                )))
            }
            Ending::Finished => {
                let wrong = self.comparisons.iter().filter(|comparison| !comparison.equal).count();
                (wrong > 0).then(|| {
                    Failure::negative(
                        "npu.difference",
                        format!("{wrong} of {} expectations differ", self.comparisons.len()),
                    )
                })
            }
        }
    }
}

/// The interrupt is read from its registers here; nobody listens to the line.
struct NoLine;

impl IrqLine for NoLine {
    fn set(&self, _asserted: bool) {}
}

/// Tasks are advanced by the loop below.
struct Stepped;

impl Kick for Stepped {
    fn kick(&self) {}
}

/// Runs a job whose files lie in `folder`.
pub fn run(job: &Job, folder: &Path) -> Result<Outcome, Failure> {
    let folder = Folder::new(folder)?;
    let memory = Arc::new(JobMemory::load(&job.memory, &folder)?);
    let patches = job.submits.iter().map(|submit| {
        let load = |region: &Region| folder.contents(region.file.as_deref(), region.size_bytes);
        submit.memory.iter().map(load).collect::<Result<Vec<_>, _>>()
    });
    // Files are read before anything runs, so that a job either starts or is refused whole.
    let patches = patches.collect::<Result<Vec<_>, _>>()?;
    let expected = compare::load(&job.expect, &folder)?;
    let clock = Arc::new(VirtualClock::default());
    let npu = Npu::new(
        memory.clone(),
        Arc::new(NoLine),
        clock.clone(),
        Some(Arc::new(Stepped)),
        TimingParameters::RK3568_DEFAULT,
    );
    npu.set_power(true);
    let mut runner = Runner { npu, clock, job };
    let mut outcome = Outcome {
        submits: Vec::new(),
        ending: Ending::Finished,
        comparisons: Vec::new(),
        memory: memory.clone(),
    };
    for (index, (submit, patches)) in job.submits.iter().zip(patches).enumerate() {
        for (region, contents) in submit.memory.iter().zip(patches) {
            let refused = |fault: npu_device::DmaFault| {
                Failure::job(format!("submits[{index}].memory: address {}", fault.address))
            };
            contents.write(&*memory, region.address).map_err(refused)?;
        }
        let (report, ending) = runner.start(index, submit);
        outcome.submits.push(report);
        if ending != Ending::Finished {
            outcome.ending = ending;
            return Ok(outcome);
        }
    }
    outcome.comparisons = compare::all(&job.expect, expected, &memory)?;
    Ok(outcome)
}

struct Runner<'a> {
    npu: Npu,
    clock: Arc<VirtualClock>,
    job: &'a Job,
}

impl Runner<'_> {
    fn write<R: Register>(&self, value: u32) {
        self.npu.write32(R::INFO.offset, value);
    }

    fn writes(&self, writes: &[(u32, u32)]) {
        writes
            .iter()
            .for_each(|&(register, value)| self.npu.write32(register, value));
    }

    fn start(&mut self, index: usize, submit: &Submit) -> (SubmitReport, Ending) {
        let began_ns = self.clock.now_ns();
        if submit.reset_before || index == 0 {
            self.npu.reset();
            self.write::<pc::BASE_ADDRESS>(1);
            self.writes(&self.job.setup);
        }
        self.write::<pc::BASE_ADDRESS>(1);
        self.writes(&submit.setup);
        // Counters are cleared in slave mode (§3.6).
        self.write::<ddma::COUNTER_CONTROL>(0x8000_0101);
        self.write::<ddma::COUNTER_CONTROL>(0x0000_0101);
        if self.npu.fault().is_none() {
            self.commit(submit);
        }
        let deadline_ns = submit
            .timeout_ms
            .map(|ms| began_ns.saturating_add(ms.saturating_mul(1_000_000)));
        let ending = self.advance(index, deadline_ns, submit);
        let mut costs = Vec::new();
        self.npu.drain_costs(&mut |cost| costs.push(cost));
        let interrupts = Interrupts {
            mask: submit.interrupt_mask,
            raw: self.npu.read32(pc::INTERRUPT_RAW_STATUS::INFO.offset),
            status: self.npu.read32(pc::INTERRUPT_STATUS::INFO.offset),
        };
        self.write::<pc::INTERRUPT_CLEAR>(task::INTERRUPT_CLEAR_ALL);
        let report = SubmitReport {
            tasks: submit.task_count,
            costs,
            interrupts,
            counters: Counters {
                data_written: self.npu.read32(ddma::DT_WR::INFO.offset),
                data_read: self.npu.read32(ddma::DT_RD::INFO.offset),
                weights_read: self.npu.read32(ddma::WT_RD::INFO.offset),
            },
            modelled_ns: self.clock.now_ns() - began_ns,
        };
        (report, ending)
    }

    /// The eight steps of §3.3 after the first, which is slave mode.
    fn commit(&self, submit: &Submit) {
        let mode = 6 | u32::from(submit.ping_pong);
        self.write::<pc::BASE_ADDRESS>(submit.regcmd_address);
        self.write::<pc::REGISTER_AMOUNTS>(submit.regcmd_words - 1);
        self.write::<pc::INTERRUPT_MASK>(submit.interrupt_mask);
        self.write::<pc::INTERRUPT_CLEAR>(submit.interrupt_clear);
        self.write::<pc::TASK_CON>(mode << 12 | submit.task_count);
        self.write::<pc::TASK_DMA_BASE_ADDR>(submit.task_dma_base);
        self.write::<pc::OPERATION_ENABLE>(1);
        self.write::<pc::OPERATION_ENABLE>(0);
    }

    fn advance(&self, submit: usize, deadline_ns: Option<u64>, of: &Submit) -> Ending {
        loop {
            let progress = self.npu.advance(1);
            if let Some(fault) = self.npu.fault() {
                return Ending::Refused { submit, fault };
            }
            if deadline_ns.is_some_and(|deadline_ns| self.clock.now_ns() > deadline_ns) {
                let timeout_ms = of.timeout_ms.unwrap_or(0);
                return Ending::Deadline { submit, timeout_ms };
            }
            if progress != Progress::Busy {
                return Ending::Finished;
            }
        }
    }
}
