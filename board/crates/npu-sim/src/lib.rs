//! Register-level model of the RK3568 NPU.
//!
//! ```text
//!   Mmio ─▶ npu ─▶ pc (fetch, chain) ─▶ file (shadow groups) ─▶ cna ─▶ array ─▶ dpu ─▶ conv ─▶ mac
//!                    │                                           └ cbuf                 │
//!                    └ irq, counters, clock ◀──────────── timing ◀──────────────────────┘   DmaMem ◀ memory
//! ```
//!
//! Executes command streams as the hardware would, and refuses with register, field and rule what it does not model: at
//! this stage everything but dense int8 1x1 convolutions with int32 results (matrix products). Errata 12 (a race) and 13
//! are not reproduced. Times come from [`TimingParameters`] and a virtual clock, never from the host.
//!
//! Knows no driver and no operating system; integers only.
#![no_std]

extern crate alloc;

mod array;
mod board;
mod cbuf;
mod check;
mod clock;
mod cna;
mod conv;
mod counters;
mod dpu;
mod fault;
mod file;
mod irq;
mod lock;
mod mac;
mod memory;
mod npu;
mod params;
mod pc;
mod pmu;
mod rules;
mod tile;
pub mod timing;

pub use board::{SimBoard, SimConfig, Stepping};
pub use check::{CheckedTask, Checker, Reject};
pub use clock::VirtualClock;
pub use fault::{Fault, FaultKind, Rule};
pub use memory::{BASE as MEMORY_BASE, HostMemory};
pub use npu::{Kick, Npu, Progress};
pub use params::{Basis, Parameter, TimingParameters};
pub use pmu::Pmu;
