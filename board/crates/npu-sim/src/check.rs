//! A task held against the sheet without running it: its words go through the register file, then through the very
//! decoders that a running task goes through. Knows no memory and looks at no address, so a stream stored in a file, with
//! symbolic addresses, is judged like a patched one.

use alloc::vec::Vec;
use core::cell::RefCell;

use npu_regs::{Block, Command, MAX_STREAM_WORDS, Register, RegisterInfo, pc};

use crate::fault::{FaultKind, Origin};
use crate::file::{RegisterFile, broken};
use crate::{rules, task};

/// Something outside the sheet, and the word that says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reject {
    /// Position in the task; `None` where no single word of this task is to blame.
    pub word: Option<usize>,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What a task's words say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckedTask {
    /// Start mask; 0 where the task has no start word.
    pub mask: u32,
    /// `BASE_ADDRESS` of the tail: where the next task lies.
    pub next_address: u32,
    /// `REGISTER_AMOUNTS` of the tail: words of the next task minus one.
    pub next_amount: u32,
    /// Everything outside the sheet: each word on its own first, then every field that differs from its one known value, last
    /// the first rule between fields that is broken.
    pub rejects: Vec<Reject>,
}

/// The register groups of one chain of tasks, so that a task that inherits registers is seen whole.
pub struct Checker {
    file: RegisterFile,
    /// Start mask of the last task; its groups alternate when the next one comes.
    last: u32,
}

impl Default for Checker {
    fn default() -> Self {
        Self::new()
    }
}

impl Checker {
    /// Registers after a reset.
    pub fn new() -> Self {
        Self {
            file: RegisterFile::new(),
            last: 0,
        }
    }

    /// A new hardware start: tasks write group 0 again; what the groups hold stays (sheet §12.2).
    pub fn start(&mut self) {
        self.file.finish(core::mem::take(&mut self.last));
        self.file.reset_pointers();
    }

    /// A register as the last task's blocks see it, whether that task wrote it or inherited it.
    pub fn executed(&self, register: &RegisterInfo) -> u32 {
        self.file.executed(register)
    }

    /// Judges the next task of the chain and moves on to the other register group, whatever was found.
    pub fn task(&mut self, words: &[u64]) -> CheckedTask {
        self.file.finish(core::mem::take(&mut self.last));
        let mut checked = CheckedTask::default();
        let mut reject = |word: Option<usize>, kind: FaultKind| checked.rejects.push(Reject { word, kind });
        if words.len() > MAX_STREAM_WORDS {
            let (register, rule) = (pc::REGISTER_AMOUNTS::INFO, rules::STREAM_TOO_LONG);
            reject(None, broken(register, "PC_DATA_AMOUNT", words.len() as u32 - 1, rule));
        }
        let program = |rule| FaultKind::Program { block: Block::Pc, rule };
        let (mut next, mut mask) = ((0, 0), None);
        for (index, &word) in words.iter().enumerate() {
            let outcome = match Command::decode(word) {
                Err(why) => Err(FaultKind::Word { index, why }),
                Ok(_) if mask.is_some() => Err(program(rules::WORDS_AFTER_ENABLE)),
                Ok(Command::Nop(_) | Command::Barrier) => Ok(()),
                Ok(Command::Write { register, value }) if register.block == Block::Pc => match register.offset {
                    o if o == pc::BASE_ADDRESS::INFO.offset => {
                        next.0 = value & !0xF;
                        Ok(())
                    }
                    o if o == pc::REGISTER_AMOUNTS::INFO.offset => {
                        next.1 = value & 0xFFFF;
                        Ok(())
                    }
                    _ => Err(program(rules::TAIL_ONLY)),
                },
                Ok(Command::Write { register, value }) => {
                    let origin = Origin::Word {
                        start: 0,
                        task: 0,
                        index: index as u16,
                    };
                    self.file.write(register, value, origin)
                }
                Ok(Command::Enable { mask: start }) => {
                    mask = Some(start);
                    Ok(())
                }
            };
            outcome.err().into_iter().for_each(|kind| reject(Some(index), kind));
        }
        let Some(mask) = mask else {
            reject(None, program(rules::NO_ENABLE));
            return checked;
        };
        // The file's groups follow its pointers here: a chain that is only read has no executer of its own.
        self.file.follow_pointers();
        let refusals = RefCell::default();
        let broken = task::check(&self.file.view().collecting(&refusals), mask).err();
        let mut refused: Vec<FaultKind> = Vec::new();
        for kind in refusals.into_inner().into_iter().chain(broken) {
            // A register that must be 0 as a whole says no more than its field did.
            let whole = matches!(kind, FaultKind::NotModelled { field: "", .. });
            if !(whole && refused.iter().any(|earlier| earlier.register() == kind.register())) {
                refused.push(kind);
            }
        }
        for kind in refused {
            let written = |register: &RegisterInfo| {
                let here = |&word: &u64| matches!(Command::decode(word), Ok(Command::Write { register: r, .. }) if r == register);
                words.iter().rposition(here)
            };
            let word = match &kind {
                FaultKind::Rule { register, .. } | FaultKind::NotModelled { register, .. } => written(register),
                _ => None,
            };
            reject(word, kind);
        }
        self.last = mask;
        CheckedTask {
            mask,
            next_address: next.0,
            next_amount: next.1,
            ..checked
        }
    }
}
