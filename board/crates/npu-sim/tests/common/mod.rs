//! Programs written by hand from the tables of the hardware sheet (§3.2, §4.4): shares no code with the driver.
#![allow(dead_code)]

use std::sync::Arc;

use npu_device::{Hardware, Mmio};
use npu_sim::{SimBoard, SimConfig, Stepping};

pub const COMMANDS: u32 = 0x0020_0000;
pub const A: u32 = 0x0030_0000;
pub const B: u32 = 0x0040_0000;
pub const C: u32 = 0x0050_0000;

/// Registers of a full task in the vendor's order (§3.2, §12.26), as (target, offset).
pub fn order() -> Vec<(u64, u32)> {
    let mut all = vec![
        (0x0201, 0x1004),
        (0x0401, 0x2004),
        (0x0801, 0x3004),
        (0x0201, 0x1040),
        (0x1001, 0x4004),
    ];
    let mut block = |target: u64, ranges: &[(u32, u32)]| {
        for &(first, last) in ranges {
            all.extend((first..=last).step_by(4).map(|offset| (target, offset)));
        }
    };
    let cna = [
        (0x100C, 0x1018),
        (0x1020, 0x102C),
        (0x1030, 0x1038),
        (0x1040, 0x1044),
        (0x104C, 0x105C),
        (0x1060, 0x1068),
        (0x1070, 0x1088),
        (0x1100, 0x1104),
        (0x1110, 0x112C),
        (0x1130, 0x114C),
        (0x1210, 0x1230),
    ];
    block(0x0201, &cna);
    block(0x0401, &[(0x200C, 0x200C)]);
    block(0x0801, &[(0x300C, 0x3014), (0x302C, 0x302C)]);
    let dpu = [
        (0x400C, 0x4014),
        (0x4020, 0x4024),
        (0x4030, 0x403C),
        (0x4040, 0x4054),
        (0x4060, 0x406C),
        (0x4070, 0x407C),
        (0x4080, 0x4088),
        (0x4090, 0x40AC),
        (0x40C0, 0x40C4),
        (0x4100, 0x412C),
    ];
    block(0x1001, &dpu);
    all
}

pub fn word(target: u64, offset: u32, value: u32) -> u64 {
    target << 48 | u64::from(value) << 16 | u64::from(offset)
}

/// A matrix product as one task, with values from the table in §4.4. Every register can be overwritten.
#[derive(Clone)]
pub struct Task {
    pub width: u32,
    pub height: u32,
    pub k: u32,
    pub n: u32,
    pub banks: u32,
    pub a: u32,
    pub b: u32,
    pub c: u32,
    pub changes: Vec<(u32, u32)>,
    pub mask: u32,
}

impl Task {
    pub fn new(m: u32, k: u32, n: u32) -> Self {
        let changes = Vec::new();
        Self {
            width: m,
            height: 1,
            k,
            n,
            banks: 0x44,
            a: A,
            b: B,
            c: C,
            changes,
            mask: 0x0F,
        }
    }

    pub fn with(mut self, offset: u32, value: u32) -> Self {
        self.changes.push((offset, value));
        self
    }

    pub fn value(&self, offset: u32) -> u32 {
        if let Some(&(_, value)) = self.changes.iter().rev().find(|(at, _)| *at == offset) {
            return value;
        }
        let (w, h, k, n) = (self.width, self.height, self.k, self.n);
        let m = w * h;
        match offset {
            0x1004 | 0x2004 | 0x3004 | 0x4004 => 0x0E,
            0x1010 => (1 + (1 + 16 / w)) << 4,
            0x1014 => 0x9,
            0x1020 | 0x1084 => w << 16 | h,
            0x1024 => (k - 1) << 16 | k,
            0x1028 => w,
            0x102C => m,
            0x1030 => n * k,
            0x1034 => k,
            0x1038 => 0x0101 << 16 | n,
            0x1040 => self.banks,
            0x1044 => w << 16 | (w * (k / 8)).div_ceil(4),
            0x104C => 0x0A,
            0x1050 | 0x1054 | 0x1058 | 0x105C => 0x0001_0000,
            0x1070 => self.a,
            0x1078 => 0x0017_1C07,
            0x107C => w,
            0x1080 => m.div_ceil(4) * 4,
            0x1088 => k,
            0x1110 => self.b,
            0x200C => 1,
            0x3010 => (h - 1) << 16 | (w - 1),
            0x3014 => n - 1,
            0x400C => 0x108,
            0x4010 => 0x8000_0000,
            0x4020 => self.c,
            0x4024 => 16 * m,
            0x4030 => w - 1,
            0x4034 => h - 1,
            0x403C => (n - 1) << 16 | (n - 1),
            0x4040 | 0x4060 => 0x53,
            0x4050 => 0x36C,
            0x4070 => 0x383,
            0x4084 => 1,
            0x40C0 => 64 * m,
            _ => 0,
        }
    }

    pub fn words(&self, next: Option<(u32, u32)>) -> Vec<u64> {
        let (address, amount) = next.unwrap_or((0, 0));
        let mut words: Vec<u64> = order()
            .into_iter()
            .map(|(target, offset)| word(target, offset, self.value(offset)))
            .collect();
        words.push(word(0x0101, 0x10, address));
        words.push(word(0x0101, 0x14, amount));
        words.push(word(0x0041, 0, 0));
        words.push(word(0x0081, 8, self.mask));
        words
    }
}

pub struct Bench {
    pub board: SimBoard,
    pub hardware: Hardware,
    pub mmio: Arc<dyn Mmio>,
}

impl Bench {
    pub fn new() -> Self {
        Self::stepping(Stepping::RunToIdle)
    }

    pub fn stepping(stepping: Stepping) -> Self {
        let board = SimBoard::new(SimConfig {
            memory_bytes: 16 << 20,
            stepping,
            ..SimConfig::default()
        })
        .unwrap();
        let hardware = board.hardware();
        let pmu = hardware.platform.pmu().unwrap();
        pmu.write32(0xA0, 0x0002_0000);
        pmu.write32(0x50, 0x0004_0000);
        let mmio = hardware.mmio.clone();
        Self { board, hardware, mmio }
    }

    pub fn write(&self, address: u32, bytes: &[u8]) {
        self.hardware.dma.write(address, bytes).unwrap();
    }

    pub fn read_i32(&self, address: u32, count: usize) -> Vec<i32> {
        let mut bytes = vec![0; count * 4];
        self.hardware.dma.read(address, &mut bytes).unwrap();
        bytes
            .chunks_exact(4)
            .map(|four| i32::from_le_bytes(four.try_into().unwrap()))
            .collect()
    }

    /// Writes streams 960 bytes apart, chained, and returns the amount of the first.
    pub fn place(&self, streams: &[Vec<u64>]) -> u32 {
        for (index, words) in streams.iter().enumerate() {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            self.write(COMMANDS + 960 * index as u32, &bytes);
        }
        streams[0].len() as u32 - 1
    }

    /// The vendor's commit sequence (§3.3).
    pub fn commit(&self, amount: u32, tasks: u32) {
        let clear = [(0x10, 1), (0x8010, 0x8000_0101), (0x8010, 0x101)];
        let start = [
            (0x10, COMMANDS),
            (0x14, amount),
            (0x20, 0x300),
            (0x24, 0x300),
            (0x30, 0x7000 | tasks),
            (0x34, 0),
            (0x08, 1),
            (0x08, 0),
        ];
        for (offset, value) in clear.into_iter().chain(start) {
            self.mmio.write32(offset, value);
        }
    }

    /// Chains full tasks and starts them.
    pub fn run(&self, tasks: &[Task]) {
        let next = |index: usize| (index + 1 < tasks.len()).then_some((COMMANDS + 960 * (index as u32 + 1), 116));
        let streams: Vec<Vec<u64>> = tasks
            .iter()
            .enumerate()
            .map(|(at, task)| task.words(next(at)))
            .collect();
        let amount = self.place(&streams);
        self.commit(amount, tasks.len() as u32);
    }

    pub fn fault(&self) -> String {
        self.hardware.platform.fault_text().unwrap_or_default()
    }

    pub fn reset(&self) {
        self.hardware.platform.set_resets(true).unwrap();
        self.hardware.platform.set_resets(false).unwrap();
    }
}

/// splitmix64: small, seeded, ours.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// Naive product on native bytes, element by element from the layout's definition (§4.4).
pub fn reference(a: &[u8], b: &[u8], m: usize, k: usize, n: usize) -> Vec<i32> {
    let pitch = m.div_ceil(4) * 4;
    let mut c = vec![0i32; m * n];
    for row in 0..m {
        for kernel in 0..n {
            let product = |channel: usize| {
                let feature = a[(channel / 8 * pitch + row) * 8 + channel % 8] as i8;
                let tile = (kernel / 16) * (k / 32) + channel / 32;
                let weight = b[(tile * 16 + kernel % 16) * 32 + channel % 32] as i8;
                i32::from(feature) * i32::from(weight)
            };
            c[(kernel / 4 * m + row) * 4 + kernel % 4] = (0..k).map(product).sum();
        }
    }
    c
}
