//! Register writes and reads of the CPU in any order, a reset between them now and then.

use super::bench::Bench;
use crate::Target;

/// Input: words of `value << 32 | offset << 16 | operation`.
pub const TARGET: Target = Target {
    name: "registers",
    word_bytes: 8,
    max_bytes: 16 * 1024,
    run,
};

fn run(input: &[u8]) {
    let bench = Bench::new();
    for bytes in input.as_chunks::<8>().0 {
        let word = u64::from_le_bytes(*bytes);
        let (offset, value) = (u32::from((word >> 16) as u16), (word >> 32) as u32);
        match word as u8 % 16 {
            0..=9 => bench.mmio().write32(offset, value),
            10..=14 => drop(bench.mmio().read32(offset)),
            _ => bench.reset(),
        }
    }
    // Whatever hangs is said, and a reset ends it.
    if bench.fault().is_some() {
        bench.still_works();
    }
}
