//! The NPU as its driver sees it: one window of registers. Dispatches; holds no rule of its own.
//!
//! What an interrupt handler touches (status, clear, mask, task counter) is atomic. Everything else is behind the
//! engine's lock, which a running task holds: in run-to-idle mode the write that starts a job returns when it is over.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use npu_device::{DmaMem, IrqLine, Mmio, TaskCost};
use npu_regs::{Block, Register, RegisterInfo, ddma, pc, register_at, task};

use crate::clock::VirtualClock;
use crate::counters::Counters;
use crate::fault::{Culprit, Fault, FaultKind, Origin, Rule};
use crate::irq::Irq;
use crate::lock::Lock;
use crate::params::TimingParameters;
use crate::pc::{Engine, Step};
use crate::rules;

/// Told about every start when tasks are advanced by somebody else.
pub trait Kick: Send + Sync {
    /// A start was written; call [`Npu::advance`] until it says it is idle or hung.
    fn kick(&self);
}

/// What [`Npu::advance`] left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Nothing is left to do.
    Idle,
    /// Tasks are left.
    Busy,
    /// The device hangs until it is reset.
    Hung,
}

/// The model.
pub struct Npu {
    engine: Lock<Engine>,
    costs: Lock<Vec<TaskCost>>,
    irq: Irq,
    tasks_done: AtomicU32,
    /// The last finished start raised no interrupt.
    silent: AtomicBool,
    powered: AtomicBool,
    counters: Counters,
    memory: Arc<dyn DmaMem>,
    clock: Arc<VirtualClock>,
    kick: Option<Arc<dyn Kick>>,
    parameters: TimingParameters,
}

impl Npu {
    /// A model in reset state, its power domain off. Without a `kick` a start runs to idle before its write returns.
    pub fn new(
        memory: Arc<dyn DmaMem>,
        line: Arc<dyn IrqLine>,
        clock: Arc<VirtualClock>,
        kick: Option<Arc<dyn Kick>>,
        parameters: TimingParameters,
    ) -> Self {
        Self {
            engine: Lock::new(Engine::new()),
            costs: Lock::new(Vec::new()),
            irq: Irq::new(line),
            tasks_done: AtomicU32::new(0),
            silent: AtomicBool::new(false),
            powered: AtomicBool::new(false),
            counters: Counters::default(),
            memory,
            clock,
            kick,
            parameters,
        }
    }

    /// Runs at most `tasks` tasks.
    pub fn advance(&self, tasks: u32) -> Progress {
        for _ in 0..tasks {
            let step = self.engine.lock().step(&*self.memory, &self.parameters);
            match step {
                Step::Idle => return Progress::Idle,
                Step::Ran { cost, last } => {
                    self.clock.advance(cost.modelled_ns);
                    self.counters.add(&cost.traffic);
                    self.tasks_done.fetch_add(1, Ordering::AcqRel);
                    let mut costs = self.costs.lock();
                    // Nobody drains the meter of a foreign driver: keep the latest start only.
                    if costs.len() >= task::MAX_TASKS_PER_START as usize {
                        costs.clear();
                    }
                    costs.push(cost);
                    drop(costs);
                    if let Some(last) = last {
                        self.silent.store(last.is_silent(), Ordering::Release);
                        self.irq.complete(last);
                    }
                }
                Step::Hung { dma_error } => {
                    dma_error.into_iter().for_each(|bit| self.irq.raise(bit));
                    return Progress::Hung;
                }
            }
        }
        if self.engine.lock().busy() {
            Progress::Busy
        } else {
            Progress::Idle
        }
    }

    /// The reset lines: registers, executers, buffer and interrupts go back to their reset state. Memory stays.
    pub fn reset(&self) {
        *self.engine.lock() = Engine::new();
        self.costs.lock().clear();
        self.tasks_done.store(0, Ordering::Release);
        self.silent.store(false, Ordering::Release);
        self.counters.clear();
        self.irq.reset();
    }

    /// The power domain. Losing or getting power is a reset.
    pub fn set_power(&self, on: bool) {
        if self.powered.swap(on, Ordering::AcqRel) != on {
            self.reset();
        }
    }

    /// Why the device hangs.
    pub fn fault(&self) -> Option<Fault> {
        self.engine.lock().fault.clone()
    }

    /// The fault in words.
    pub fn fault_text(&self) -> Option<String> {
        self.fault().map(|fault| fault.to_string())
    }

    /// Why the end of the last finished start raised no interrupt: `no PC interrupt (erratum 10)` after a pooling task.
    /// Such a job is over when the task counter equals the task count.
    pub fn silent_end(&self) -> Option<&'static str> {
        let silent = self.silent.load(Ordering::Acquire);
        silent.then_some("no PC interrupt (erratum 10)")
    }

    /// Hands out and forgets the costs of finished tasks.
    pub fn drain_costs(&self, each: &mut dyn FnMut(TaskCost)) {
        let costs = core::mem::take(&mut *self.costs.lock());
        costs.into_iter().for_each(each);
    }

    fn refuse(&self, block: Block, rule: Rule, write: Option<(&'static RegisterInfo, u32)>) {
        let culprit = write.map(|(register, value)| Culprit {
            register: Some(register),
            value,
            origin: Origin::Cpu,
        });
        self.engine.lock().hang(FaultKind::Program { block, rule }, culprit);
    }

    fn start(&self) {
        let outcome = self.engine.lock().start();
        match outcome {
            Err(kind) => self.engine.lock().hang(kind, None),
            Ok(clear_count) => {
                if clear_count {
                    self.tasks_done.store(0, Ordering::Release);
                }
                self.silent.store(false, Ordering::Release);
                self.clock.advance(self.parameters.start_overhead_ns);
                self.irq.started();
                match &self.kick {
                    Some(kick) => kick.kick(),
                    None => while self.advance(task::MAX_TASKS_PER_START) == Progress::Busy {},
                }
            }
        }
    }
}

impl Mmio for Npu {
    fn read32(&self, offset: u32) -> u32 {
        if !self.powered.load(Ordering::Acquire) {
            self.refuse(Block::Pc, rules::POWER_OFF, None);
            return u32::MAX;
        }
        match offset {
            o if o == pc::INTERRUPT_MASK::INFO.offset => self.irq.mask(),
            o if o == pc::INTERRUPT_STATUS::INFO.offset => self.irq.status(),
            o if o == pc::INTERRUPT_RAW_STATUS::INFO.offset => self.irq.raw(),
            o if o == pc::TASK_STATUS::INFO.offset => self.tasks_done.load(Ordering::Acquire) & 0xFFF,
            o if o == ddma::DT_WR::INFO.offset => self.counters.written(),
            o if o == ddma::DT_RD::INFO.offset => self.counters.data_read(),
            o if o == ddma::WT_RD::INFO.offset => self.counters.weights_read(),
            // No source gives the version of the RK3568: 0 says that it is unknown.
            o if Block::at(o) == Some(Block::Pc) => self.engine.lock().read_pc(o),
            o => register_at(o).map_or(0, |register| self.engine.lock().file.read(register)),
        }
    }

    fn write32(&self, offset: u32, value: u32) {
        if !self.powered.load(Ordering::Acquire) {
            return self.refuse(Block::Pc, rules::POWER_OFF, None);
        }
        match offset {
            o if o == pc::OPERATION_ENABLE::INFO.offset => {
                if value & 1 == 1 {
                    self.start();
                }
            }
            o if o == pc::INTERRUPT_MASK::INFO.offset => self.irq.set_mask(value),
            o if o == pc::INTERRUPT_CLEAR::INFO.offset => self.irq.clear(value),
            o if Block::at(o) == Some(Block::Pc) => self.engine.lock().write_pc(o, value),
            o if o == ddma::COUNTER_CONTROL::INFO.offset => {
                if !self.engine.lock().slave {
                    let register = ddma::COUNTER_CONTROL::INFO;
                    self.refuse(Block::Ddma, rules::SLAVE_WRITE, Some((register, value)));
                } else if ddma::COUNTER_CONTROL::CLEAR.get(value) == 1 {
                    self.counters.clear();
                }
            }
            o => match register_at(o) {
                Some(register) => self.engine.lock().write_block(register, value),
                None => self.refuse(Block::at(o).unwrap_or(Block::Pc), rules::UNKNOWN_REGISTER, None),
            },
        }
    }
}
