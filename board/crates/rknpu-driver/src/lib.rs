//! Driver of the RK3568 NPU: jobs of operations through register-command streams.
//!
//! ```text
//!   NpuDevice ── driver ── plan (one file per kind of operation, tiling, starts) ── task
//!                  │                                                                 ▼
//!                  │                                    commands ── words (one file per group of blocks)
//!                  ├ queue ── job, sum ── start, interrupt ── unit ── power, paging
//!                  └ memory ── heap, address_space                              Mmio, DmaMem, Wait, Clock, Platform
//! ```
//!
//! Knows registers through `npu-regs` and its surroundings through `npu-device::Hardware`; nothing of simulators,
//! operating systems or models. `no_std`, no unsafe, integers only.
//!
//! ```
//! use npu_device::{Accelerator, BufferRange, MatmulInt8, NpuDevice, layout};
//! use npu_sim::{SimBoard, SimConfig};
//! use rknpu_driver::{Options, RK3568, RknpuDriver};
//!
//! let board = SimBoard::new(SimConfig { memory_bytes: 8 << 20, ..SimConfig::default() })?;
//! let mut driver = RknpuDriver::new(board.hardware(), &RK3568, Options::default());
//! driver.init()?;
//! let npu: &mut dyn Accelerator = &mut driver;
//!
//! let (m, k, n) = (1, 32, 16);
//! let (a, b) = (vec![2i8; m * k], vec![-3i8; n * k]);
//! let mut buffer = |bytes: usize| -> Result<BufferRange, npu_device::DeviceError> {
//!     Ok(BufferRange { buffer: npu.allocate_memory(bytes as u64)?, offset: 0 })
//! };
//! let (at_a, at_b) = (buffer(layout::a_bytes(m, k))?, buffer(layout::b_bytes(n, k))?);
//! let at_c = buffer(layout::c_bytes(m, n))?;
//! npu.write_memory(at_a, &layout::pack_a(&a, m, k))?;
//! npu.write_memory(at_b, &layout::pack_b(&b, n, k))?;
//! let product = MatmulInt8 { m: m as u32, k: k as u32, n: n as u32, a: at_a, b: at_b, c: at_c };
//! let job = npu.submit_task(&[product.into()])?;
//! let report = npu.wait_for_completion(job, 1_000_000_000)?;
//! let mut c = vec![0; layout::c_bytes(m, n)];
//! npu.read_memory(at_c, &mut c)?;
//! assert_eq!(layout::unpack_c(&c, m, n), [-6 * 32; 16]);
//! assert_eq!(report.operations[0].tasks, 2); // an even count, because of erratum 7
//! # Ok::<(), npu_device::DeviceError>(())
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod address_space;
mod cancel;
mod commands;
mod driver;
mod family;
mod heap;
mod interrupt;
mod job;
mod listing;
mod memory;
mod paging;
mod plan;
mod power;
mod queue;
mod soc;
mod start;
mod sum;
mod task;
mod unit;
mod words;

pub use cancel::CancelHandle;
pub use driver::{ModelId, Options, RknpuDriver};
pub use family::{CounterOffsets, Range, SOCS, SocRow, soc_row};
pub use interrupt::Interrupt;
pub use soc::{PowerDomain, RK3568, Soc};

/// The driver's short name.
pub type Rknpu = RknpuDriver;

fn memory_fault(fault: npu_device::DmaFault) -> npu_device::DeviceError {
    let direction = if fault.write { "write" } else { "read" };
    npu_device::DeviceError::Fault(alloc::format!(
        "CPU {direction} at device address 0x{:08X}",
        fault.address
    ))
}
