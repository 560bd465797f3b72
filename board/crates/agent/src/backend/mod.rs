//! Back ends by name: the one place that knows which crates make a device.

pub mod cpu;
pub mod drm;
pub mod sim;

use link::message::sys::Parameter;
use npu_device::NpuDevice;

use crate::failure::Failure;
use crate::probe::Probe;

/// What the agent needs of a back end.
pub struct Backend {
    /// The device, not yet initialized.
    pub device: Box<dyn NpuDevice>,
    /// Name of its interrupt line, where it has one.
    pub irq: Option<u32>,
    /// Driver and version, for people.
    pub driver_version: String,
    /// Timing parameters behind modelled times; empty where nothing is modelled.
    pub parameters: Vec<Parameter>,
    /// Between driver and device: steps, counters, recordings.
    pub probe: Option<Probe>,
}

/// Names that [`open`] takes.
pub const NAMES: &[&str] = &["sim:rk3568", "drm", "cpu"];

/// Makes the back end of a name.
pub fn open(name: &str) -> Result<Backend, Failure> {
    match name {
        "sim:rk3568" => sim::backend(),
        "drm" => drm::backend(std::path::Path::new(drm::CARDS)),
        "cpu" => Ok(cpu::backend()),
        _ => Err(Failure::bad_argument(format!("there is {}", NAMES.join(", ")))),
    }
}
