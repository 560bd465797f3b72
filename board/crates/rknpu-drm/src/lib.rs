//! The driver's jobs through the vendor's DRM device (`/dev/dri/cardN`), on vendor Linux and on StarryOS.
//!
//! ```text
//!   RknpuDriver ─▶ Hardware { window ─▶ chain ─▶ SUBMIT,  memory ─▶ MEM_CREATE, MAP, SYNC, DESTROY,  platform ─▶ ACTION }
//!                                        └────── caller (a deadline on every call) ─▶ Ioctl ◀ linux, or a kernel in a test
//! ```
//!
//! The same driver that writes registers on silicon runs here: a start it writes becomes a SUBMIT of the same command
//! streams. Return codes prove nothing: results are judged by task counter and descriptors, and a product with a known
//! result is run before the device is used.

pub mod abi;
mod caller;
mod chain;
mod ioctl;
#[cfg(target_os = "linux")]
mod linux;
mod memory;
mod platform;
mod proof;
mod window;

use std::sync::Arc;
use std::time::{Duration, Instant};

use npu_device::{DeviceError, DmaRange, Hardware};
use rknpu_driver::{RK3568, RknpuDriver};

pub use ioctl::{Ioctl, Mapping, Request};
#[cfg(target_os = "linux")]
pub use linux::{Card, open_card};

use abi::{Action, Task, action, memory as flags};
use caller::Caller;
use memory::{DrmMemory, Object};
use platform::{DrmClock, DrmPlatform, DrmWait};
use window::Window;

/// Settings of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Device memory to ask for; halved until the kernel grants it, since kernels limit single objects.
    pub memory_bytes: u64,
    /// Least memory that is worth going on with.
    pub least_memory_bytes: u64,
    /// What every call but SUBMIT may take, and how long a reset waits for a SUBMIT to come back.
    pub allowance: Duration,
    /// Deadline handed to the kernel with every SUBMIT. Not every kernel keeps it.
    pub submit_timeout_ms: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            memory_bytes: 2 << 30,
            least_memory_bytes: 16 << 20,
            allowance: Duration::from_secs(2),
            submit_timeout_ms: 10_000,
        }
    }
}

/// An opened device: the driver, ready to be initialized, and what the kernel says of itself.
pub struct Opened {
    /// The driver.
    pub driver: RknpuDriver,
    /// Version of the kernel's driver, as ACTION gives it.
    pub kernel_driver_version: u32,
}

/// Probes, reserves memory, builds the driver and has it prove itself on a product with a known result.
///
/// `Unsupported` where there is no NPU behind the node, `Busy` where somebody else holds it, `OutOfMemory` where the
/// kernel grants less than the least, `Lost` where a call does not return.
pub fn open(device: Arc<dyn Ioctl>, options: Options, driver: rknpu_driver::Options) -> Result<Opened, DeviceError> {
    let caller = Arc::new(Caller::new(device, options.allowance));
    let kernel_driver_version = probe(&caller)?;
    let memory = Arc::new(DrmMemory(reserve(&caller, &options)?));
    let range = DmaRange {
        base: memory.0.address,
        size_bytes: memory.0.bytes,
    };
    let descriptor_bytes = (RK3568.max_tasks_per_start * Task::BYTES) as u64;
    let descriptors = Object::create(&caller, descriptor_bytes, flags::KERNEL_MAPPING)?;
    let window = Arc::new(Window::new(
        caller,
        Arc::clone(&memory),
        descriptors,
        options.submit_timeout_ms,
    ));
    let hardware = Hardware {
        backend: "drm",
        mmio: window.clone(),
        dma: memory,
        memory: range,
        wait: Arc::new(DrmWait(window.clone())),
        clock: Arc::new(DrmClock(Instant::now())),
        platform: Arc::new(DrmPlatform {
            window,
            grace: options.allowance,
        }),
    };
    let mut driver = RknpuDriver::new(hardware, &RK3568, driver);
    proof::run(&mut driver, options.allowance)?;
    Ok(Opened {
        driver,
        kernel_driver_version,
    })
}

/// ACTION is the only call that tells an NPU from a node without one (boards.md §4.1).
fn probe(caller: &Caller) -> Result<u32, DeviceError> {
    let request = Action {
        flags: action::DRIVER_VERSION,
        value: 0,
    };
    match caller.call(Request::Action(request))? {
        Request::Action(Action { value, .. }) if value != 0 => Ok(value),
        _ => Err(DeviceError::Unsupported(
            "ACTION gives no driver version: there is no NPU behind this node".into(),
        )),
    }
}

fn reserve(caller: &Arc<Caller>, options: &Options) -> Result<Object, DeviceError> {
    let mut bytes = options.memory_bytes.max(options.least_memory_bytes);
    loop {
        match Object::create(caller, bytes, 0) {
            // Lost and busy do not get better with fewer bytes.
            Err(DeviceError::OutOfMemory { .. } | DeviceError::Fault(_)) if bytes / 2 >= options.least_memory_bytes => {
                bytes /= 2;
            }
            outcome => return outcome,
        }
    }
}
