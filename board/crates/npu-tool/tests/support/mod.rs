//! Programs written by hand from the tables of the hardware sheet (§3.2, §4.4, appendix B). Shares the register order with
//! `npu-regs`, which has its own tests against the sheet, and no value with the driver.
#![allow(dead_code)]

pub mod job;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use npu_regs::task::Mix;
use npu_regs::worked_examples::{B1, B4, B6, WorkedExample};

pub fn word(target: u64, offset: u32, value: u32) -> u64 {
    target << 48 | u64::from(value) << 16 | u64::from(offset)
}

pub fn bytes(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// A full task: every register of the mix, 0 where the list names none; then the tail.
pub fn task(mix: Mix, values: &[(u32, u32)], next: Option<(u32, u32)>) -> Vec<u64> {
    let value = |offset: u32| {
        let named = values
            .iter()
            .rev()
            .find(|(at, _)| *at == offset)
            .map(|&(_, value)| value);
        named.unwrap_or(if offset & 0xFFF == 4 { 0x0E } else { 0 })
    };
    let mut words: Vec<u64> = mix
        .writes()
        .map(|register| {
            word(
                u64::from(register.block.target().unwrap()),
                register.offset,
                value(register.offset),
            )
        })
        .collect();
    words.extend(tail(mix.mask(), next));
    words
}

pub fn tail(mask: u32, next: Option<(u32, u32)>) -> [u64; 4] {
    let (address, amount) = next.unwrap_or((0, 0));
    [
        word(0x0101, 0x10, address),
        word(0x0101, 0x14, amount),
        word(0x0041, 0, 0),
        word(0x0081, 8, mask),
    ]
}

/// An int8 matrix product as one task (§4.4), W = M, H = 1.
pub fn matmul(m: u32, k: u32, n: u32, [a, b, c]: [u32; 3], next: Option<(u32, u32)>) -> Vec<u64> {
    let cvt = [
        (0x1050, 0x10000),
        (0x1054, 0x10000),
        (0x1058, 0x10000),
        (0x105C, 0x10000),
    ];
    let values = [
        (0x1010, (1 + (1 + 16 / m)) << 4),
        (0x1014, 9),
        (0x1020, m << 16 | 1),
        (0x1024, (k - 1) << 16 | k),
        (0x1028, m),
        (0x102C, m),
        (0x1030, n * k),
        (0x1034, k),
        (0x1038, 0x0101 << 16 | n),
        (0x1040, 0x44),
        (0x1044, m << 16 | (m * (k / 8)).div_ceil(4)),
        (0x104C, 0x0A),
        (0x1070, a),
        (0x1078, 0x0017_1C07),
        (0x107C, m),
        (0x1080, m.div_ceil(4) * 4),
        (0x1084, m << 16 | 1),
        (0x1088, k),
        (0x1110, b),
        (0x200C, 1),
        (0x3010, m - 1),
        (0x3014, n - 1),
        (0x400C, 0x108),
        (0x4010, 0x8000_0000),
        (0x4020, c),
        (0x4024, 16 * m),
        (0x4030, m - 1),
        (0x403C, (n - 1) << 16 | (n - 1)),
        (0x4040, 0x53),
        (0x4050, 0x36C),
        (0x4060, 0x53),
        (0x4070, 0x383),
        (0x4084, 1),
        (0x40C0, 64 * m),
    ];
    task(Mix::Convolution, &[&values[..], &cvt[..]].concat(), next)
}

/// A worked example of the sheet as a whole task.
pub fn example(example: &WorkedExample, next: Option<(u32, u32)>) -> Vec<u64> {
    task(example.mix, &[example.listed, example.implied].concat(), next)
}

/// B.1: first band of a 3x3 stride-2 convolution with ReLU and per-channel parameters.
pub fn b1(next: Option<(u32, u32)>) -> Vec<u64> {
    example(&B1, next)
}

/// B.4: residual add on the DPU alone.
pub fn b4(next: Option<(u32, u32)>) -> Vec<u64> {
    example(&B4, next)
}

/// B.6: max pool 3x3 stride 1 padding 1 on 20x20x128 (§2.9).
pub fn b6(next: Option<(u32, u32)>) -> Vec<u64> {
    example(&B6, next)
}

/// The example's registers with others in their place.
pub fn with(example: &WorkedExample, changes: &[(u32, u32)]) -> Vec<u64> {
    task(example.mix, &[example.listed, example.implied, changes].concat(), None)
}

/// Pads in front to a multiple of 8 words, as model files do (§3.2).
pub fn padded(words: Vec<u64>) -> Vec<u64> {
    let zeros = words.len().next_multiple_of(8) - words.len();
    [vec![0; zeros], words].concat()
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

/// A folder of its own below the target folder, emptied.
pub fn folder(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Runs the command.
pub fn npulab(args: &[&std::ffi::OsStr]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_npulab-npu"))
        .args(args)
        .output()
        .unwrap()
}

/// Naive product on native bytes, element by element from the layout's definition (§4.4).
pub fn product(a: &[u8], b: &[u8], m: usize, k: usize, n: usize) -> Vec<i32> {
    let pitch = m.div_ceil(4) * 4;
    let mut c = vec![0i32; m * n];
    for row in 0..m {
        for kernel in 0..n {
            let one = |channel: usize| {
                let feature = a[(channel / 8 * pitch + row) * 8 + channel % 8] as i8;
                let tile = (kernel / 16) * (k / 32) + channel / 32;
                let weight = b[(tile * 16 + kernel % 16) * 32 + channel % 32] as i8;
                i32::from(feature) * i32::from(weight)
            };
            c[(kernel / 4 * m + row) * 4 + kernel % 4] = (0..k).map(one).sum();
        }
    }
    c
}
