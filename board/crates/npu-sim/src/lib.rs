//! Register-level model of the RK3568 NPU.
//!
//! ```text
//!   Mmio ─▶ npu ─▶ pc ─▶ fetch ─▶ file (shadow groups, tables)      task ─▶ cna ─▶ conv ─▶ array
//!            │      └───────────────────────────────────────────────▶ │              └ cbuf  │ tiles
//!            └ irq, counters, clock ◀──────────── timing ◀────────────┘                      ▼
//!                                                                     dpu ◀─ dpu_rdma      dpu ─▶ DmaMem ◀ memory
//! ```
//!
//! Executes command streams as the hardware would, and refuses with register, field, rule and command word what it does
//! not model. Errata 12 (a race) and 13 are not reproduced. Times come from [`TimingParameters`] and a virtual clock,
//! never from the host.
//!
//! # Running a captured job
//!
//! ```
//! use std::sync::Arc;
//! use npu_device::{DmaMem, DmaRange, Mmio, Platform, TaskMeter};
//! use npu_sim::{MappedMemory, Progress, SimBoard, SimConfig};
//!
//! # fn main() -> Result<(), npu_device::DeviceError> {
//! let mut memory = MappedMemory::new();            // device addresses of the job; everything else faults
//! memory.map(0x0010_0000, 4096)?;                  // zeroed; fill it with `memory.write`
//! let memory = Arc::new(memory);
//! let nothing = DmaRange { base: 0, size_bytes: 0 };
//! let board = SimBoard::on(memory.clone(), nothing, SimConfig::default());
//! let npu = board.npu();
//! npu.set_power(true);
//! npu.write32(0x4100, 0x20000);                    // register writes of the CPU: slave mode, the reset state
//! npu.write32(0x4104, 7);
//! memory.write(0x0010_0000, &0x0081_0000_0018_0008u64.to_le_bytes()).expect("mapped");
//! for (register, value) in [(0x10, 1), (0x10, 0x0010_0000), (0x14, 0), (0x20, 0x300), (0x24, 0x1FFFF), (0x30, 0x7001)] {
//!     npu.write32(register, value);                // one hardware start (§3.3)
//! }
//! npu.write32(0x08, 1);
//! while npu.advance(1) == Progress::Busy {         // one task; `Stepping::PerTask` is the default
//!     npu.drain_costs(&mut |cost| println!("{} bytes written", cost.traffic.written_bytes));
//! }
//! println!("{} tasks, raw interrupts 0x{:X}", npu.read32(0x3C), npu.read32(0x2C));
//! if let Some(fault) = npu.fault() {
//!     println!("{fault}");                         // the same in parts:
//!     println!("{:?} {:?} {:?}", fault.kind.block(), fault.kind.register(), fault.kind.address());
//!     println!("task {}, word {:?}, {:?}", fault.task, fault.word_index(), fault.culprit);
//! }
//! println!("{:?}", npu.silent_end());              // `no PC interrupt (erratum 10)` after pooling
//! board.set_resets(true)?;                         // registers, tables and interrupts; memory stays
//! # Ok(())
//! # }
//! ```
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
mod dpu_rdma;
mod fault;
mod fetch;
mod file;
mod huge_pages;
mod iommu;
mod irq;
mod lock;
mod mapped;
mod memory;
mod npu;
mod params;
mod pc;
mod pmu;
mod ppu;
mod rules;
mod span;
mod table;
mod task;
mod tile;
pub mod timing;
mod view;

pub use board::{SimBoard, SimConfig, Stepping};
pub use check::{CheckedTask, Checker, Reject};
pub use clock::VirtualClock;
pub use fault::{Culprit, Fault, FaultKind, Origin, Rule};
pub use iommu::Iommu;
pub use mapped::MappedMemory;
pub use memory::{BASE as MEMORY_BASE, HostMemory};
pub use npu::{Kick, Npu, Progress};
pub use params::{Basis, Parameter, TimingParameters};
pub use pmu::Pmu;
