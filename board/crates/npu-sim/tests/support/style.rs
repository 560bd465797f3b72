//! How two generators write the same tasks: the vendor's compiler (§3.2) and the open one (§11).

use std::collections::BTreeMap;

use npu_regs::{Block, Command, register_at, task};

use super::program::Program;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// 137-word tasks on 64-byte boundaries, zero words between them; from the third task of a run on only what changed.
    Vendor {
        /// Pad with counted zero words in front of each task to a multiple of 64 bytes.
        zeros_in_front: bool,
    },
    /// 134-word full tasks on 128-byte boundaries, `CBUF_CON0` three times, whole graph in one start.
    Open,
}

impl Style {
    pub const ALL: [Self; 3] = [
        Self::Open,
        Self::Vendor { zeros_in_front: false },
        Self::Vendor { zeros_in_front: true },
    ];

    pub fn alignment(self) -> u32 {
        if self == Self::Open { 128 } else { 64 }
    }

    /// 0x5044 of a convolution (§2.3, §11).
    pub fn rdma_mode(self, depthwise: bool) -> u32 {
        match (self, depthwise) {
            (Self::Open, false) => 0x7810,
            (Self::Open, true) => 0x7816,
            (Self::Vendor { .. }, false) => 0x4000,
            (Self::Vendor { .. }, true) => 0x4006,
        }
    }

    /// Words of every task without its tail, in the order of their chain.
    pub fn bodies(self, programs: &[Program]) -> Vec<Vec<u64>> {
        match self {
            Self::Open => programs.iter().map(open).collect(),
            Self::Vendor { zeros_in_front } => {
                let mut groups = Groups::default();
                let pad = |mut words: Vec<u64>| {
                    let gap = if zeros_in_front {
                        (8 - (words.len() + task::TAIL_WORDS) % 8) % 8
                    } else {
                        0
                    };
                    words.splice(0..0, std::iter::repeat_n(0, gap));
                    words
                };
                programs.iter().map(|program| pad(groups.delta(program))).collect()
            }
        }
    }
}

pub fn write(offset: u32, value: u32) -> u64 {
    let register = register_at(offset).unwrap_or_else(|| panic!("the map has no register 0x{offset:04X}"));
    Command::Write { register, value }.encode()
}

/// The four tail words (§3.2).
pub fn tail(next: u32, amount: u32, mask: u32) -> [u64; 4] {
    [
        write(0x10, next),
        write(0x14, amount),
        Command::Barrier.encode(),
        Command::Enable { mask }.encode(),
    ]
}

/// What the open compiler leaves out of the vendor's set: decompressor addresses and one unnamed register. The sheet
/// gives its count of words (134), not the list.
const OPEN_OMITS: [u32; 8] = [0x1114, 0x1118, 0x111C, 0x1120, 0x1124, 0x1128, 0x112C, 0x5030];

/// What it writes beside the vendor's set, where the map knows them.
const OPEN_ADDS: [u32; 4] = [0x1180, 0x4058, 0x405C, 0x506C];

fn open(program: &Program) -> Vec<u64> {
    let mut order: Vec<u32> = program.mix.writes().map(|register| register.offset).collect();
    if program.has(Block::Cna) {
        order.retain(|offset| !OPEN_OMITS.contains(offset));
        let extra = OPEN_ADDS
            .iter()
            .filter(|&&at| program.has(block(at)) && register_at(at).is_some());
        for &offset in extra {
            let at = order
                .iter()
                .rposition(|&other| block(other) == block(offset) && other < offset);
            order.insert(at.map_or(order.len(), |at| at + 1), offset);
        }
        // The third time: right before the weights.
        let at = order.iter().position(|&offset| offset == 0x1110).unwrap();
        order.insert(at, 0x1040);
    }
    order
        .into_iter()
        .map(|offset| write(offset, program.get(offset)))
        .collect()
}

fn block(offset: u32) -> Block {
    Block::at(offset).unwrap()
}

/// What each block's two groups hold, so that a task may leave out what its group has already (§3.2).
#[derive(Default)]
struct Groups {
    held: BTreeMap<(Block, usize, u32), u32>,
    pointer: BTreeMap<Block, usize>,
    tasks: BTreeMap<Block, usize>,
}

impl Groups {
    fn delta(&mut self, program: &Program) -> Vec<u64> {
        let preamble = program.mix.preamble().count();
        let mut words = Vec::new();
        for (position, register) in program.mix.writes().enumerate() {
            let (offset, value) = (register.offset, program.get(register.offset));
            let pointer = *self.pointer.entry(register.block).or_default();
            // Tables are not shadowed (§12.6): their registers are in every task.
            let always = position < preamble || (0x4100..=0x4104).contains(&offset);
            let full = *self.tasks.entry(register.block).or_default() < 2;
            let held = self.held.insert((register.block, pointer, offset), value);
            if offset == 0x4104 && !program.table.is_empty() {
                words.extend(
                    program
                        .table
                        .iter()
                        .map(|&entry| write(offset, u32::from(entry as u16))),
                );
            } else if always || full || held != Some(value) {
                words.push(write(offset, value));
            }
        }
        for &block in program.mix.blocks() {
            *self.pointer.entry(block).or_default() ^= 1;
            *self.tasks.entry(block).or_default() += 1;
        }
        words
    }
}
