//! Command streams into a simulated board: any words, any chain, any start.

use super::bench::{Bench, Start};
use crate::Target;

/// Input: two header words, then the command words of every stream (see `Start`).
pub const TARGET: Target = Target {
    name: "streams",
    word_bytes: 8,
    max_bytes: 64 * 1024,
    run,
};

fn run(input: &[u8]) {
    let bench = Bench::new();
    let start = Start::parse(input);
    bench.start(&start);
    let status = bench.mmio().read32(0x3C) & 0xFFF;
    match bench.fault() {
        None => assert_eq!(status, start_tasks(input), "no fault, so every task finished"),
        Some(_) => bench.still_works(),
    }
}

fn start_tasks(input: &[u8]) -> u32 {
    let at = |index: usize| u32::from(input.get(index).copied().unwrap_or(0));
    (at(10) | at(11) << 8) & 0xFFF
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_of_the_corpus_runs_to_its_end_so_that_mutations_start_from_all_blocks() {
        for entry in crate::load(&TARGET).expect("the corpus can be read") {
            let bench = Bench::new();
            bench.start(&Start::parse(&entry.bytes));
            // Findings and other refused inputs say so in their name.
            let fault = bench.fault();
            assert_eq!(
                fault.is_some(),
                entry.name.contains("refused"),
                "{}: {fault:?}",
                entry.name
            );
        }
    }
}
