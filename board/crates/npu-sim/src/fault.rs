//! Why the model stopped. Every refusal names task, register, field and rule; rules from the hardware sheet carry their
//! number. On silicon most of these are a hang or garbage; here they are words.

use alloc::string::String;
use core::fmt;

use npu_device::DmaFault;
use npu_regs::{Block, RegisterInfo, WordError};

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

/// A fault and the task that ran into it, counted from 0 within the hardware start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The task.
    pub task: u32,
    /// What went wrong.
    pub kind: FaultKind,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}: {}", self.task, self.kind)
    }
}

impl core::error::Error for Fault {}
