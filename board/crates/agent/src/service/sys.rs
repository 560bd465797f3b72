//! sys.*: what the board is, from facts cached at start.

use link::cbor::Nothing;
use link::message::sys::BoardInfo;

use super::Request;
use crate::failure::Failure;

pub fn info(request: Request) -> Result<(), Failure> {
    let Nothing {} = request.args()?;
    let agent = request.agent;
    let facts = &agent.capabilities;
    let uname = rustix::system::uname();
    request.call.reply(
        &BoardInfo {
            soc: facts.soc.into(),
            backend: facts.backend.into(),
            modelled: facts.modelled,
            npu_clock_hz: facts.npu_clock_hz,
            ddr_clock_hz: facts.ddr_clock_hz,
            bandwidth_bound_bytes_per_s: facts.bandwidth_bound_bytes_per_s,
            memory_bytes: facts.memory_bytes,
            free_bytes: agent.free_bytes(),
            agent_version: env!("CARGO_PKG_VERSION").into(),
            driver_version: agent.driver_version.clone(),
            os: format!(
                "{} {}",
                uname.sysname().to_string_lossy(),
                uname.release().to_string_lossy()
            ),
            kernel_isa: npu_kernels::isa::active().name().into(),
            parameters: agent.parameters.clone(),
            log_file: agent.log.path().display().to_string(),
        },
        &[],
    );
    Ok(())
}

pub fn devices(request: Request) -> Result<(), Failure> {
    let Nothing {} = request.args()?;
    request.call.reply(&request.agent.devices, &[]);
    Ok(())
}
