//! Why the model stopped. Every refusal names task, register, field and rule, and the one command word it can be reproduced
//! from; rules from the hardware sheet carry their number. On silicon most of these are a hang or garbage; here they are words.

use alloc::string::String;
use core::fmt;

use npu_device::DmaFault;
use npu_regs::{Block, RegisterInfo, WordError, register_at};

/// A rule of the hardware sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands, for example `§8 erratum 6`.
    pub source: &'static str,
    /// What it says.
    pub text: &'static str,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.source)
    }
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A register value breaks a rule.
    Rule {
        /// The register.
        register: &'static RegisterInfo,
        /// The field.
        field: &'static str,
        /// Its value.
        value: u32,
        /// The rule.
        rule: Rule,
    },
    /// A register value asks for something this model does not do.
    NotModelled {
        /// The register.
        register: &'static RegisterInfo,
        /// The field, or empty for the whole register.
        field: &'static str,
        /// Its value.
        value: u32,
        /// What the model can do here.
        modelled: String,
    },
    /// The program as a whole breaks a rule.
    Program {
        /// The block concerned.
        block: Block,
        /// The rule.
        rule: Rule,
    },
    /// A command word means nothing.
    Word {
        /// Its position in the stream.
        index: usize,
        /// Why.
        why: WordError,
    },
    /// A block touched memory that is not there.
    Dma {
        /// The block.
        block: Block,
        /// What it was moving.
        what: &'static str,
        /// The access.
        fault: DmaFault,
    },
}

impl FaultKind {
    /// The block concerned; `None` for a word that means nothing.
    pub fn block(&self) -> Option<Block> {
        match self {
            Self::Rule { register, .. } | Self::NotModelled { register, .. } => Some(register.block),
            Self::Program { block, .. } | Self::Dma { block, .. } => Some(*block),
            Self::Word { .. } => None,
        }
    }

    /// The register concerned: the one refused, or the one that held the address of a failed access.
    pub fn register(&self) -> Option<&'static RegisterInfo> {
        match self {
            Self::Rule { register, .. } | Self::NotModelled { register, .. } => Some(register),
            Self::Dma { block, what, .. } => {
                let address = ADDRESSES.iter().find(|(at, name, _)| at == block && name == what);
                address.and_then(|(_, _, offset)| register_at(*offset))
            }
            Self::Program { .. } | Self::Word { .. } => None,
        }
    }

    /// The device address of a failed access.
    pub fn address(&self) -> Option<u32> {
        match self {
            Self::Dma { fault, .. } => Some(fault.address),
            _ => None,
        }
    }

    /// The rule that was broken, where the sheet has one.
    pub fn rule(&self) -> Option<Rule> {
        match self {
            Self::Rule { rule, .. } | Self::Program { rule, .. } => Some(*rule),
            _ => None,
        }
    }
}

/// Which register holds the address of which transfer.
const ADDRESSES: [(Block, &str, u32); 10] = [
    (Block::Cna, "feature", 0x1070),
    (Block::Cna, "weight", 0x1110),
    (Block::Dpu, "output", 0x4020),
    (Block::DpuRdma, "main input", 0x5018),
    (Block::DpuRdma, "parameter stream", 0x5020),
    (Block::DpuRdma, "second parameter stream", 0x502C),
    (Block::DpuRdma, "operand", 0x5038),
    (Block::Ppu, "output", 0x6070),
    (Block::PpuRdma, "input", 0x701C),
    (Block::Pc, "command", 0x0010),
];

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule {
                register,
                field,
                value,
                rule,
            } => {
                write!(f, "{register} (0x{:04X}) {field} = {value}: {rule}", register.offset)
            }
            Self::NotModelled {
                register,
                field,
                value,
                modelled,
            } => {
                write!(
                    f,
                    "{register} (0x{:04X}) {field} = 0x{value:X}: not modelled; {modelled}",
                    register.offset
                )
            }
            Self::Program { block, rule } => write!(f, "{}: {rule}", block.name()),
            Self::Word { index, why } => write!(f, "command word {index}: {why}"),
            Self::Dma { block, what, fault } => {
                let direction = if fault.write { "write" } else { "read" };
                write!(
                    f,
                    "{} {what} {direction} at 0x{:08X}: no memory there",
                    block.name(),
                    fault.address
                )
            }
        }
    }
}

/// Who gave a register its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Nobody since the reset.
    Reset,
    /// The CPU, through the register window.
    Cpu,
    /// A command word.
    Word {
        /// Hardware start since the reset, counted from 1.
        start: u32,
        /// Task of that start, counted from 0.
        task: u16,
        /// Word of that task's stream, counted from 0.
        index: u16,
    },
}

/// The one register write a fault can be reproduced from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Culprit {
    /// The register; `None` where the word is no register write (a start word, a word that means nothing).
    pub register: Option<&'static RegisterInfo>,
    /// Its value, or the mask of a start word.
    pub value: u32,
    /// Who wrote it.
    pub origin: Origin,
}

/// A fault and the task that ran into it, counted from 0 within the hardware start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Hardware start since the reset, counted from 1; 0 before the first.
    pub start: u32,
    /// The task.
    pub task: u32,
    /// What went wrong.
    pub kind: FaultKind,
    /// The write to blame; `None` where no single one is.
    pub culprit: Option<Culprit>,
}

impl Fault {
    /// The index of the culprit within the faulting task's own stream; `None` when it was written elsewhere.
    pub fn word_index(&self) -> Option<usize> {
        match (&self.kind, self.culprit) {
            (FaultKind::Word { index, .. }, _) => Some(*index),
            (_, Some(Culprit { origin, .. })) => match origin {
                Origin::Word { start, task, index } if start == self.start && u32::from(task) == self.task => {
                    Some(usize::from(index))
                }
                _ => None,
            },
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}: {}", self.task, self.kind)?;
        let Some(culprit) = self.culprit else { return Ok(()) };
        match culprit.origin {
            // The kind already says which word.
            _ if matches!(self.kind, FaultKind::Word { .. }) => return Ok(()),
            Origin::Reset => write!(f, " [reset value of ")?,
            Origin::Cpu => write!(f, " [CPU write of ")?,
            Origin::Word { start, task, index } => {
                write!(f, " [word {index}")?;
                if u32::from(task) != self.task || start != self.start {
                    write!(f, " of task {task}")?;
                }
                if start != self.start {
                    write!(f, " of start {start}")?;
                }
                write!(f, ": ")?;
            }
        }
        match culprit.register {
            Some(register) => write!(f, "0x{:04X} = 0x{:X}]", register.offset, culprit.value),
            None => write!(f, "start 0x{:X}]", culprit.value),
        }
    }
}

impl core::error::Error for Fault {}
