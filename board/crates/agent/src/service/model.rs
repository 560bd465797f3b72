//! model.*: a manifest's blobs become a model in device memory, shared by all who ask for the same manifest.

use std::ops::ControlFlow;
use std::sync::Arc;

use link::ErrorCode;
use link::cbor::{Nothing, Nullable};
use link::message::call::{Handle, OneHandle};
use link::message::mem::OneDigest;
use link::message::model::{LoadProgress, LoadResult, ModelInfo, Operator};
use tinyllama::{Model, ModelFiles};

use super::Request;
use crate::call::Call;
use crate::failure::Failure;
use crate::handles::{ModelId, Object};
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest};
use crate::mapped::map;
use crate::room::Room;
use crate::session::Session;
use crate::work::{Next, Work};

/// Operators of one ITEM.
const OPERATORS_PER_ITEM: usize = 128;
/// Progress is told when this part of the whole is new.
const PROGRESS_PARTS: u64 = 100;

/// The model behind a handle.
pub fn model(session: &Session, handle: Handle) -> Result<ModelId, Failure> {
    match session.object(handle)? {
        Object::Model(id) => Ok(id),
        other => Err(Failure::bad_argument(format!(
            "a Model is wanted, the handle is a {:?}",
            other.kind()
        ))),
    }
}

pub fn load(request: Request) -> Result<(), Failure> {
    let OneDigest { digest } = request.args()?;
    let session = Arc::clone(request.session());
    request.on_device(move |room, call, _| {
        let id: ModelId = *digest;
        let info = match room.reuse(id) {
            Some(info) => info,
            None => load_new(room, call, id)?,
        };
        let undo = |room: &mut Room| room.free(Object::Model(id));
        let handle = match session.insert(Object::Model(id)) {
            Ok(handle) => handle,
            Err((_, failure)) => {
                undo(room);
                return Err(failure);
            }
        };
        if !call.reply(&LoadResult { handle, info }, &[]) && session.remove(handle).is_ok() {
            undo(room);
        }
        Ok(())
    })
}

fn load_new(room: &mut Room, call: &Call, id: ModelId) -> Result<ModelInfo, Failure> {
    let manifest = Manifest::parse(&room.store.read_small(&id, MAX_MANIFEST_BYTES)?)?;
    for file in manifest.blobs() {
        match room.store.size_bytes(&file.id) {
            Some(size_bytes) if size_bytes == file.size_bytes => {}
            Some(size_bytes) => {
                let cause = format!("a blob has {size_bytes} bytes, the manifest says {}", file.size_bytes);
                return Err(Failure::new(ErrorCode::Corrupt, cause));
            }
            // The store names the blob in its error.
            None => drop(room.store.open_blob(&file.id)?),
        }
    }
    let mut blobs: Vec<_> = manifest.blobs().iter().map(|file| file.id).collect();
    blobs.push(id);
    let config = room.store.read_small(&manifest.config.id, MAX_MANIFEST_BYTES)?;
    let weights = map(&room.store.open_blob(&manifest.weights.id)?)?;
    let tokenizer = map(&room.store.open_blob(&manifest.tokenizer.id)?)?;
    let files = ModelFiles {
        config_json: &config,
        safetensors: &weights,
        tokenizer: &tokenizer,
    };
    let (mut told, mut failed) = (0, None);
    let mut progress = |done_bytes: u64, total_bytes: u64| {
        if call.cancelled() {
            return ControlFlow::Break(());
        }
        let part = (u128::from(done_bytes) * u128::from(PROGRESS_PARTS))
            .checked_div(u128::from(total_bytes))
            .unwrap_or(0);
        if part > told {
            // Without credit this step is not told; the next one says more anyway.
            match call.item(
                &LoadProgress {
                    done_bytes,
                    total_bytes,
                },
                &[],
            ) {
                Ok(_) => told = part,
                Err(failure) => failed = Some(failure),
            }
        }
        ControlFlow::Continue(())
    };
    let model = Model::load(files, &mut room.accelerator, &mut progress)?;
    if let Some(failure) = failed {
        model.unload(&mut room.accelerator)?;
        return Err(failure);
    }
    let sizes = model.info();
    let info = ModelInfo {
        name: manifest.name,
        layers: sizes.layers,
        hidden: sizes.hidden,
        intermediate: sizes.intermediate,
        heads: sizes.heads,
        kv_heads: sizes.kv_heads,
        vocabulary: sizes.vocabulary,
        context: sizes.context,
        weight_bytes: sizes.device_weight_bytes,
        bytes_per_token: sizes.bytes_per_token,
    };
    room.store.pin(&blobs);
    room.keep(id, model, info.clone(), blobs);
    Ok(info)
}

pub fn unload(request: Request) -> Result<(), Failure> {
    let OneHandle { handle } = request.args()?;
    model(request.session(), handle)?;
    let object = request.session().remove(handle)?;
    let call = Arc::clone(&request.call);
    request.agent.to_device_always(Work::background(move |room| {
        room.free(object);
        call.reply(&Nothing {}, &[]);
    }));
    Ok(())
}

pub fn operators(request: Request) -> Result<(), Failure> {
    let OneHandle { handle } = request.args()?;
    let id = model(request.session(), handle)?;
    let call = Arc::clone(&request.call);
    request.agent.to_device(list(call, id, 0))
}

fn list(call: Arc<Call>, id: ModelId, from: usize) -> Work {
    let owner = Arc::clone(&call);
    Work::for_call(&owner, move |room| {
        let mut at = from;
        loop {
            if call.cancelled() {
                call.fail(Failure::new(ErrorCode::Cancelled, "cancelled").number("operators", at as u64));
                return Next::Done;
            }
            match items(room, &call, id, at) {
                Ok(Some(0)) => {
                    call.reply(&Nothing {}, &[]);
                    return Next::Done;
                }
                Ok(Some(sent)) => at += sent,
                Ok(None) => return Next::Credited(list(Arc::clone(&call), id, at)),
                Err(failure) => {
                    call.fail(failure);
                    return Next::Done;
                }
            }
        }
    })
}

/// Sends the next operators; how many, or `None` where there is no credit.
fn items(room: &Room, call: &Call, id: ModelId, from: usize) -> Result<Option<usize>, Failure> {
    let operators = room.model(id)?.model.operators();
    let part = operators.get(from..).unwrap_or(&[]);
    let part = &part[..part.len().min(OPERATORS_PER_ITEM)];
    let wire = part.iter().map(|operator| Operator {
        name: operator.name.clone(),
        layer: Nullable(operator.layer),
        kind: operator.kind.name().into(),
        runs_on: operator.runs_on.name().into(),
        inner: operator.inner,
        outer: operator.outer,
    });
    if part.is_empty() || call.item(&wire.collect::<Vec<_>>(), &[])? {
        Ok(Some(part.len()))
    } else {
        Ok(None)
    }
}
