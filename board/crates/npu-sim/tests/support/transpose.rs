//! Transpositions of a row of pixels (§2.7, decision 0044).

use npu_regs::task::Mix;

use super::program::Program;

/// Pixels `first..first + count` of a row of `width`, written behind those before them.
pub fn transposition(
    (channels, width): (usize, usize),
    (first, count): (usize, usize),
    (from, to): (u32, u32),
) -> Program {
    let u = |value: usize| value as u32;
    let pixel = channels * 2;
    let surface = width.next_multiple_of(4) * 8;
    let size_e = u(count - 1);
    let mut program = Program::new(Mix::Dpu);
    program.set_all(&[
        (0x400C, 0x4000_0109),
        (0x4010, 0x2400_0001),
        (0x4020, to + u(first * pixel)),
        (0x4024, u(pixel)),
        (0x4030, u(count - 1)),
        (0x403C, u((channels - 1) << 16 | (channels - 1))),
        (0x4040, 0x53),
        (0x4050, size_e << 8 | size_e << 5 | size_e << 2 | 2),
        (0x4060, 0x53),
        (0x4070, 0x383),
        (0x4078, 1),
        (0x4084, 1),
        (0x40C0, u(count * pixel)),
        (0x500C, u(count - 1)),
        (0x5014, u(channels - 1)),
        (0x5018, from + u(first * 8)),
        (0x501C, 1),
        (0x5028, 1),
        (0x5034, 1),
        (0x5044, 0xC021),
        (0x504C, u(surface - count * 8)),
        (0x5068, 0x0101_0101),
    ]);
    program
}
