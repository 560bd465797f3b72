//! Mutation fuzzing on stable Rust: a corpus, mutations that know words, a loop, a watchdog.
//!
//! ```text
//!   corpus ─▶ mutate ─▶ target(&[u8]) ── panic ─▶ shrink ─▶ finding
//!                          └─ too long ─▶ watchdog ─▶ finding
//! ```
//!
//! Knows nothing of what it feeds; the targets do.
#![forbid(unsafe_code)]

mod corpus;
mod mutate;
mod run;
mod watchdog;

pub mod targets;

pub use corpus::{Entry, corpus_dir, load};
pub use mutate::{Mutator, Random};
pub use run::{Finding, Options, Report, fuzz, replay};
pub use watchdog::Watchdog;

/// Something that takes bytes from strangers.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Its name, and that of its corpus folder.
    pub name: &'static str,
    /// Inputs are lists of words of this many bytes; mutations move whole words and change values inside them.
    pub word_bytes: usize,
    /// Longest input.
    pub max_bytes: usize,
    /// Takes one input; panics where a promise is broken.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    targets::words::TARGET,
    targets::streams::TARGET,
    targets::registers::TARGET,
    targets::frames::TARGET,
    targets::lines::TARGET,
    targets::files::TARGET,
    targets::ioctls::TARGET,
];
