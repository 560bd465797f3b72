//! The program controller: fetches streams, starts tasks, follows the chain (sheet §3, §12.22), and says which word a
//! refusal comes from.
//!
//! One call of [`Engine::step`] is one whole task, which is what makes stepping and cancelling at task boundaries exact.

use alloc::vec::Vec;

use npu_device::{DmaMem, TaskCost};
use npu_regs::{Block, MAX_STREAM_WORDS, Register, RegisterInfo, pc};

use crate::fault::{Culprit, Fault, FaultKind, Origin, Rule};
use crate::fetch::{self, Place, Tail};
use crate::file::{RegisterFile, broken};
use crate::irq::Completion;
use crate::params::TimingParameters;
use crate::rules;
use crate::task::{Machine, Operands};
use crate::timing;

/// A start in progress.
#[derive(Clone, Copy)]
struct Run {
    place: Place,
    total: u32,
    address: u32,
    amount: u32,
    /// Who wrote address and amount of this stream.
    written: (Origin, Origin),
}

/// What one step did.
pub(crate) enum Step {
    /// Nothing to do.
    Idle,
    /// A task ran. Holds what to latch if it was the last.
    Ran { cost: TaskCost, last: Option<Completion> },
    /// The device hangs; DMA errors also raise their interrupt bit.
    Hung { dma_error: Option<u32> },
}

/// Everything behind the engine's lock.
pub(crate) struct Engine {
    pub(crate) file: RegisterFile,
    pub(crate) fault: Option<Fault>,
    pub(crate) slave: bool,
    address: u32,
    amount: u32,
    task_con: u32,
    dma_base: u32,
    starts: u32,
    run: Option<Run>,
    machine: Machine,
    stream: Vec<u8>,
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self {
            file: RegisterFile::new(),
            fault: None,
            slave: true,
            address: 0,
            amount: 0,
            task_con: 0,
            dma_base: 0,
            starts: 0,
            run: None,
            machine: Machine::default(),
            stream: Vec::new(),
        }
    }

    /// True while a start has tasks left and nothing hangs.
    pub(crate) fn busy(&self) -> bool {
        self.run.is_some() && self.fault.is_none()
    }

    /// Stops for good. The first fault stays.
    pub(crate) fn hang(&mut self, kind: FaultKind, culprit: Option<Culprit>) {
        let task = self.run.as_ref().map_or(0, |run| run.place.task);
        let start = self.starts;
        self.fault.get_or_insert(Fault {
            start,
            task,
            kind,
            culprit,
        });
    }

    /// A CPU write to a register of a block, in slave mode.
    pub(crate) fn write_block(&mut self, register: &'static RegisterInfo, value: u32) {
        let outcome = if self.slave {
            self.file.write(register, value, Origin::Cpu)
        } else {
            Err(FaultKind::Program {
                block: register.block,
                rule: rules::SLAVE_WRITE,
            })
        };
        if let Err(kind) = outcome {
            self.hang(kind, Some(cpu(register, value)));
        }
    }

    /// A CPU write to a PC register other than start and interrupts.
    pub(crate) fn write_pc(&mut self, offset: u32, value: u32) {
        match offset {
            o if o == pc::BASE_ADDRESS::INFO.offset => {
                self.slave = pc::BASE_ADDRESS::PC_SEL.get(value) == 1;
                if !self.slave {
                    self.address = value & !0xF;
                }
            }
            o if o == pc::REGISTER_AMOUNTS::INFO.offset => self.amount = value & 0xFFFF,
            o if o == pc::TASK_CON::INFO.offset => self.task_con = value,
            o if o == pc::TASK_DMA_BASE_ADDR::INFO.offset => {
                if value & 0xF == 0 {
                    self.dma_base = value;
                } else {
                    let (register, rule) = (pc::TASK_DMA_BASE_ADDR::INFO, rules::DMA_BASE_SHIFTED);
                    let kind = broken(register, "DMA_BASE_ADDR", value, rule);
                    self.hang(kind, Some(cpu(register, value)));
                }
            }
            _ => {
                let kind = FaultKind::Program {
                    block: Block::Pc,
                    rule: rules::UNKNOWN_REGISTER,
                };
                self.hang(kind, None);
            }
        }
    }

    pub(crate) fn read_pc(&self, offset: u32) -> u32 {
        match offset {
            o if o == pc::BASE_ADDRESS::INFO.offset => self.address | u32::from(self.slave),
            o if o == pc::REGISTER_AMOUNTS::INFO.offset => self.amount,
            o if o == pc::TASK_CON::INFO.offset => self.task_con,
            o if o == pc::TASK_DMA_BASE_ADDR::INFO.offset => self.dma_base,
            _ => 0,
        }
    }

    /// OPERATION_ENABLE was written with 1. Returns whether the task counter is to be cleared.
    pub(crate) fn start(&mut self) -> Result<bool, FaultKind> {
        let program = |rule: Rule| FaultKind::Program { block: Block::Pc, rule };
        if self.run.is_some() {
            return Err(program(rules::START_WHILE_BUSY));
        }
        if self.slave {
            return Err(program(rules::START_IN_SLAVE));
        }
        let total = pc::TASK_CON::TASK_NUMBER.get(self.task_con);
        if total == 0 {
            return Err(program(rules::NO_TASKS));
        }
        self.file.reset_pointers();
        self.machine.forget();
        self.starts = self.starts.wrapping_add(1);
        self.run = Some(Run {
            place: Place {
                start: self.starts,
                task: 0,
            },
            total,
            address: self.address,
            amount: self.amount,
            written: (Origin::Cpu, Origin::Cpu),
        });
        Ok(pc::TASK_CON::TASK_COUNT_CLEAR.get(self.task_con) == 1)
    }

    /// Fetches and runs one task.
    pub(crate) fn step(&mut self, memory: &dyn DmaMem, parameters: &TimingParameters) -> Step {
        if self.fault.is_some() {
            return Step::Hung { dma_error: None };
        }
        let Some(run) = self.run else { return Step::Idle };
        match self.run_task(&run, memory, parameters) {
            Ok((cost, completion, tail)) => {
                let last = run.place.task + 1 == run.total;
                self.run = (!last).then_some(Run {
                    place: Place {
                        task: run.place.task + 1,
                        ..run.place
                    },
                    address: tail.address,
                    amount: tail.amount,
                    written: tail.written,
                    ..run
                });
                Step::Ran {
                    cost,
                    last: last.then_some(completion),
                }
            }
            Err((kind, culprit)) => {
                let dma_error = match &kind {
                    FaultKind::Dma { fault, .. } => Some(if fault.write { 1 << 13 } else { 1 << 12 }),
                    _ => None,
                };
                self.hang(kind, Some(culprit));
                Step::Hung { dma_error }
            }
        }
    }

    fn run_task(
        &mut self,
        run: &Run,
        memory: &dyn DmaMem,
        parameters: &TimingParameters,
    ) -> Result<(TaskCost, Completion, Tail), fetch::Refused> {
        let tail = self.fetch(run, memory)?;
        let command_bytes = self.stream.len() as u64;
        self.execute(run, &tail, memory, command_bytes)
            .map(|(shape, completion)| (timing::cost(&shape, parameters), completion, tail))
            .map_err(|kind| {
                let culprit = self.culprit(&kind, run, &tail);
                (kind, culprit)
            })
    }

    fn execute(
        &mut self,
        run: &Run,
        tail: &Tail,
        memory: &dyn DmaMem,
        command_bytes: u64,
    ) -> Result<(timing::TaskShape, Completion), FaultKind> {
        self.file.enable(tail.mask)?;
        let operands = Operands {
            view: self.file.view(),
            dma_base: self.dma_base,
            memory,
            command_bytes,
        };
        let done = self.machine.run(tail.mask, &operands)?;
        self.file.finish(tail.mask);
        // The chain ends at the task count; a tail without a successor before that stalls the fetch (§12.22).
        if tail.address == 0 && run.place.task + 1 < run.total {
            let (register, rule) = (pc::BASE_ADDRESS::INFO, rules::CHAIN_END);
            return Err(broken(register, "PC_SOURCE_ADDR", 0, rule));
        }
        Ok(done)
    }

    /// Reads a stream and writes its registers.
    fn fetch(&mut self, run: &Run, memory: &dyn DmaMem) -> Result<Tail, fetch::Refused> {
        let blame = |register: &'static RegisterInfo, value, origin| Culprit {
            register: Some(register),
            value,
            origin,
        };
        let words = run.amount as usize + 1;
        if words > MAX_STREAM_WORDS {
            let (register, rule) = (pc::REGISTER_AMOUNTS::INFO, rules::STREAM_TOO_LONG);
            let kind = broken(register, "PC_DATA_AMOUNT", run.amount, rule);
            return Err((kind, blame(register, run.amount, run.written.1)));
        }
        self.stream.resize(words * 8, 0);
        memory.read(run.address, &mut self.stream).map_err(|fault| {
            let kind = FaultKind::Dma {
                block: Block::Pc,
                what: "command",
                fault,
            };
            (kind, blame(pc::BASE_ADDRESS::INFO, run.address, run.written.0))
        })?;
        fetch::execute(&self.stream, run.place, &mut self.file)
    }

    /// The write a failed task can be reproduced from: that of the register named, else the start word.
    fn culprit(&self, kind: &FaultKind, run: &Run, tail: &Tail) -> Culprit {
        let start_word = run.place.word(tail.word);
        match kind.register() {
            Some(register) if register.block.enable_bit().is_some() => {
                let (value, origin) = self.file.executing(register);
                Culprit {
                    register: Some(register),
                    value,
                    origin,
                }
            }
            Some(register) if register.block == Block::Pc && tail.written.0 != Origin::Reset => Culprit {
                register: Some(register),
                value: tail.address,
                origin: tail.written.0,
            },
            _ => Culprit {
                register: None,
                value: tail.mask,
                origin: start_word,
            },
        }
    }
}

fn cpu(register: &'static RegisterInfo, value: u32) -> Culprit {
    Culprit {
        register: Some(register),
        value,
        origin: Origin::Cpu,
    }
}
