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
mod device;
mod error;
mod handle;
pub mod layout;
mod manager;
mod platform;
mod table;

pub use accelerator::{Accelerator, Capabilities, JobReport, JobTicket, MatmulInt8, TaskReport, Traffic};
pub use device::NpuDevice;
pub use error::DeviceError;
pub use handle::{BufferId, BufferRange, JobId};
pub use manager::{Device, DeviceId, DeviceManager, DeviceType, IrqAllocation};
pub use platform::{
    Clock, DmaFault, DmaMem, DmaRange, DmaView, Hardware, IrqLine, Mmio, Platform, TaskCost, TaskMeter, Wait,
};
pub use table::{BufferEntry, BufferTable};
