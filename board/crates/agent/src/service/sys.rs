//! sys.*: what the board is, from facts cached at start, and what its line can do.

use link::cbor::Nothing;
use link::message::mem::OneDigest;
use link::message::sys::{BoardInfo, EchoArgs, echo_pattern};
use sha2::{Digest as _, Sha256};

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

/// Answered by the reader thread: what it measures is the line.
pub fn echo(request: Request) -> Result<(), Failure> {
    let EchoArgs { reply_bytes } = request.args()?;
    let most = request.session().facts().max_body_bytes;
    if reply_bytes as usize > most {
        return Err(Failure::bad_argument(format!(
            "{reply_bytes} bytes wanted, maxBody is {most}"
        )));
    }
    let digest: [u8; 32] = Sha256::digest(request.frame.view().body).into();
    let pattern = echo_pattern(reply_bytes as usize);
    request.call.reply(&OneDigest { digest: digest.into() }, &pattern);
    Ok(())
}

pub fn link(request: Request) -> Result<(), Failure> {
    let Nothing {} = request.args()?;
    let counts = request.connection.counts().clone();
    request.call.reply(&counts, &[]);
    Ok(())
}
