//! Traits and types that every NPU back end shares.
//!
//! ```text
//!   tinyllama, agent ──▶ Accelerator ◀── NpuDevice ◀── rknpu-driver ──▶ Mmio, DmaMem, IrqLine, Wait, Clock
//!                                                                          ▲ npu-sim, mapped registers, kernel
//! ```
//!
//! Knows no operating system, no register and no wire format. Nothing here is unsafe.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod accelerator;
mod error;
mod handle;
pub mod layout;
mod platform;

pub use accelerator::{Accelerator, Capabilities, JobReport, JobTicket, MatmulInt8, TaskReport, Traffic};
pub use error::DeviceError;
pub use handle::{BufferId, BufferRange, JobId};
pub use platform::{Clock, DmaFault, DmaMem, DmaView, IrqLine, Mmio, Wait};
