//! Finds, reads, checks and replays register-command programs of the RK3568 NPU: the library behind `npulab-npu`.
//!
//! ```text
//!   file ─▶ find ─▶ scan (npu_sim::Checker) ─▶ describe, invariants, listing
//!   JOB.json ─▶ job::format ─▶ job::run (npu_sim::Npu over job::memory) ─▶ job::compare ─▶ job::report
//! ```
//!
//! Knows no driver and no agent: what is judged here may come from any generator. What is outside the sheet is decided by
//! the simulator's own decoders, never by a second table.
#![deny(unsafe_code)]

pub mod cli;
pub mod commands;
pub mod describe;
pub mod failure;
pub mod find;
pub mod invariants;
pub mod job;
pub mod listing;
pub mod mapped;
pub mod scan;
pub mod summary;
pub mod table;
pub mod time;
