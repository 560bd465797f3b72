//! One command stream: words in, register writes out (sheet §3.1, §12.4, §12.22). Knows which word did what; refuses to
//! know what a task computes.

use npu_regs::Register;
use npu_regs::{Block, Command, pc};

use crate::fault::{Culprit, FaultKind, Origin, Rule};
use crate::file::RegisterFile;
use crate::rules;

/// Where a stream stands among all streams since the reset.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    /// Hardware start, counted from 1.
    pub(crate) start: u32,
    /// Task of that start, counted from 0.
    pub(crate) task: u32,
}

impl Place {
    /// The origin of what a word of this stream writes. A start has at most 4095 tasks of at most 1024 words.
    pub(crate) fn word(self, index: usize) -> Origin {
        Origin::Word {
            start: self.start,
            task: self.task as u16,
            index: index as u16,
        }
    }
}

/// What the end of a stream says.
#[derive(Clone, Copy)]
pub(crate) struct Tail {
    /// Address of the next stream, 0 if none.
    pub(crate) address: u32,
    /// Words of the next stream minus one.
    pub(crate) amount: u32,
    /// Who wrote those two.
    pub(crate) written: (Origin, Origin),
    /// The start mask.
    pub(crate) mask: u32,
    /// The start word.
    pub(crate) word: usize,
}

/// A stream that could not be executed, and the word to blame.
pub(crate) type Refused = (FaultKind, Culprit);

/// Executes every word of a stream.
pub(crate) fn execute(stream: &[u8], place: Place, file: &mut RegisterFile) -> Result<Tail, Refused> {
    let mut next = (0, 0);
    let mut written = (Origin::Reset, Origin::Reset);
    let mut started = None;
    for (index, bytes) in stream.chunks_exact(8).enumerate() {
        let mut word = [0; 8];
        word.copy_from_slice(bytes);
        let word = u64::from_le_bytes(word);
        let origin = place.word(index);
        let blame = |register, value| Culprit {
            register,
            value,
            origin,
        };
        let program = |rule: Rule, register, value| {
            let block = Block::Pc;
            Err((FaultKind::Program { block, rule }, blame(register, value)))
        };
        if started.is_some() {
            return program(rules::WORDS_AFTER_ENABLE, None, (word >> 16) as u32);
        }
        let command =
            Command::decode(word).map_err(|why| (FaultKind::Word { index, why }, blame(None, (word >> 16) as u32)))?;
        match command {
            Command::Nop(_) | Command::Barrier => {}
            Command::Write { register, value } if register.block == Block::Pc => match register.offset {
                o if o == pc::BASE_ADDRESS::INFO.offset => (next.0, written.0) = (value & !0xF, origin),
                o if o == pc::REGISTER_AMOUNTS::INFO.offset => (next.1, written.1) = (value & 0xFFFF, origin),
                _ => return program(rules::TAIL_ONLY, Some(register), value),
            },
            Command::Write { register, value } => file
                .write(register, value, origin)
                .map_err(|kind| (kind, blame(Some(register), value)))?,
            Command::Enable { mask } => started = Some((mask, index)),
        }
    }
    match started {
        Some((mask, word)) => Ok(Tail {
            address: next.0,
            amount: next.1,
            written,
            mask,
            word,
        }),
        None => {
            let kind = FaultKind::Program {
                block: Block::Pc,
                rule: rules::NO_ENABLE,
            };
            let culprit = Culprit {
                register: None,
                value: 0,
                origin: place.word((stream.len() / 8).saturating_sub(1)),
            };
            Err((kind, culprit))
        }
    }
}
