//! The registers of a chain of tasks, kept from their words alone: two groups per block and a pointer (sheet §2.1, §3.2).
//! Shares nothing with the simulator's register file, so that what a shortened task inherits is found twice.

use std::collections::BTreeMap;

use npu_regs::{Block, Command};

/// Registers that the vendor's runtime patches (appendix E): a stored stream holds the offset within the tensor.
pub const ADDRESSES: [u32; 9] = [0x1070, 0x1110, 0x4020, 0x5018, 0x5020, 0x502C, 0x5038, 0x6070, 0x701C];

/// `S_POINTER`: pointer ping-pong, and the bit that clears the pointer.
const PING_PONG: u32 = 1 << 1;
const CLEAR: u32 = 1 << 4;

#[derive(Default)]
struct Groups {
    values: [BTreeMap<u32, u32>; 2],
    control: u32,
    pointer: usize,
}

impl Groups {
    fn current(&self) -> usize {
        if self.control & PING_PONG == 0 {
            (self.control & 1) as usize
        } else {
            self.pointer
        }
    }
}

/// All blocks, and the activation tables, which have no second group (§12.6).
#[derive(Default)]
pub struct Chain {
    blocks: BTreeMap<u32, Groups>,
    tables: [Vec<i16>; 2],
    access: (u32, usize),
}

/// What one task executes.
#[derive(Clone, Debug)]
pub struct Executed {
    pub mask: u32,
    values: BTreeMap<u32, u32>,
    pub tables: [Vec<i16>; 2],
}

impl Executed {
    /// A register, 0 where nothing ever wrote it.
    pub fn get(&self, register: u32) -> u32 {
        self.values.get(&register).copied().unwrap_or(0)
    }

    /// Bits `msb..=lsb` of a register.
    pub fn bits(&self, register: u32, msb: u32, lsb: u32) -> u32 {
        ((u64::from(self.get(register)) >> lsb) & ((1 << (msb - lsb + 1)) - 1)) as u32
    }

    /// A size that is stored minus one.
    pub fn size(&self, register: u32, msb: u32, lsb: u32) -> usize {
        self.bits(register, msb, lsb) as usize + 1
    }

    /// What makes tasks the same: everything but addresses and pointers.
    pub fn likeness(&self) -> Vec<(u32, u32)> {
        let own = |register: &u32| !ADDRESSES.contains(register) && register & 0xFFF != 4;
        let values = self.values.iter().filter(|(register, _)| own(register));
        values
            .map(|(&register, &value)| (register, value))
            .chain([(0, self.mask)])
            .collect()
    }
}

impl Chain {
    /// Whether a word writes a register of a block that executes.
    pub fn is_write(word: u64) -> bool {
        matches!(Command::decode(word), Ok(Command::Write { register, .. }) if register.block != Block::Pc)
    }

    /// Takes a task's words.
    pub fn task(&mut self, words: &[u64]) -> Executed {
        let mut mask = 0;
        for &word in words {
            match Command::decode(word).expect("scanned words decode") {
                Command::Enable { mask: started } => mask = started,
                Command::Write { register, value } if register.block != Block::Pc => {
                    self.write(register.block.base(), register.offset, value);
                }
                _ => {}
            }
        }
        let mut values = BTreeMap::new();
        for block in Block::EXECUTING {
            if block.enable_bit().is_some_and(|bit| mask >> bit & 1 == 1) {
                let groups = self.blocks.entry(block.base()).or_default();
                values.extend(&groups.values[groups.current()]);
                if groups.control & PING_PONG != 0 {
                    groups.pointer ^= 1;
                }
            }
        }
        Executed {
            mask,
            values,
            tables: self.tables.clone(),
        }
    }

    fn write(&mut self, base: u32, register: u32, value: u32) {
        match register {
            0x4100 => self.access = (value, (value & 0x3FF) as usize),
            0x4104 if self.access.0 >> 17 & 1 == 1 => {
                let table = &mut self.tables[(self.access.0 >> 16 & 1) as usize];
                table.resize(513, 0);
                if let Some(entry) = table.get_mut(self.access.1) {
                    *entry = value as u16 as i16;
                }
                self.access.1 += 1;
            }
            0x4104 => {}
            _ => {
                let groups = self.blocks.entry(base).or_default();
                if register == base + 4 {
                    groups.control = value & 0xF;
                    if value & CLEAR != 0 {
                        groups.pointer = 0;
                    }
                } else {
                    let current = groups.current();
                    groups.values[current].insert(register, value);
                }
            }
        }
    }
}
