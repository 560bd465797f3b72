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
mod convolution;
mod device;
mod error;
mod handle;
pub mod layout;
mod lease;
mod manager;
mod memory;
mod operation;
mod platform;
mod point_wise;
mod pool;
pub mod quantization;
mod raw;
mod status;
mod table;

pub use accelerator::{Accelerator, Capabilities, JobReport, JobTicket, TaskReport, Traffic};
pub use convolution::{
    ActivatedConvolution, ChannelParameters, Convolution, ConvolutionKind, ConvolutionResult, OutputConversion,
    Rectifier, Residual,
};
pub use device::NpuDevice;
pub use error::DeviceError;
pub use handle::{BufferId, BufferRange, JobId};
pub use lease::{Buffer, Leases};
pub use manager::{Device, DeviceId, DeviceManager, DeviceType, IrqAllocation};
pub use memory::{CachePolicy, SyncDirection};
pub use operation::{FeatureMap, MatmulFp16, MatmulInt8, Operation, Precision, Window};
pub use platform::{
    Clock, DmaFault, DmaMem, DmaRange, DmaView, Hardware, IrqLine, Mmio, Platform, TaskCost, TaskMeter, Wait,
};
pub use point_wise::{Activation, ActivationTable, Add, AddFp16, Dequantize, Requantize, Rescale, TABLE_ENTRIES};
pub use pool::{Pool, PoolMethod};
pub use raw::RawCommands;
pub use status::{JobState, JobStatus, Priority, TaskProgress};
pub use table::{BufferEntry, BufferTable};
