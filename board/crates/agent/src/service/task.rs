//! task.*: jobs of matrix products. Row-major operands are packed into scratch memory and unpacked when the job ends.
//!
//! Surprising: submit is answered when the device took the job; the device thread then waits for it and only
//! afterwards takes the next work, so later reads of C see the product.

use std::sync::Arc;

use link::ErrorCode;
use link::cbor::Nullable;
use link::message::call::OneHandle;
use link::message::task::{JobReport, Layout, Matmul, Operand, SubmitArgs};
use npu_device::{Accelerator, BufferId, BufferRange, Operation};

use super::Request;
use super::mem::buffer;
use super::product::{self, Native, Product};
use crate::call::Call;
use crate::failure::Failure;
use crate::handles::Object;
use crate::job::{Job, outcome};
use crate::room::Room;
use crate::session::Session;
use crate::summary::check_range;
use crate::watch::Watched;

/// Operations of one job.
const MAX_OPERATIONS: usize = 4096;
/// Largest row-major operand: it is packed in memory of the agent's own.
const MAX_PACKED_BYTES: u64 = 1 << 30;

/// How large a product may be is the device's to say: the driver cuts what is too large for one task.
fn check(session: &Session, operation: &Matmul) -> Result<Product, Failure> {
    let Matmul { m, k, n, layout, .. } = *operation;
    if m == 0 || k == 0 || n == 0 {
        return Err(Failure::bad_argument(format!("m {m}, k {k}, n {n}: none may be 0")));
    }
    let native = product::native_bytes(operation);
    if layout == Layout::RowMajor && native.iter().any(|&bytes| bytes > MAX_PACKED_BYTES) {
        return Err(Failure::new(
            ErrorCode::TooLarge,
            format!("m {m}, k {k}, n {n}: a row-major operand passes 1 GiB"),
        )
        .remedy("Split the product along m or n, or pass operands in the native layout."));
    }
    let wanted = match layout {
        Layout::Native => native,
        Layout::RowMajor => product::plain_bytes(operation),
    };
    let range = |name: &str, operand: Operand, bytes: u64| {
        let (buffer, size_bytes) = buffer(session, operand.handle)?;
        let offset = operand.offset_bytes;
        let short = |_| format!("{name}: {bytes} bytes at offset {offset} pass the end of a buffer of {size_bytes}");
        check_range(offset, bytes, size_bytes).map_err(|why| Failure::bad_argument(short(why)))?;
        Ok::<_, Failure>(BufferRange {
            buffer,
            offset: operand.offset_bytes,
        })
    };
    let (k_step, n_step) = product::steps(operation.kind);
    if layout == Layout::Native && (!k.is_multiple_of(k_step) || !n.is_multiple_of(n_step)) {
        return Err(Failure::bad_argument(format!(
            "native layout: k {k} is no multiple of {k_step} or n {n} none of {n_step}"
        )));
    }
    Ok(Product {
        kind: operation.kind,
        m: m as usize,
        k: k as usize,
        n: n as usize,
        a: range("a", operation.a, wanted[0])?,
        b: range("b", operation.b, wanted[1])?,
        c: range("c", operation.c, wanted[2])?,
        layout,
    })
}

/// Checks the operations of a job.
pub(super) fn check_all(request: &Request, operations: &[Matmul]) -> Result<Vec<Product>, Failure> {
    if operations.is_empty() || operations.len() > MAX_OPERATIONS {
        return Err(Failure::bad_argument(format!(
            "a job has 1 to {MAX_OPERATIONS} operations"
        )));
    }
    let checked = operations.iter().map(|operation| check(request.session(), operation));
    checked.collect()
}

/// The command words that a job of these operations would run. Runs nothing.
pub(super) fn listing(room: &mut Room, checked: &[Product]) -> Result<String, Failure> {
    let mut scratch = Vec::new();
    let listed = prepare(&mut room.accelerator, checked, &mut scratch)
        .and_then(|native| Ok(room.accelerator.disassemble_job(&operations(&native))?));
    scratch.into_iter().for_each(|id| room.free_buffer(id));
    listed
}

pub fn submit(request: Request) -> Result<(), Failure> {
    let SubmitArgs { operations } = request.args()?;
    let checked = check_all(&request, &operations)?;
    let session = Arc::clone(request.session());
    request.on_device(move |room, call, _| {
        let mut scratch = Vec::new();
        let result = run(room, &session, call, &checked, &mut scratch);
        scratch.into_iter().for_each(|id| room.free_buffer(id));
        result
    })
}

fn read(device: &mut Watched, at: BufferRange, length: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = vec![0u8; length];
    device.read_memory(at, &mut bytes)?;
    Ok(bytes)
}

fn run(
    room: &mut Room,
    session: &Session,
    call: &Call,
    checked: &[Product],
    scratch: &mut Vec<BufferId>,
) -> Result<(), Failure> {
    let device = &mut room.accelerator;
    // Row-major operations of one job may feed each other through C, so each is a device job of its own.
    let chained = checked.iter().any(|operation| operation.layout == Layout::RowMajor);
    let batches: Vec<&[Product]> = if chained {
        checked.chunks(1).collect()
    } else {
        vec![checked]
    };
    let mut batches = batches.into_iter();
    let Some(first) = batches.next() else { return Ok(()) };
    let native = prepare(device, first, scratch)?;
    let ticket = device.submit_task(&operations(&native))?;
    let job = Arc::new(Job::default());
    let handle = match session.insert(Object::Job(Arc::clone(&job))) {
        Ok(handle) => Some(handle),
        Err((_, failure)) => {
            call.fail(failure);
            None
        }
    };
    if let Some(handle) = handle
        && !call.reply(&OneHandle { handle }, &[])
    {
        // Over before it was answered: nobody knows the handle.
        let _ = session.remove(handle);
    }
    let finish = || {
        let mut report = complete(device, ticket, first, &native)?;
        for batch in batches {
            let native = prepare(device, batch, scratch)?;
            let ticket = device.submit_task(&operations(&native))?;
            add(&mut report, complete(device, ticket, batch, &native)?);
        }
        Ok(report)
    };
    job.end(finish());
    Ok(())
}

fn operations(native: &[Native]) -> Vec<Operation> {
    native.iter().map(|native| native.operation.clone()).collect()
}

/// Native operations of a batch, packing what is row-major.
fn prepare(device: &mut Watched, batch: &[Product], scratch: &mut Vec<BufferId>) -> Result<Vec<Native>, Failure> {
    let mut place = |device: &mut Watched, bytes: usize| {
        let buffer = device.allocate_memory(bytes as u64)?;
        scratch.push(buffer);
        Ok::<_, Failure>(BufferRange { buffer, offset: 0 })
    };
    let mut native = Vec::with_capacity(batch.len());
    for product in batch {
        native.push(match product.layout {
            Layout::Native => product.on_device(product.a, product.b, product.c),
            Layout::RowMajor => {
                let a = product.pack_a(&read(device, product.a, product.a_bytes())?);
                let b = product.pack_b(&read(device, product.b, product.b_bytes())?);
                let to_a = place(device, a.len())?;
                device.write_memory(to_a, &a)?;
                let to_b = place(device, b.len())?;
                device.write_memory(to_b, &b)?;
                product.on_device(to_a, to_b, place(device, product.native_c_bytes())?)
            }
        });
    }
    Ok(native)
}

/// Waits, and unpacks what is row-major.
fn complete(
    device: &mut Watched,
    ticket: npu_device::JobTicket,
    batch: &[Product],
    native: &[Native],
) -> Result<JobReport, Failure> {
    let report = outcome(device, ticket)?;
    for (product, native) in batch.iter().zip(native) {
        if product.layout == Layout::RowMajor {
            let results = read(device, native.c, product.native_c_bytes())?;
            device.write_memory(product.c, &product.unpack_c(&results))?;
        }
    }
    Ok(report)
}

fn add(total: &mut JobReport, next: JobReport) {
    total.operations.extend(next.operations);
    total.modelled_ns = Nullable(total.modelled_ns.0.zip(next.modelled_ns.0).map(|(a, b)| a + b));
    total.end_ticks = next.end_ticks;
    total.hardware_starts += next.hardware_starts;
}

pub fn wait(request: Request) -> Result<(), Failure> {
    let OneHandle { handle } = request.args()?;
    match request.session().object(handle)? {
        Object::Job(job) => job.wait(request.call),
        other => {
            return Err(Failure::bad_argument(format!(
                "a Job is wanted, the handle is a {:?}",
                other.kind()
            )));
        }
    }
    Ok(())
}
