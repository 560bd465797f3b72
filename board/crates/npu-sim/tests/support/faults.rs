//! What stopped a program, held against what should have.

use npu_reference::{Pool, Window};

use super::machine::Machine;
use super::pooling::Pooling;
use super::program::Program;

/// Shows every fault that says something else, not only the first.
pub fn expect<'a>(cases: impl Iterator<Item = (String, &'a str)>) {
    let wrong: Vec<String> = cases
        .filter(|(fault, expected)| !fault.contains(expected))
        .map(|(fault, expected)| format!("got: {fault}\nwanted: {expected}\n"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

/// The fault names the register and the erratum of §8.
#[track_caller]
pub fn assert_named(fault: &str, register: &str, number: u32) {
    let erratum = format!("§8 erratum {number}");
    let cited = fault.match_indices(&erratum).any(|(at, text)| {
        // "erratum 1" is not "erratum 11".
        !fault[at + text.len()..].starts_with(|next: char| next.is_ascii_digit())
    });
    assert!(
        cited && fault.contains(register),
        "{register}, erratum {number}: {fault}"
    );
}

/// A maximum over windows of one size and stride: right but for what a test asks of them.
pub fn pooling(machine: &Machine, size: usize, stride: usize) -> Program {
    let memory = machine.reserve(0x4000, 64);
    let window = Window {
        size: (size, size),
        stride: (stride, stride),
        before: (0, 0),
        after: (0, 0),
    };
    Pooling {
        input: (16, size + 2 * stride, size + 2 * stride),
        half: false,
        window,
        pool: Pool::Max,
        pad: -128,
        from: memory,
        to: memory + 0x2000,
    }
    .program()
}
