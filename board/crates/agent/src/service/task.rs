//! task.*: jobs of matrix products. Row-major operands are packed into scratch memory and unpacked when the job ends.
//!
//! Surprising: submit is answered when the device took the job; the device thread then waits for it and only
//! afterwards takes the next work, so later reads of C see the product.

use std::sync::Arc;

use link::ErrorCode;
use link::cbor::Nullable;
use link::message::call::OneHandle;
use link::message::task::{JobReport, Layout, Matmul, Operand, SubmitArgs, TaskReport};
use npu_device::layout::{a_bytes, b_bytes, c_bytes, pack_a, pack_b, padded_k, padded_n, unpack_c};
use npu_device::{Accelerator, BufferId, BufferRange, MatmulInt8, Operation};

use super::Request;
use super::mem::buffer;
use crate::call::Call;
use crate::failure::Failure;
use crate::handles::Object;
use crate::job::Job;
use crate::room::Room;
use crate::session::Session;
use crate::summary::check_range;
use crate::watch::Watched;

/// Operations of one job.
const MAX_OPERATIONS: usize = 4096;
/// Largest row-major operand: it is packed in memory of the agent's own.
const MAX_PACKED_BYTES: u64 = 1 << 30;
/// What a job may take on the device.
pub(super) const JOB_TIMEOUT_NS: u64 = 30_000_000_000;

/// An operation whose handles and sizes were checked.
#[derive(Clone, Copy)]
pub(super) struct Checked {
    m: usize,
    k: usize,
    n: usize,
    a: BufferRange,
    b: BufferRange,
    c: BufferRange,
    layout: Layout,
}

/// How large a product may be is the device's to say: the driver cuts what is too large for one task.
fn check(session: &Session, operation: &Matmul) -> Result<Checked, Failure> {
    let Matmul { m, k, n, layout, .. } = *operation;
    if m == 0 || k == 0 || n == 0 {
        return Err(Failure::bad_argument(format!("m {m}, k {k}, n {n}: none may be 0")));
    }
    let (wide_m, wide_k, wide_n) = (u64::from(m), u64::from(k), u64::from(n));
    let padded = [
        wide_m.div_ceil(4) * 4,
        wide_k.div_ceil(32) * 32,
        wide_n.div_ceil(16) * 16,
    ];
    let native = [
        padded[0].saturating_mul(padded[1]),
        padded[2].saturating_mul(padded[1]),
        padded[2].saturating_mul(wide_m).saturating_mul(4),
    ];
    if layout == Layout::RowMajor && native.iter().any(|&bytes| bytes > MAX_PACKED_BYTES) {
        return Err(Failure::new(
            ErrorCode::TooLarge,
            format!("m {m}, k {k}, n {n}: a row-major operand passes 1 GiB"),
        )
        .remedy("Split the product along m or n, or pass operands in the native layout."));
    }
    let plain = [wide_m * wide_k, wide_n * wide_k, (wide_m * wide_n).saturating_mul(4)];
    let wanted = if layout == Layout::Native { native } else { plain };
    let range = |operand: Operand, bytes: u64| {
        let (buffer, size_bytes) = buffer(session, operand.handle)?;
        check_range(operand.offset_bytes, bytes, size_bytes)?;
        Ok::<_, Failure>(BufferRange {
            buffer,
            offset: operand.offset_bytes,
        })
    };
    if layout == Layout::Native && (k % 32 != 0 || n % 16 != 0) {
        return Err(Failure::bad_argument(format!(
            "native layout: k {k} is no multiple of 32 or n {n} none of 16"
        )));
    }
    Ok(Checked {
        m: m as usize,
        k: k as usize,
        n: n as usize,
        a: range(operation.a, wanted[0])?,
        b: range(operation.b, wanted[1])?,
        c: range(operation.c, wanted[2])?,
        layout,
    })
}

/// Checks the operations of a job.
pub(super) fn check_all(request: &Request, operations: &[Matmul]) -> Result<Vec<Checked>, Failure> {
    if operations.is_empty() || operations.len() > MAX_OPERATIONS {
        return Err(Failure::bad_argument(format!(
            "a job has 1 to {MAX_OPERATIONS} operations"
        )));
    }
    let checked = operations.iter().map(|operation| check(request.session(), operation));
    checked.collect()
}

/// The command words that a job of these operations would run. Runs nothing.
pub(super) fn listing(room: &mut Room, checked: &[Checked]) -> Result<String, Failure> {
    let mut scratch = Vec::new();
    let listed = prepare(&mut room.accelerator, checked, &mut scratch)
        .and_then(|native| Ok(room.accelerator.disassemble_job(&operations(&native))?));
    scratch.into_iter().for_each(|id| room.free_buffer(id));
    listed
}

pub fn submit(request: Request) -> Result<(), Failure> {
    let SubmitArgs { operations } = request.args()?;
    let checked = check_all(&request, &operations)?;
    request.on_device(move |room, call, _| {
        let mut scratch = Vec::new();
        let result = run(room, call, &checked, &mut scratch);
        scratch.into_iter().for_each(|id| room.free_buffer(id));
        result
    })
}

fn read(device: &mut Watched, at: BufferRange, length: usize) -> Result<Vec<i8>, Failure> {
    let mut bytes = vec![0u8; length];
    device.read_memory(at, &mut bytes)?;
    Ok(bytes.into_iter().map(|byte| byte as i8).collect())
}

fn run(room: &mut Room, call: &Arc<Call>, checked: &[Checked], scratch: &mut Vec<BufferId>) -> Result<(), Failure> {
    let device = &mut room.accelerator;
    // Row-major operations of one job may feed each other through C, so each is a device job of its own.
    let chained = checked.iter().any(|operation| operation.layout == Layout::RowMajor);
    let batches: Vec<&[Checked]> = if chained {
        checked.chunks(1).collect()
    } else {
        vec![checked]
    };
    let mut batches = batches.into_iter();
    let Some(first) = batches.next() else { return Ok(()) };
    let native = prepare(device, first, scratch)?;
    let ticket = device.submit_task(&operations(&native))?;
    let job = Arc::new(Job::default());
    let handle = match call.session.insert(Object::Job(Arc::clone(&job))) {
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
        let _ = call.session.remove(handle);
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

fn operations(native: &[MatmulInt8]) -> Vec<Operation> {
    native.iter().copied().map(Operation::from).collect()
}

/// Native operations of a batch, packing what is row-major.
fn prepare(device: &mut Watched, batch: &[Checked], scratch: &mut Vec<BufferId>) -> Result<Vec<MatmulInt8>, Failure> {
    let mut place = |device: &mut Watched, bytes: usize| {
        let buffer = device.allocate_memory(bytes as u64)?;
        scratch.push(buffer);
        Ok::<_, Failure>(BufferRange { buffer, offset: 0 })
    };
    let mut native = Vec::with_capacity(batch.len());
    for &Checked {
        m,
        k,
        n,
        a,
        b,
        c,
        layout,
    } in batch
    {
        let (a, b, c) = match layout {
            Layout::Native => (a, b, c),
            Layout::RowMajor => {
                let packed_a = pack_a(&read(device, a, m * k)?, m, k);
                let packed_b = pack_b(&read(device, b, n * k)?, n, k);
                debug_assert!(packed_a.len() == a_bytes(m, k) && packed_b.len() == b_bytes(n, k));
                let to_a = place(device, packed_a.len())?;
                device.write_memory(to_a, &packed_a)?;
                let to_b = place(device, packed_b.len())?;
                device.write_memory(to_b, &packed_b)?;
                (to_a, to_b, place(device, c_bytes(m, n))?)
            }
        };
        native.push(MatmulInt8 {
            m: m as u32,
            k: padded_k(k) as u32,
            n: padded_n(n) as u32,
            a,
            b,
            c,
        });
    }
    Ok(native)
}

/// Waits, and unpacks what is row-major.
fn complete(
    device: &mut Watched,
    ticket: npu_device::JobTicket,
    batch: &[Checked],
    native: &[MatmulInt8],
) -> Result<JobReport, Failure> {
    let report = device.wait_for_completion(ticket, JOB_TIMEOUT_NS)?;
    for (operation, native) in batch.iter().zip(native) {
        if operation.layout == Layout::RowMajor {
            let mut bytes = vec![0u8; c_bytes(operation.m, operation.n)];
            device.read_memory(native.c, &mut bytes)?;
            let c = unpack_c(&bytes, operation.m, operation.n);
            let bytes: Vec<u8> = c.iter().flat_map(|value| value.to_le_bytes()).collect();
            device.write_memory(operation.c, &bytes)?;
        }
    }
    Ok(wire_report(&report))
}

pub(super) fn wire_report(report: &npu_device::JobReport) -> JobReport {
    let operations = report.operations.iter().map(|task| TaskReport {
        tasks: task.tasks,
        macs: task.macs,
        cycles: task.cycles,
        modelled_ns: Nullable(task.modelled_ns),
        data_read_bytes: task.traffic.data_read_bytes,
        weight_read_bytes: task.traffic.weight_read_bytes,
        written_bytes: task.traffic.written_bytes,
    });
    JobReport {
        operations: operations.collect(),
        modelled_ns: Nullable(report.modelled_ns),
        start_ticks: report.start_ticks,
        end_ticks: report.end_ticks,
        hardware_starts: report.hardware_starts,
    }
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
