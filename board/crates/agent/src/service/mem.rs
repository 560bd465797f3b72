//! mem.*: buffers of device memory. Ranges are checked against the handle before the device thread sees them.

use std::sync::Arc;

use link::ErrorCode;
use link::cbor::Nothing;
use link::message::call::{Handle, OneHandle};
use link::message::mem::{Alloc, FillArgs, OneDigest, RangeArgs, SummaryArgs, WriteArgs};
use npu_device::{Accelerator, BufferId, BufferRange};
use sha2::{Digest as _, Sha256};

use super::Request;
use crate::call::Call;
use crate::failure::Failure;
use crate::handles::Object;
use crate::room::Room;
use crate::session::Session;
use crate::summary::{check_range, summarize};
use crate::work::Work;

/// Bytes moved at a time between the device and a loop here; the call's cancel is looked at in between.
const PART_BYTES: u64 = 1 << 20;

/// The buffer behind a handle, and its size.
pub fn buffer(session: &Session, handle: Handle) -> Result<(BufferId, u64), Failure> {
    match session.object(handle)? {
        Object::Buffer { id, size_bytes } => Ok((id, size_bytes)),
        other => Err(Failure::bad_argument(format!(
            "a Buffer is wanted, the handle is a {:?}",
            other.kind()
        ))),
    }
}

pub fn alloc(request: Request) -> Result<(), Failure> {
    let Alloc { size_bytes } = request.args()?;
    if size_bytes == 0 {
        return Err(Failure::bad_argument("a buffer has at least one byte"));
    }
    let session = Arc::clone(request.session());
    session.reserve(size_bytes)?;
    let owner = Arc::clone(&session);
    let queued = request.on_device(move |room, call, _| {
        let made = room.accelerator.allocate_memory(size_bytes).map_err(Failure::from);
        let made = made.inspect_err(|_| owner.release(size_bytes))?;
        give_buffer(room, &owner, call, made, size_bytes)
    });
    if queued.is_err() {
        session.release(size_bytes);
    }
    queued
}

fn give_buffer(room: &mut Room, session: &Session, call: &Call, id: BufferId, size_bytes: u64) -> Result<(), Failure> {
    let undo = |room: &mut Room| {
        room.free_buffer(id);
        session.release(size_bytes);
    };
    let handle = match session.insert(Object::Buffer { id, size_bytes }) {
        Ok(handle) => handle,
        Err((_, failure)) => {
            undo(room);
            return Err(failure);
        }
    };
    // The call may be over (deadline): then nobody will ever free the buffer but us.
    if !call.reply(&OneHandle { handle }, &[]) && session.remove(handle).is_ok() {
        undo(room);
    }
    Ok(())
}

pub fn free(request: Request) -> Result<(), Failure> {
    let OneHandle { handle } = request.args()?;
    buffer(request.session(), handle)?;
    // Stale from here on; the memory goes when the device is done with what was queued before.
    let object = request.session().remove(handle)?;
    let (session, call) = (Arc::clone(request.session()), Arc::clone(&request.call));
    request.agent.to_device_always(Work::background(move |room| {
        if let Object::Buffer { size_bytes, .. } = object {
            session.release(size_bytes);
        }
        room.free(object);
        call.reply(&Nothing {}, &[]);
    }));
    Ok(())
}

pub fn write(request: Request) -> Result<(), Failure> {
    let WriteArgs { handle, offset_bytes } = request.args()?;
    let (id, size_bytes) = buffer(request.session(), handle)?;
    check_range(offset_bytes, request.frame.view().body.len() as u64, size_bytes)?;
    request.on_device(move |room, call, body| {
        room.accelerator.write_memory(
            BufferRange {
                buffer: id,
                offset: offset_bytes,
            },
            body,
        )?;
        call.reply(&Nothing {}, &[]);
        Ok(())
    })
}

pub fn read(request: Request) -> Result<(), Failure> {
    let RangeArgs {
        handle,
        offset_bytes,
        length_bytes,
    } = request.args()?;
    let (id, size_bytes) = buffer(request.session(), handle)?;
    check_range(offset_bytes, length_bytes, size_bytes)?;
    let most = request.session().facts().max_body_bytes as u64;
    if length_bytes > most {
        let cause = format!("{length_bytes} bytes asked for, one frame takes {most}");
        return Err(Failure::new(ErrorCode::TooLarge, cause).number("maxBody", most));
    }
    request.on_device(move |room, call, _| {
        let range = BufferRange {
            buffer: id,
            offset: offset_bytes,
        };
        let read = |into: &mut [u8]| room.accelerator.read_memory(range, into).map_err(Failure::from);
        call.reply_with(&Nothing {}, length_bytes as usize, read)?;
        Ok(())
    })
}

/// Offset and length of each part of a range.
fn parts(offset: u64, length: u64) -> impl Iterator<Item = (u64, usize)> {
    (0..length.div_ceil(PART_BYTES)).map(move |part| {
        let at = part * PART_BYTES;
        (offset + at, PART_BYTES.min(length - at) as usize)
    })
}

/// Ends a long call that was cancelled.
pub fn check_cancel(call: &Call, done_bytes: u64) -> Result<(), Failure> {
    if call.cancelled() {
        let failure = Failure::new(ErrorCode::Cancelled, format!("cancelled after {done_bytes} bytes"));
        return Err(failure.number("doneBytes", done_bytes));
    }
    Ok(())
}

pub fn fill(request: Request) -> Result<(), Failure> {
    let FillArgs {
        handle,
        offset_bytes,
        length_bytes,
        byte,
    } = request.args()?;
    let (id, size_bytes) = buffer(request.session(), handle)?;
    check_range(offset_bytes, length_bytes, size_bytes)?;
    request.on_device(move |room, call, _| {
        let pattern = vec![byte; PART_BYTES.min(length_bytes) as usize];
        for (offset, length) in parts(offset_bytes, length_bytes) {
            check_cancel(call, offset - offset_bytes)?;
            room.accelerator
                .write_memory(BufferRange { buffer: id, offset }, &pattern[..length])?;
        }
        call.reply(&Nothing {}, &[]);
        Ok(())
    })
}

pub fn digest(request: Request) -> Result<(), Failure> {
    let RangeArgs {
        handle,
        offset_bytes,
        length_bytes,
    } = request.args()?;
    let (id, size_bytes) = buffer(request.session(), handle)?;
    check_range(offset_bytes, length_bytes, size_bytes)?;
    request.on_device(move |room, call, _| {
        let (mut hash, mut bytes) = (Sha256::new(), vec![0; PART_BYTES.min(length_bytes) as usize]);
        for (offset, length) in parts(offset_bytes, length_bytes) {
            check_cancel(call, offset - offset_bytes)?;
            room.accelerator
                .read_memory(BufferRange { buffer: id, offset }, &mut bytes[..length])?;
            hash.update(&bytes[..length]);
        }
        let digest: [u8; 32] = hash.finalize().into();
        call.reply(&OneDigest { digest: digest.into() }, &[]);
        Ok(())
    })
}

pub fn summary(request: Request) -> Result<(), Failure> {
    let SummaryArgs {
        handle,
        offset_bytes,
        count,
        dtype,
    } = request.args()?;
    let (id, size_bytes) = buffer(request.session(), handle)?;
    check_range(offset_bytes, count.saturating_mul(dtype.size_bytes()), size_bytes)?;
    request.on_device(move |room, call, _| {
        let mut source = |at: u64, into: &mut [u8]| {
            check_cancel(call, at)?;
            let range = BufferRange {
                buffer: id,
                offset: offset_bytes + at,
            };
            room.accelerator.read_memory(range, into).map_err(Failure::from)
        };
        let summary = summarize(&mut source, count, dtype, None)?;
        call.reply(&summary, &[]);
        Ok(())
    })
}
