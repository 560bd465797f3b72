//! lease.*: asks the book; what it decides is told to every session.

use std::sync::Arc;

use link::cbor::Nothing;
use link::message::lease::LeaseArgs;

use super::Request;
use crate::failure::Failure;
use crate::lease::Leases;

pub fn acquire(request: Request) -> Result<(), Failure> {
    let args: LeaseArgs = request.args()?;
    Leases::check(&args)?;
    let call = Arc::clone(&request.call);
    request
        .agent
        .leases(|leases, now_ns| leases.acquire(call, args, now_ns));
    Ok(())
}

pub fn take(request: Request) -> Result<(), Failure> {
    let args: LeaseArgs = request.args()?;
    Leases::check(&args)?;
    request
        .agent
        .leases(|leases, now_ns| leases.take(&request.call, &args, now_ns));
    Ok(())
}

pub fn release(request: Request) -> Result<(), Failure> {
    let Nothing {} = request.args()?;
    let session = request.session().number;
    request
        .agent
        .leases(|leases, now_ns| leases.release(session, false, now_ns));
    request.call.reply(&Nothing {}, &[]);
    Ok(())
}

pub fn state(request: Request) -> Result<(), Failure> {
    let Nothing {} = request.args()?;
    let state = request.agent.lease_state(request.session().number);
    request.call.reply(&state, &[]);
    Ok(())
}
