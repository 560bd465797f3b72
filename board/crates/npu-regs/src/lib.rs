//! Register map of the RK3568 NPU.
//!
//! Everything is data: blocks, registers, fields, the command-word format, and a disassembler that shows a program the
//! way the hardware sheet (`npu-rk3568.md`) writes it. Refuses to know what a legal program is: that is the simulator's
//! and the driver's business. Where RK3568 moved a register of the RK3588 generation, only the RK3568 place exists here.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod block;
mod register;
mod text;
mod word;

pub mod cmac;
pub mod cna;
pub mod core;
pub mod ddma;
pub mod dpu;
pub mod dpu_rdma;
pub mod global;
pub mod iommu;
pub mod pc;
pub mod ppu;
pub mod ppu_rdma;
pub mod sdma;
pub mod stage;
pub mod task;
pub mod worked_examples;

pub use block::{Block, register_at};
pub use register::{Bits, Field, FieldInfo, FieldOverflow, Register, RegisterInfo};
pub use text::{assemble, disassemble};
pub use word::{Command, ENABLE_REGISTER, MAX_STREAM_WORDS, TARGET_BARRIER, TARGET_ENABLE, WordError};
