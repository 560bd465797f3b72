//! The register file: two shadow groups per executing block, a pointer that says which one is written and an executer
//! that says which one runs (sheet §2.1, §12.2). Remembers who wrote each value, so that a refusal can name the word.
//! Knows no meaning beyond that; the stages read it through [`View`].

use alloc::boxed::Box;

use npu_regs::{Block, Field, Register, RegisterInfo, cna, dpu};

use crate::fault::{FaultKind, Origin};
use crate::rules;
use crate::table::Tables;
pub(crate) use crate::view::{View, broken, not_modelled};

const WORDS: usize = 256;
const S_POINTER: u32 = 0x04;
const OPERATION_ENABLE: u32 = 0x08;

struct BlockFile {
    groups: [[u32; WORDS]; 2],
    origins: [[Origin; WORDS]; 2],
    control: u32,
    pointer: usize,
    executer: usize,
}

impl BlockFile {
    fn alternates(&self, enable: Field<cna::S_POINTER>) -> bool {
        enable.get(self.control) == 1
    }

    /// The group that writes go to: fixed, toggling by itself, or that of the executer (§2.1).
    fn write_group(&self) -> usize {
        if self.alternates(cna::S_POINTER::POINTER_PP_EN) {
            if self.alternates(cna::S_POINTER::POINTER_PP_MODE) {
                self.pointer
            } else {
                self.executer
            }
        } else {
            (self.control & 1) as usize
        }
    }
}

/// All executing blocks, and the activation tables, which have no shadow.
pub(crate) struct RegisterFile {
    blocks: Box<[BlockFile; 7]>,
    tables: Tables,
}

fn slot(register: &RegisterInfo) -> Option<(usize, usize)> {
    let block = register.block.enable_bit()? as usize;
    let word = ((register.offset - register.block.base()) / 4) as usize;
    (word < WORDS).then_some((block, word))
}

impl RegisterFile {
    /// The state after a reset.
    pub(crate) fn new() -> Self {
        let empty = || BlockFile {
            groups: [[0; WORDS]; 2],
            origins: [[Origin::Reset; WORDS]; 2],
            control: 0,
            pointer: 0,
            executer: 0,
        };
        Self {
            blocks: Box::new([(); 7].map(|()| empty())),
            tables: Tables::default(),
        }
    }

    /// Writes a register of an executing block into the pointer's group.
    pub(crate) fn write(
        &mut self,
        register: &'static RegisterInfo,
        value: u32,
        origin: Origin,
    ) -> Result<(), FaultKind> {
        let reserved = value & !register.known_bits;
        if reserved != 0 {
            if let Some(rule) = rules::field_overflow(register.offset) {
                return Err(broken(register, "reserved bits", reserved, rule));
            }
            return Err(not_modelled(register, "reserved bits", reserved, "reserved bits are 0"));
        }
        let Some((block, word)) = slot(register) else {
            return Err(not_modelled(
                register,
                "",
                value,
                "only executing blocks have shadow registers",
            ));
        };
        if register.offset == dpu::LUT_ACCESS_CFG::INFO.offset || register.offset == dpu::LUT_ACCESS_DATA::INFO.offset {
            self.tables.write(register.offset, value);
            return Ok(());
        }
        let file = &mut self.blocks[block];
        match register.offset - register.block.base() {
            0 => Err(not_modelled(register, "", value, "the status is read only")),
            S_POINTER => {
                use cna::S_POINTER as P;
                if P::POINTER_PP_CLEAR.get(value) == 1 {
                    file.pointer = 0;
                }
                if P::EXECUTER_PP_CLEAR.get(value) == 1 {
                    file.executer = 0;
                }
                file.control = value & 0x0F;
                Ok(())
            }
            OPERATION_ENABLE if value & 1 == 1 => Err(broken(register, "OP_EN", 1, rules::SINGLE_ENABLE)),
            OPERATION_ENABLE => Ok(()),
            _ => {
                let group = file.write_group();
                file.groups[group][word] = value;
                file.origins[group][word] = origin;
                Ok(())
            }
        }
    }

    /// Reads back what the pointer's group holds.
    pub(crate) fn read(&self, register: &RegisterInfo) -> u32 {
        let Some((block, word)) = slot(register) else { return 0 };
        let file = &self.blocks[block];
        match register.offset - register.block.base() {
            // Tasks run whole, so no block is ever seen running.
            0 | OPERATION_ENABLE => 0,
            S_POINTER => file.control & 0x0E | file.write_group() as u32 | (file.executer as u32) << 16,
            _ if register.offset == dpu::LUT_ACCESS_CFG::INFO.offset => self.tables.access(),
            // Reading a table back through the data register does not return its contents on silicon either.
            _ if register.offset == dpu::LUT_ACCESS_DATA::INFO.offset => 0,
            _ => file.groups[file.write_group()][word],
        }
    }

    /// A start of the program controller: pointers go back to group 0, executers stay where they are.
    pub(crate) fn reset_pointers(&mut self) {
        self.blocks.iter_mut().for_each(|block| block.pointer = 0);
    }

    /// The start word: every block of the mask must be about to execute the group just written.
    pub(crate) fn enable(&mut self, mask: u32) -> Result<(), FaultKind> {
        for block in Block::EXECUTING.into_iter().filter(|block| listed(*block, mask)) {
            let file = &self.blocks[block.enable_bit().unwrap_or(0) as usize];
            if file.executer != file.write_group() {
                return Err(FaultKind::Program {
                    block,
                    rule: rules::EXECUTER_PARITY,
                });
            }
        }
        Ok(())
    }

    /// The task is over: whoever alternates, alternates.
    pub(crate) fn finish(&mut self, mask: u32) {
        for block in Block::EXECUTING.into_iter().filter(|block| listed(*block, mask)) {
            let file = &mut self.blocks[block.enable_bit().unwrap_or(0) as usize];
            if file.alternates(cna::S_POINTER::POINTER_PP_EN) {
                file.pointer ^= 1;
            }
            if file.alternates(cna::S_POINTER::EXECUTER_PP_EN) {
                file.executer ^= 1;
            }
        }
    }

    /// For tasks that are judged and not run: whatever group was written is the one that executes.
    pub(crate) fn follow_pointers(&mut self) {
        self.blocks
            .iter_mut()
            .for_each(|block| block.executer = block.write_group());
    }

    /// A register of the group that the block executes.
    pub(crate) fn executed(&self, register: &RegisterInfo) -> u32 {
        self.executing(register).0
    }

    /// The executing group of a block.
    pub(crate) fn executer(&self, block: Block) -> usize {
        block.enable_bit().map_or(0, |bit| self.blocks[bit as usize].executer)
    }

    /// A register's value in the executing group of its block, and who wrote it.
    pub(crate) fn executing(&self, register: &RegisterInfo) -> (u32, Origin) {
        let Some((block, word)) = slot(register) else {
            return (0, Origin::Reset);
        };
        let file = &self.blocks[block];
        (file.groups[file.executer][word], file.origins[file.executer][word])
    }

    /// The activation tables.
    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// What the stages see: the executing groups.
    pub(crate) fn view(&self) -> View<'_> {
        View::of(self)
    }
}

fn listed(block: Block, mask: u32) -> bool {
    block.enable_bit().is_some_and(|bit| mask >> bit & 1 == 1)
}
