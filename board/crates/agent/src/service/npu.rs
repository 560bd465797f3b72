//! npu.*: the NPU by hand. Register names come from `npu-regs`, words go through the driver, steps and recordings through the
//! probe of the back end; a back end without one refuses them by name.

use std::sync::Arc;

use link::ErrorCode;
use link::cbor::{Nothing, Nullable};
use link::limits::MAX_BODY_BYTES;
use link::message::call::OneHandle;
use link::message::npu::*;
use npu_device::{Accelerator, BufferRange, Operation, RawCommands};
use npu_regs::Block;
use npu_regs::task::Mix;
use sha2::{Digest as _, Sha256};

use super::Request;
use super::mem::buffer;
use crate::call::Call;
use crate::failure::Failure;
use crate::handles::Object;
use crate::job::{Job, Stepping, outcome};
use crate::probe::Probe;
use crate::room::Room;
use crate::summary::check_range;

/// Words disassembled at a time.
const MAX_LISTED_WORDS: u32 = 8192;
/// Buffers that a job of command words may name.
const MAX_OPERANDS: usize = 64;

pub fn registers(request: Request) -> Result<(), Failure> {
    let RegistersArgs { block } = request.args()?;
    let blocks = Block::ALL.len();
    let wanted = Block::ALL.get(block as usize).copied();
    let wanted = wanted.ok_or_else(|| Failure::bad_argument(format!("block {block}: there are {blocks}")))?;
    let registers = wanted.registers().iter().map(|register| RegisterLine {
        offset: register.offset,
        name: register.name.into(),
        doc: register.doc.into(),
        source: register.source.into(),
        fields: register
            .fields
            .iter()
            .map(|field| FieldLine {
                name: field.name.into(),
                msb: u32::from(field.msb),
                lsb: u32::from(field.lsb),
                doc: field.doc.into(),
            })
            .collect(),
    });
    let result = RegisterBlock {
        name: wanted.name().into(),
        target: Nullable(wanted.target().map(u32::from)),
        base: wanted.base(),
        registers: registers.collect(),
        blocks: blocks as u32,
    };
    request.call.reply(&result, &[]);
    Ok(())
}

pub fn mixes(request: Request) -> Result<(), Failure> {
    let Nothing {} = request.args()?;
    let mixes = Mix::ALL.into_iter().map(|mix| MixLine {
        name: match mix {
            Mix::Convolution => "convolution",
            Mix::ConvolutionRdma => "convolutionRdma",
            Mix::Dpu => "dpu",
            Mix::Pooling => "pooling",
        }
        .into(),
        mask: mix.mask(),
        writes: mix.writes().map(|register| register.offset).collect(),
    });
    request.call.reply(&MixesResult { mixes: mixes.collect() }, &[]);
    Ok(())
}

pub fn address(request: Request) -> Result<(), Failure> {
    let OneHandle { handle } = request.args()?;
    let (id, _) = buffer(request.session(), handle)?;
    request.on_device(move |room, call, _| {
        let address = room.accelerator.device_address(id)?;
        call.reply(&AddressResult { address }, &[]);
        Ok(())
    })
}

pub fn submit(request: Request) -> Result<(), Failure> {
    let args: SubmitWordsArgs = request.args()?;
    let (id, size_bytes) = buffer(request.session(), args.handle)?;
    check_range(args.offset_bytes, u64::from(args.words) * 8, size_bytes)?;
    if args.operands.len() > MAX_OPERANDS {
        return Err(Failure::bad_argument(format!("operands: at most {MAX_OPERANDS}")));
    }
    let operands = args
        .operands
        .iter()
        .map(|handle| Ok(buffer(request.session(), *handle)?.0));
    let commands = RawCommands {
        commands: BufferRange {
            buffer: id,
            offset: args.offset_bytes,
        },
        words: args.words,
        tasks: args.tasks,
        interrupt_mask: args.interrupt_mask,
        operands: operands.collect::<Result<_, Failure>>()?,
    };
    let stepped = args.stepped;
    let session = Arc::clone(request.session());
    request.on_device(move |room, call, _| {
        if stepped {
            probe(room)?;
        }
        let tasks = commands.tasks;
        let ticket = room.accelerator.submit_task(&[Operation::from(commands)])?;
        let job = Arc::new(if stepped {
            Job::stepped(Stepping { ticket, tasks, done: 0 })
        } else {
            Job::default()
        });
        match session.insert(Object::Job(Arc::clone(&job))) {
            Ok(handle) => {
                if !call.reply(&OneHandle { handle }, &[]) {
                    // Over before it was answered: nobody knows the handle.
                    let _ = session.remove(handle);
                    room.finish(&job);
                }
            }
            Err((_, failure)) => {
                call.fail(failure);
                room.finish(&job);
            }
        }
        if !stepped {
            job.end(outcome(&mut room.accelerator, ticket));
        } else if let Ok(probe) = probe(room) {
            // Costs of earlier tasks belong to others.
            probe.new_costs();
        }
        Ok(())
    })
}

fn probe(room: &Room) -> Result<&Probe, Failure> {
    room.probe.as_ref().ok_or_else(|| {
        Failure::new(
            ErrorCode::Unsupported,
            "this back end has no probe: no steps, counters or recordings",
        )
        .remedy("Connect to sim:rk3568.")
    })
}

fn job_of(request: &Request) -> Result<Arc<Job>, Failure> {
    let OneHandle { handle } = request.args()?;
    match request.session().object(handle)? {
        Object::Job(job) => Ok(job),
        other => Err(Failure::bad_argument(format!(
            "a Job is wanted, the handle is a {:?}",
            other.kind()
        ))),
    }
}

pub fn step(request: Request) -> Result<(), Failure> {
    let job = job_of(&request)?;
    request.on_device(move |room, call, _| {
        let Some(stepping) = job.take_stepping() else {
            return Err(Failure::bad_argument(
                "the job has ended, or was not submitted to be stepped",
            ));
        };
        let probe = probe(room)?.clone();
        probe.advance();
        let cost = probe.new_costs().first().copied();
        let counters = probe.counters();
        let (task, tasks) = (stepping.done, stepping.tasks);
        let over = cost.is_none() || task + 1 >= tasks;
        if over {
            let outcome = outcome(&mut room.accelerator, stepping.ticket);
            job.end(outcome.clone());
            if cost.is_none() {
                outcome?;
            }
        } else {
            job.put_stepping(Stepping {
                done: task + 1,
                ..stepping
            });
        }
        let Some(cost) = cost else {
            return Err(Failure::bad_argument(
                "the job ran to its end while another one was waited for",
            ));
        };
        let result = StepResult {
            task,
            tasks,
            cycles: cost.cycles,
            modelled_ns: cost.modelled_ns,
            data_read_bytes: cost.traffic.data_read_bytes,
            weight_read_bytes: cost.traffic.weight_read_bytes,
            written_bytes: cost.traffic.written_bytes,
            counters: wire_counters(&counters),
        };
        call.reply(&result, &[]);
        Ok(())
    })
}

fn wire_counters(counters: &crate::probe::Counters) -> CountersResult {
    CountersResult {
        data_written: counters.data_written,
        data_read: counters.data_read,
        weights_read: counters.weights_read,
        tasks_done: counters.tasks_done,
        interrupts_raw: counters.interrupts_raw,
        interrupts: counters.interrupts,
    }
}

pub fn counters(request: Request) -> Result<(), Failure> {
    let Nothing {} = request.args()?;
    request.on_device(move |room, call, _| {
        let counters = probe(room)?.counters();
        call.reply(&wire_counters(&counters), &[]);
        Ok(())
    })
}

pub fn disassemble(request: Request) -> Result<(), Failure> {
    let DisassembleArgs {
        handle,
        offset_bytes,
        words,
    } = request.args()?;
    if words == 0 || words > MAX_LISTED_WORDS {
        return Err(Failure::bad_argument(format!("words {words}: 1 to {MAX_LISTED_WORDS}")));
    }
    let (id, size_bytes) = buffer(request.session(), handle)?;
    check_range(offset_bytes, u64::from(words) * 8, size_bytes)?;
    request.on_device(move |room, call, _| {
        let mut bytes = vec![0; words as usize * 8];
        let range = BufferRange {
            buffer: id,
            offset: offset_bytes,
        };
        room.accelerator.read_memory(range, &mut bytes)?;
        let lines = bytes
            .chunks_exact(8)
            .map(|word| npu_regs::disassemble(npu_tool::find::word(word)) + "\n");
        text(call, &lines.collect::<String>());
        Ok(())
    })
}

/// Answers with a text.
fn text(call: &Call, text: &str) {
    call.reply(&Nothing {}, text.as_bytes());
}

pub fn listing(request: Request) -> Result<(), Failure> {
    let ListingArgs { operations } = request.args()?;
    let checked = super::task::check_all(&request, &operations)?;
    request.on_device(move |room, call, _| {
        let listing = super::task::listing(room, &checked)?;
        text(call, &listing);
        Ok(())
    })
}

pub fn capture(request: Request) -> Result<(), Failure> {
    let Nothing {} = request.args()?;
    request.on_device(move |room, call, _| {
        probe(room)?;
        let session = call.session;
        if room.capturing.is_some_and(|other| other != session) {
            return Err(Failure::new(ErrorCode::Busy, "another session records"));
        }
        room.capturing = Some(session);
        room.captures.remove(&session);
        probe(room)?.capture();
        call.reply(&Nothing {}, &[]);
        Ok(())
    })
}

pub fn captured(request: Request) -> Result<(), Failure> {
    let Nothing {} = request.args()?;
    request.on_device(move |room, call, _| {
        let session = call.session;
        if room.capturing != Some(session) {
            return Err(
                Failure::new(ErrorCode::NotFound, "this session records nothing").remedy("Call npu.capture first.")
            );
        }
        room.capturing = None;
        let captured = probe(room)?.captured();
        let captured = captured.ok_or_else(|| Failure::new(ErrorCode::NotFound, "the recording was lost"))?;
        let captured = captured.map_err(|_| {
            Failure::new(ErrorCode::TooLarge, "the recording passed 512 MiB")
                .remedy("Record fewer operators at a time.")
        })?;
        let files = captured.files.iter().map(|(name, bytes)| CapturedFile {
            name: name.clone(),
            size_bytes: bytes.len() as u64,
            digest: digest(bytes).into(),
        });
        let result = CapturedResult {
            submits: captured.submits as u32,
            files: files.collect(),
        };
        room.captures.insert(session, captured);
        call.reply(&result, &[]);
        Ok(())
    })
}

fn digest(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

pub fn capture_file(request: Request) -> Result<(), Failure> {
    let CaptureFileArgs {
        name,
        offset_bytes,
        length_bytes,
    } = request.args()?;
    if length_bytes > MAX_BODY_BYTES as u64 {
        let cause = format!("{length_bytes} bytes asked for, one frame takes {MAX_BODY_BYTES}");
        return Err(Failure::new(ErrorCode::TooLarge, cause).number("maxBody", MAX_BODY_BYTES as u64));
    }
    request.on_device(move |room, call, _| {
        let captured = room.captures.get(&call.session);
        let file = captured.and_then(|captured| captured.files.iter().find(|(known, _)| *known == name));
        let (_, bytes) = file.ok_or_else(|| Failure::new(ErrorCode::NotFound, format!("no recorded file {name:?}")))?;
        check_range(offset_bytes, length_bytes, bytes.len() as u64)?;
        let part = &bytes[offset_bytes as usize..(offset_bytes + length_bytes) as usize];
        call.reply(
            &CaptureFileResult {
                digest: digest(bytes).into(),
            },
            part,
        );
        Ok(())
    })
}
