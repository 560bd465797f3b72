//! The program controller: fetches streams, writes registers, starts tasks, follows the chain (sheet §3, §12.22).
//!
//! One call of [`Engine::step`] is one whole task, which is what makes stepping and cancelling at task boundaries exact.

use alloc::vec::Vec;

use npu_device::{DmaMem, TaskCost};
use npu_regs::{Block, Command, MAX_STREAM_WORDS, Register, global, pc, task};

use crate::cbuf::Cbuf;
use crate::conv::{self, Scratch};
use crate::fault::{Fault, FaultKind, Rule};
use crate::file::{RegisterFile, View, broken, not_modelled};
use crate::params::TimingParameters;
use crate::rules;
use crate::timing;

/// A start in progress.
struct Run {
    address: u32,
    amount: u32,
    index: u32,
    total: u32,
}

/// What one step did.
pub(crate) enum Step {
    /// Nothing to do.
    Idle,
    /// A task ran. Holds the raw interrupt bit to raise if it was the last.
    Ran { cost: TaskCost, last: Option<u32> },
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
    run: Option<Run>,
    cbuf: Cbuf,
    scratch: Scratch,
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
            run: None,
            cbuf: Cbuf::default(),
            scratch: Scratch::default(),
            stream: Vec::new(),
        }
    }

    /// True while a start has tasks left and nothing hangs.
    pub(crate) fn busy(&self) -> bool {
        self.run.is_some() && self.fault.is_none()
    }

    pub(crate) fn hang(&mut self, kind: FaultKind) {
        let task = self.run.as_ref().map_or(0, |run| run.index);
        self.fault.get_or_insert(Fault { task, kind });
    }

    /// A CPU write to a PC register other than start and interrupts.
    pub(crate) fn write_pc(&mut self, offset: u32, value: u32) -> Result<(), FaultKind> {
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
                if value & 0xF != 0 {
                    let (register, rule) = (pc::TASK_DMA_BASE_ADDR::INFO, rules::DMA_BASE_SHIFTED);
                    return Err(broken(register, "DMA_BASE_ADDR", value, rule));
                }
                self.dma_base = value;
            }
            _ => {
                return Err(FaultKind::Program {
                    block: Block::Pc,
                    rule: rules::UNKNOWN_REGISTER,
                });
            }
        }
        Ok(())
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
        self.cbuf.forget();
        self.run = Some(Run {
            address: self.address,
            amount: self.amount,
            index: 0,
            total,
        });
        Ok(pc::TASK_CON::TASK_COUNT_CLEAR.get(self.task_con) == 1)
    }

    /// Fetches and runs one task.
    pub(crate) fn step(&mut self, memory: &dyn DmaMem, parameters: &TimingParameters) -> Step {
        if self.fault.is_some() {
            return Step::Hung { dma_error: None };
        }
        let Some(run) = self.run.take() else { return Step::Idle };
        let outcome = self.run_task(&run, memory, parameters);
        match outcome {
            Ok((cost, next, group)) => {
                let last = run.index + 1 == run.total;
                if !last && next.0 == 0 {
                    self.run = Some(run);
                    self.hang(FaultKind::Program {
                        block: Block::Pc,
                        rule: rules::CHAIN_END,
                    });
                    return Step::Hung { dma_error: None };
                }
                if !last {
                    self.run = Some(Run {
                        address: next.0,
                        amount: next.1,
                        index: run.index + 1,
                        total: run.total,
                    });
                }
                Step::Ran {
                    cost,
                    last: last.then_some(1 << (8 + group)),
                }
            }
            Err(kind) => {
                let dma_error = match &kind {
                    FaultKind::Dma { fault, .. } => Some(if fault.write { 1 << 13 } else { 1 << 12 }),
                    _ => None,
                };
                self.run = Some(run);
                self.hang(kind);
                Step::Hung { dma_error }
            }
        }
    }

    fn run_task(
        &mut self,
        run: &Run,
        memory: &dyn DmaMem,
        parameters: &TimingParameters,
    ) -> Result<(TaskCost, (u32, u32), u32), FaultKind> {
        let words = run.amount as usize + 1;
        if words > MAX_STREAM_WORDS {
            let (register, rule) = (pc::REGISTER_AMOUNTS::INFO, rules::STREAM_TOO_LONG);
            return Err(broken(register, "PC_DATA_AMOUNT", run.amount, rule));
        }
        let (next, mask) = self.fetch(run.address, words, memory)?;
        check_mask(mask)?;
        self.file.enable(mask)?;
        let command_bytes = (words * 8) as u64;
        let Self {
            file,
            cbuf,
            scratch,
            dma_base,
            ..
        } = self;
        let shape = conv::run(&file.view(), *dma_base, memory, cbuf, scratch, command_bytes)?;
        let group = self.file.executer(Block::Dpu) as u32;
        self.file.finish(mask);
        Ok((timing::cost(&shape, parameters), next, group))
    }

    /// Reads a stream and writes its registers. Returns what the tail says about the next stream, and the start mask.
    fn fetch(&mut self, address: u32, words: usize, memory: &dyn DmaMem) -> Result<((u32, u32), u32), FaultKind> {
        let mut stream = core::mem::take(&mut self.stream);
        stream.resize(words * 8, 0);
        let read = memory.read(address, &mut stream);
        let outcome = match read {
            Ok(()) => self.execute(&stream),
            Err(fault) => Err(FaultKind::Dma {
                block: Block::Pc,
                what: "command",
                fault,
            }),
        };
        self.stream = stream;
        outcome
    }

    fn execute(&mut self, stream: &[u8]) -> Result<((u32, u32), u32), FaultKind> {
        let program = |rule: Rule| FaultKind::Program { block: Block::Pc, rule };
        let mut next = (0, 0);
        let mut words = stream.chunks_exact(8).enumerate();
        while let Some((index, bytes)) = words.next() {
            let mut word = [0; 8];
            word.copy_from_slice(bytes);
            match Command::decode(u64::from_le_bytes(word)).map_err(|why| FaultKind::Word { index, why })? {
                Command::Nop(_) | Command::Barrier => {}
                Command::Write { register, value } if register.block == Block::Pc => match register.offset {
                    o if o == pc::BASE_ADDRESS::INFO.offset => next.0 = value & !0xF,
                    o if o == pc::REGISTER_AMOUNTS::INFO.offset => next.1 = value & 0xFFFF,
                    _ => return Err(program(rules::TAIL_ONLY)),
                },
                Command::Write { register, value } => self.file.write(register, value)?,
                Command::Enable { .. } if words.next().is_some() => return Err(program(rules::WORDS_AFTER_ENABLE)),
                Command::Enable { mask } => return Ok((next, mask)),
            }
        }
        Err(program(rules::NO_ENABLE))
    }
}

pub(crate) fn check_mask(mask: u32) -> Result<(), FaultKind> {
    let register = global::OPERATION_ENABLE::INFO;
    match mask {
        task::MASK_CONVOLUTION => Ok(()),
        task::MASK_CONVOLUTION_RDMA | 0x18 | 0x60 => Err(not_modelled(
            register,
            "mask",
            mask,
            "convolution without DPU_RDMA (0x0F)",
        )),
        _ => Err(broken(register, "mask", mask, rules::ENABLE_MASK)),
    }
}

/// What the stages of a task make of its registers, without memory.
pub(crate) fn check_stages(view: &View<'_>, _mask: u32) -> Result<(), FaultKind> {
    conv::decode(view, 0).map(drop)
}
