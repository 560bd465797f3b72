//! `sim:rk3568`: the same driver code as on silicon, over the registers and memory of the simulated board.
//!
//! The interrupt handler is the driver's own, called by the simulator as a kernel would call it.

use npu_sim::{Basis, Parameter as Row, SimConfig};
use rknpu_driver::{Options, RK3568, RknpuDriver};

use link::message::sys::Parameter;

use super::Backend;
use crate::failure::Failure;
use crate::probe::Probe;

/// The back end `sim:rk3568`.
pub fn backend() -> Result<Backend, Failure> {
    let config = SimConfig::default();
    let parameters = config.parameters.rows().map(|row| Parameter {
        name: row.name.into(),
        value: row.value,
        unit: row.unit.into(),
        source: source(&row),
    });
    let parameters = parameters.collect();
    let (probe, hardware) = Probe::board(config)?;
    let driver = RknpuDriver::new(hardware, &RK3568, Options::default());
    Ok(Backend {
        device: Box::new(driver),
        irq: Some(RK3568.interrupt_line),
        driver_version: format!("rknpu-driver {}", env!("CARGO_PKG_VERSION")),
        parameters,
        probe: Some(probe),
    })
}

/// What stands behind a row, in words: "unfitted" where nothing was measured, and the range the value may lie in.
fn source(row: &Row) -> String {
    let basis = match row.basis {
        Basis::Published => "",
        Basis::Fitted => "fitted; ",
        Basis::Assumed => "unfitted; ",
    };
    let range = if row.fast == row.slow {
        String::new()
    } else {
        let (least, most) = (row.fast.min(row.slow), row.fast.max(row.slow));
        format!(" ({least} to {most} {})", row.unit)
    };
    format!("{basis}{}{range}", row.source)
}
