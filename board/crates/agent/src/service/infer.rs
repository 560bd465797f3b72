//! infer.*: stepping through a forward pass, reading and replacing what lies between operators.
//!
//! A generation runs one token at a time and queues itself again, so that other calls come in between; without credit
//! it waits outside the device thread.

use std::ops::ControlFlow;
use std::sync::Arc;

use link::ErrorCode;
use link::cbor::{Float, Nothing, Nullable};
use link::limits::MAX_BODY_BYTES;
use link::message::call::{Handle, OneHandle};
use link::message::infer as wire;
use link::message::mem::Dtype;
use tinyllama::{GenerateOptions, GeneratedToken, Inference, Sampling, StopReason, TensorData, TensorView, Until};
use tinyllama::{InferenceState, encode_records};

use super::Request;
use super::model::model;
use crate::call::Call;
use crate::failure::Failure;
use crate::handles::{InferenceId, ModelId, Object};
use crate::room::Room;
use crate::session::Session;
use crate::summary::summarize;
use crate::work::{Next, Work};

/// Largest reference blob of a summary.
const MAX_REFERENCE_BYTES: u64 = 256 << 20;

fn inference(session: &Session, handle: Handle) -> Result<InferenceId, Failure> {
    match session.object(handle)? {
        Object::Inference(id) => Ok(id),
        other => Err(Failure::bad_argument(format!(
            "an Inference is wanted, the handle is a {:?}",
            other.kind()
        ))),
    }
}

fn state(state: &InferenceState) -> wire::InferenceState {
    wire::InferenceState {
        position: state.position,
        next_operator: state.next_operator,
        last_token: Nullable(state.last_token),
        tokens: state.tokens.clone(),
    }
}

fn sampling(sampling: wire::Sampling) -> Sampling {
    let wire::Sampling {
        temperature: Float(temperature),
        top_p: Float(top_p),
        seed,
    } = sampling;
    Sampling {
        temperature: temperature as f32,
        top_p: top_p as f32,
        seed,
    }
}

pub fn open(request: Request) -> Result<(), Failure> {
    let wire::OpenArgs {
        model: handle,
        prompt,
        sampling: chosen,
    } = request.args()?;
    let id = model(request.session(), handle)?;
    let chosen = chosen.map_or(Sampling::GREEDY, sampling);
    let session = Arc::clone(request.session());
    request.on_device(move |room, call, _| {
        let loaded = room.model(id)?;
        let tokens = match prompt {
            wire::Prompt::Tokens(tokens) => tokens,
            wire::Prompt::Text(text) => loaded.model.tokenizer().encode(&text, true),
        };
        let inference = Inference::new(&loaded.model, &tokens, chosen)?;
        give(room, &session, call, id, inference)
    })
}

fn give(room: &mut Room, session: &Session, call: &Call, model: ModelId, inference: Inference) -> Result<(), Failure> {
    let start = state(&inference.state());
    let id = room.open(model, inference);
    let handle = match session.insert(Object::Inference(id)) {
        Ok(handle) => handle,
        Err((object, failure)) => {
            room.free(object);
            return Err(failure);
        }
    };
    if !call.reply(&wire::OpenResult { handle, state: start }, &[])
        && let Ok(object) = session.remove(handle)
    {
        room.free(object);
    }
    Ok(())
}

pub fn step(request: Request) -> Result<(), Failure> {
    let wire::StepArgs { handle, until, name } = request.args()?;
    let id = inference(request.session(), handle)?;
    let until = match (until, name) {
        (wire::Until::Op, None) => Until::Op,
        (wire::Until::Layer, None) => Until::Layer,
        (wire::Until::Token, None) => Until::Token,
        (wire::Until::Named, Some(name)) => Until::Named(name),
        _ => return Err(Failure::bad_argument("a name belongs to until 3 and to no other")),
    };
    request.on_device(move |room, call, _| {
        let (inference, loaded, device) = room.inference(id)?;
        match inference.step(&loaded.model, &until, device, &|| call.cancelled()) {
            Ok(outcome) => {
                call.reply(
                    &wire::StateResult {
                        state: state(&outcome.state),
                    },
                    &encode_records(&outcome.records),
                );
                Ok(())
            }
            Err(error) => Err(progress(error.into(), &inference.state())),
        }
    })
}

/// Where the session stands belongs to every failure of a step.
fn progress(failure: Failure, state: &InferenceState) -> Failure {
    failure
        .number("position", u64::from(state.position))
        .number("nextOperator", u64::from(state.next_operator))
}

pub fn generate(request: Request) -> Result<(), Failure> {
    let wire::GenerateArgs {
        handle,
        max_tokens,
        sampling: chosen,
        stop_tokens,
    } = request.args()?;
    let id = inference(request.session(), handle)?;
    let generation = Generation {
        call: Arc::clone(&request.call),
        id,
        left: max_tokens,
        made: 0,
        options: GenerateOptions {
            max_tokens: max_tokens.min(1),
            sampling: chosen.map(sampling),
            stop_tokens: stop_tokens.unwrap_or_default(),
        },
    };
    request.agent.to_device(generation.work())
}

struct Generation {
    call: Arc<Call>,
    id: InferenceId,
    left: u32,
    made: u64,
    options: GenerateOptions,
}

impl Generation {
    fn work(self) -> Work {
        let call = Arc::clone(&self.call);
        Work::for_call(&call, move |room| self.run(room))
    }

    fn run(self, room: &mut Room) -> Next {
        let call = Arc::clone(&self.call);
        match self.token(room) {
            Ok(next) => next,
            Err(failure) => {
                call.fail(failure);
                Next::Done
            }
        }
    }

    fn token(mut self, room: &mut Room) -> Result<Next, Failure> {
        let call = Arc::clone(&self.call);
        let (inference, loaded, device) = room.inference(self.id)?;
        if !call.may_go_on() {
            return Ok(Next::Credited(self.work()));
        }
        let mut made: Option<GeneratedToken> = None;
        let mut keep = |token| {
            made = Some(token);
            ControlFlow::Continue(())
        };
        let reason = match inference.generate(&loaded.model, &self.options, device, &|| call.cancelled(), &mut keep) {
            Ok(reason) => reason,
            Err(error) => return Err(self.stopped(error.into(), &inference.state())),
        };
        self.options.sampling = None;
        if let Some(token) = made {
            self.made += 1;
            self.left = self.left.saturating_sub(1);
            let payload = wire::GeneratedToken {
                token: token.token,
                text: token.text,
            };
            call.item(&payload, &encode_records(&token.records))?;
        }
        let reason = match reason {
            StopReason::MaxTokens if self.left > 0 => return Ok(Next::Again(self.work())),
            StopReason::MaxTokens => wire::StopReason::MaxTokens,
            StopReason::StopToken => wire::StopReason::StopToken,
            StopReason::ContextFull => wire::StopReason::ContextFull,
            StopReason::Cancelled => {
                let cause = format!("cancelled after {} tokens", self.made);
                return Err(self.stopped(Failure::new(ErrorCode::Cancelled, cause), &inference.state()));
            }
        };
        call.reply(
            &wire::GenerateResult {
                state: state(&inference.state()),
                reason,
            },
            &[],
        );
        Ok(Next::Done)
    }

    fn stopped(&self, failure: Failure, at: &InferenceState) -> Failure {
        progress(failure, at).number("tokens", self.made)
    }
}

fn info(name: &str, view: &TensorView) -> Result<wire::TensorInfo, Failure> {
    let dtype = Dtype::ALL.iter().copied().find(|dtype| dtype.name() == view.dtype());
    let dtype = dtype.ok_or_else(|| Failure::new(ErrorCode::Internal, format!("element type {}", view.dtype())))?;
    Ok(wire::TensorInfo {
        name: name.into(),
        dtype,
        shape: view.shape.iter().map(|&side| side as u64).collect(),
    })
}

pub fn tensor(request: Request) -> Result<(), Failure> {
    let wire::TensorArgs {
        handle,
        name,
        offset,
        count,
    } = request.args()?;
    let id = inference(request.session(), handle)?;
    request.on_device(move |room, call, _| {
        let view = room.inference(id)?.0.tensor(&name)?;
        let info = info(&name, &view)?;
        let all = view.elements() as u64;
        let wanted = if count == 0 { all.saturating_sub(offset) } else { count };
        if offset.checked_add(wanted).is_none_or(|end| end > all) {
            return Err(Failure::bad_argument(format!(
                "elements {offset} + {wanted} pass the end of a tensor of {all}"
            )));
        }
        let bytes = wanted * info.dtype.size_bytes();
        if bytes > MAX_BODY_BYTES as u64 {
            let cause = format!("{bytes} bytes asked for, one frame takes {MAX_BODY_BYTES}");
            return Err(
                Failure::new(ErrorCode::TooLarge, cause).remedy("Read the tensor in slices by offset and count.")
            );
        }
        let body = if wanted == 0 {
            Vec::new()
        } else {
            view.to_le_bytes(offset as usize, wanted as usize)?
        };
        call.reply(&info, &body);
        Ok(())
    })
}

pub fn replace(request: Request) -> Result<(), Failure> {
    let wire::ReplaceArgs { handle, name, offset } = request.args()?;
    let id = inference(request.session(), handle)?;
    if !request.frame.view().body.len().is_multiple_of(4) {
        return Err(Failure::bad_argument("the body is f32 values of 4 bytes each"));
    }
    let offset = usize::try_from(offset).map_err(|_| Failure::bad_argument("the offset passes the end"))?;
    request.on_device(move |room, call, body| {
        let values: Vec<f32> = body
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        room.inference(id)?.0.replace(&name, offset, &values)?;
        call.reply(&Nothing {}, &[]);
        Ok(())
    })
}

pub fn summary(request: Request) -> Result<(), Failure> {
    let wire::TensorSummaryArgs {
        handle,
        name,
        reference,
    } = request.args()?;
    let id = inference(request.session(), handle)?;
    request.on_device(move |room, call, _| {
        let store = Arc::clone(&room.store);
        let reference = reference
            .map(|id| store.read_small(&id, MAX_REFERENCE_BYTES))
            .transpose()?;
        let view = room.inference(id)?.0.tensor(&name)?;
        let info = info(&name, &view)?;
        let size = info.dtype.size_bytes() as usize;
        let mut source = |at: u64, into: &mut [u8]| {
            let from = at as usize / size;
            match view.data {
                TensorData::F32(values) => {
                    for (to, value) in into.chunks_exact_mut(4).zip(&values[from..]) {
                        to.copy_from_slice(&value.to_le_bytes());
                    }
                }
                TensorData::I8(values) => {
                    for (to, value) in into.iter_mut().zip(&values[from..]) {
                        *to = *value as u8;
                    }
                }
            }
            Ok(())
        };
        let summary = summarize(&mut source, view.elements() as u64, info.dtype, reference.as_deref())?;
        call.reply(&wire::TensorSummaryResult { info, summary }, &[]);
        Ok(())
    })
}

pub fn snapshot(request: Request) -> Result<(), Failure> {
    let OneHandle { handle } = request.args()?;
    let id = inference(request.session(), handle)?;
    request.on_device(move |room, call, _| {
        let position = room.inference(id)?.0.snapshot();
        call.reply(&wire::PositionResult { position }, &[]);
        Ok(())
    })
}

pub fn rewind(request: Request) -> Result<(), Failure> {
    let wire::RewindArgs { handle, position } = request.args()?;
    let id = inference(request.session(), handle)?;
    request.on_device(move |room, call, _| {
        let now = room.inference(id)?.0.rewind(position)?;
        call.reply(&wire::StateResult { state: state(&now) }, &[]);
        Ok(())
    })
}

pub fn close(request: Request) -> Result<(), Failure> {
    let OneHandle { handle } = request.args()?;
    inference(request.session(), handle)?;
    let object = request.session().remove(handle)?;
    let call = Arc::clone(&request.call);
    request.agent.to_device_always(Work::background(move |room| {
        room.free(object);
        call.reply(&Nothing {}, &[]);
    }));
    Ok(())
}
