//! Typed, read-only access to the executing groups: how the stages read their registers, and how they refuse a value.

use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use npu_regs::{Block, Field, Register, RegisterInfo, register_at};

use crate::fault::{FaultKind, Rule};
use crate::file::RegisterFile;
use crate::table::Tables;

/// The executing groups of all blocks.
#[derive(Clone, Copy)]
pub(crate) struct View<'a> {
    file: &'a RegisterFile,
    /// Where a task is only judged: values that are not the one known value, which no later check depends on.
    refusals: Option<&'a RefCell<Vec<FaultKind>>>,
}

impl<'a> View<'a> {
    /// Looks at a register file.
    pub(crate) fn of(file: &'a RegisterFile) -> Self {
        Self { file, refusals: None }
    }

    /// The same view, with what is refused for not being the one known value kept in a list instead of ending the decoding.
    pub(crate) fn collecting(self, refusals: &'a RefCell<Vec<FaultKind>>) -> Self {
        Self {
            refusals: Some(refusals),
            ..self
        }
    }

    fn refuse(&self, kind: FaultKind) -> Result<(), FaultKind> {
        match self.refusals {
            None => Err(kind),
            Some(refusals) => {
                refusals.borrow_mut().push(kind);
                Ok(())
            }
        }
    }

    /// The activation tables.
    pub(crate) fn tables(&self) -> &'a Tables {
        self.file.tables()
    }

    /// The executing group of a block.
    pub(crate) fn executer(&self, block: Block) -> usize {
        self.file.executer(block)
    }

    /// A whole register.
    pub(crate) fn raw<R: Register>(&self) -> u32 {
        self.file.executing(R::INFO).0
    }

    /// One field.
    pub(crate) fn get<R: Register>(&self, field: Field<R>) -> u32 {
        field.get(self.raw::<R>())
    }

    /// One field that is a switch.
    pub(crate) fn set<R: Register>(&self, field: Field<R>) -> bool {
        self.get(field) != 0
    }

    /// A field that must satisfy a rule.
    pub(crate) fn held<R: Register>(
        &self,
        field: Field<R>,
        holds: impl FnOnce(u32) -> bool,
        rule: Rule,
    ) -> Result<u32, FaultKind> {
        let value = self.get(field);
        if holds(value) {
            Ok(value)
        } else {
            Err(broken(R::INFO, field.name, value, rule))
        }
    }

    /// A whole register that must satisfy a rule.
    pub(crate) fn held_whole<R: Register>(
        &self,
        holds: impl FnOnce(u32) -> bool,
        rule: Rule,
    ) -> Result<u32, FaultKind> {
        let value = self.raw::<R>();
        if holds(value) {
            Ok(value)
        } else {
            Err(broken(R::INFO, R::INFO.fields[0].name, value, rule))
        }
    }

    /// A field of which the model knows one value only.
    pub(crate) fn only<R: Register>(&self, field: Field<R>, known: u32, meaning: &str) -> Result<(), FaultKind> {
        let value = self.get(field);
        if value == known {
            Ok(())
        } else {
            self.refuse(not_modelled(R::INFO, field.name, value, meaning))
        }
    }

    /// A register of which the model knows one value only.
    pub(crate) fn whole<R: Register>(&self, known: u32, meaning: &str) -> Result<(), FaultKind> {
        let value = self.raw::<R>();
        if value == known {
            Ok(())
        } else {
            self.refuse(not_modelled(R::INFO, "", value, meaning))
        }
    }

    /// Registers by offset that must be 0.
    pub(crate) fn zero(&self, offsets: &[u32]) -> Result<(), FaultKind> {
        for register in offsets.iter().filter_map(|&offset| register_at(offset)) {
            let (value, _) = self.file.executing(register);
            if value != 0 {
                self.refuse(not_modelled(register, "", value, "only 0"))?;
            }
        }
        Ok(())
    }
}

/// Names a register value that the model does not do.
pub(crate) fn not_modelled(
    register: &'static RegisterInfo,
    field: &'static str,
    value: u32,
    modelled: impl Into<String>,
) -> FaultKind {
    FaultKind::NotModelled {
        register,
        field,
        value,
        modelled: modelled.into(),
    }
}

/// Names a register value that breaks a rule.
pub(crate) fn broken(register: &'static RegisterInfo, field: &'static str, value: u32, rule: Rule) -> FaultKind {
    FaultKind::Rule {
        register,
        field,
        value,
        rule,
    }
}
