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

/// Registers of a convolution task in the order of the open compiler (§11): the buffer's cut three times, decompression
/// twice, without the loader's nine unnamed registers, with four of RK3588.
const OPEN_ORDER: [(u32, u32); 31] = [
    (0x1004, 0x1004),
    (0x2004, 0x2004),
    (0x3004, 0x3004),
    (0x1040, 0x1040),
    (0x4004, 0x4004),
    (0x5004, 0x5004),
    (0x1040, 0x1040),
    (0x1104, 0x1104),
    (0x1100, 0x1100),
    (0x100C, 0x1018),
    (0x1020, 0x102C),
    (0x1030, 0x1038),
    (0x1040, 0x1044),
    (0x104C, 0x105C),
    (0x1060, 0x1068),
    (0x1070, 0x1088),
    (0x1100, 0x1104),
    (0x1110, 0x114C),
    (0x1180, 0x1180),
    (0x200C, 0x200C),
    (0x300C, 0x3014),
    (0x302C, 0x302C),
    (0x400C, 0x4014),
    (0x4020, 0x4024),
    (0x4030, 0x405C),
    (0x4060, 0x4088),
    (0x4090, 0x40AC),
    (0x40C0, 0x40C4),
    (0x4100, 0x412C),
    (0x500C, 0x502C),
    (0x5034, 0x506C),
];

fn open(program: &Program) -> Vec<u64> {
    let order: Vec<u32> = if program.has(Block::Cna) {
        let ranges = OPEN_ORDER.iter().flat_map(|&(first, last)| (first..=last).step_by(4));
        ranges.filter(|&offset| register_at(offset).is_some()).collect()
    } else {
        program.mix.writes().map(|register| register.offset).collect()
    };
    order
        .into_iter()
        .map(|offset| write(offset, program.get(offset)))
        .collect()
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
        // Registers that the vendor never writes, where a test asks for them.
        let usual: Vec<u32> = program.mix.writes().map(|register| register.offset).collect();
        let runs = |offset: u32| Block::at(offset).is_some_and(|block| program.has(block));
        let unusual = program
            .registers
            .iter()
            .filter(|(offset, _)| !usual.contains(offset) && runs(**offset));
        words.extend(unusual.map(|(&offset, &value)| write(offset, value)));
        for &block in program.mix.blocks() {
            *self.pointer.entry(block).or_default() ^= 1;
            *self.tasks.entry(block).or_default() += 1;
        }
        words
    }
}
