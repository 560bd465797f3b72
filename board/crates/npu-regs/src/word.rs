//! Command words: `target << 48 | value << 16 | register` (sheet §3.1). Encoding and decoding are exact inverses; a word
//! that means nothing is an error with its reason, never a guess.

use ::core::fmt;

use crate::{Block, RegisterInfo, register_at};

/// Target of the barrier word that precedes a start.
pub const TARGET_BARRIER: u16 = 0x0041;
/// Target of the start word.
pub const TARGET_ENABLE: u16 = 0x0081;
/// Register field of the start word.
pub const ENABLE_REGISTER: u16 = 0x0008;
/// Longest stream the fetch unit survives (erratum 6).
pub const MAX_STREAM_WORDS: usize = 1024;

/// What a command word does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Target 0: does nothing, but is fetched and counted (§12.4). Holds the other 48 bits.
    Nop(u64),
    /// Writes a register.
    Write {
        /// The register.
        register: &'static RegisterInfo,
        /// Its value.
        value: u32,
    },
    /// Barrier before the start.
    Barrier,
    /// Starts the blocks of the mask together and ends the task.
    Enable {
        /// Bits of [`Block::enable_bit`].
        mask: u32,
    },
}

/// Why a word means nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordError {
    /// No block has this target.
    UnknownTarget {
        /// The target.
        target: u16,
    },
    /// The map has no register there.
    UnknownRegister {
        /// The block of the target.
        block: Block,
        /// The offset.
        register: u16,
    },
    /// The register belongs to another block than the target.
    WrongTarget {
        /// The block of the target.
        block: Block,
        /// The offset.
        register: u16,
    },
    /// A barrier or start word with a register or value it never has.
    MalformedOperation {
        /// The word.
        word: u64,
    },
}

impl fmt::Display for WordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTarget { target } => write!(f, "no block has target 0x{target:04X}"),
            Self::UnknownRegister { block, register } => {
                write!(f, "block {} has no known register 0x{register:04X}", block.name())
            }
            Self::WrongTarget { block, register } => {
                write!(f, "target of {} cannot reach register 0x{register:04X}", block.name())
            }
            Self::MalformedOperation { word } => write!(f, "0x{word:016X} is no barrier and no start"),
        }
    }
}

impl ::core::error::Error for WordError {}

impl Command {
    /// The 64-bit word. A register that words cannot reach gets target 0xFFFF, which decodes to an error.
    pub const fn encode(self) -> u64 {
        match self {
            Self::Nop(payload) => payload & 0x0000_FFFF_FFFF_FFFF,
            Self::Write { register, value } => {
                let target = match register.block.target() {
                    Some(target) => target,
                    None => 0xFFFF,
                };
                pack(target, value, register.offset as u16)
            }
            Self::Barrier => pack(TARGET_BARRIER, 0, 0),
            Self::Enable { mask } => pack(TARGET_ENABLE, mask, ENABLE_REGISTER),
        }
    }

    /// What a word does.
    pub fn decode(word: u64) -> Result<Self, WordError> {
        let target = (word >> 48) as u16;
        let value = (word >> 16) as u32;
        let offset = word as u16;
        match target {
            0 => Ok(Self::Nop(word)),
            TARGET_BARRIER if value == 0 && offset == 0 => Ok(Self::Barrier),
            TARGET_ENABLE if offset == ENABLE_REGISTER => Ok(Self::Enable { mask: value }),
            TARGET_BARRIER | TARGET_ENABLE => Err(WordError::MalformedOperation { word }),
            _ => {
                let block = Block::from_target(target).ok_or(WordError::UnknownTarget { target })?;
                if Block::at(u32::from(offset)) != Some(block) {
                    return Err(WordError::WrongTarget {
                        block,
                        register: offset,
                    });
                }
                let register = register_at(u32::from(offset)).ok_or(WordError::UnknownRegister {
                    block,
                    register: offset,
                })?;
                Ok(Self::Write { register, value })
            }
        }
    }
}

const fn pack(target: u16, value: u32, register: u16) -> u64 {
    (target as u64) << 48 | (value as u64) << 16 | register as u64
}
