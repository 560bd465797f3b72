//! blob.*: uploads and lists, all on the file thread so that a commit follows the puts before it.

use std::sync::Arc;

use link::ErrorCode;
use link::cbor::{Encoded, Nothing, to_vec};
use link::limits::MAX_BODY_BYTES;
use link::message::blob::{
    BeginArgs, BeginResult, BlobEntry, GcArgs, GcResult, HasArgs, HasResult, ImportArgs, ImportResult, ImportableFile,
    ImportableResult, ListResult, PinArgs, PutArgs,
};
use link::message::mem::OneDigest;
use link::message::model::LoadProgress;
use link::message::stream::{ProgressEvent, TOPIC_PROGRESS};

use super::Request;
use super::mem::check_cancel;
use crate::call::Call;
use crate::failure::Failure;
use crate::queue::guarded;
use crate::store::{BlobStore, Plan, import};

/// Bytes between two reports of a long call.
const PROGRESS_BYTES: u64 = 16 << 20;
/// Largest blob of digests: the bitmap of its chunks must fit the answer's 64 KiB of meta. 8 GiB in chunks of 16 KiB.
const MAX_LIST_BYTES: u64 = 16 << 20;

impl Request<'_> {
    /// Has `run` answer the call on the file thread.
    fn on_files(self, run: impl FnOnce(&BlobStore, &Call, &[u8]) -> Result<(), Failure> + Send + 'static) {
        let (store, call, frame) = (Arc::clone(&self.agent.store), self.call, self.frame);
        self.agent.files.push(move || {
            if !call.start() {
                return;
            }
            if let Some(Err(failure)) = guarded(Some(&call), || run(&store, &call, frame.view().body)) {
                call.fail(failure);
            }
        });
    }
}

pub fn has(request: Request) -> Result<(), Failure> {
    let HasArgs { digests } = request.args()?;
    request.on_files(move |store, call, _| {
        let present = digests.iter().map(|id| store.size_bytes(id).is_some()).collect();
        call.reply(&HasResult { present }, &[]);
        Ok(())
    });
    Ok(())
}

pub fn begin(request: Request) -> Result<(), Failure> {
    let BeginArgs {
        digest,
        size_bytes,
        chunk_bytes,
        chunk_digests,
        chunk_list,
    } = request.args()?;
    request.on_files(move |store, call, body| {
        let list = chunk_list
            .map(|list| store.read_small(&list, MAX_LIST_BYTES))
            .transpose()?;
        let digests = match &list {
            Some(list) if chunk_digests.is_empty() && body.is_empty() => list,
            Some(_) => return Err(Failure::bad_argument("the digests of the chunks come in two ways")),
            None if chunk_digests.is_empty() => body,
            None => &chunk_digests,
        };
        let plan = Plan::new(size_bytes, chunk_bytes, digests, MAX_BODY_BYTES)?;
        let bitmap = store.begin(*digest, plan)?;
        call.reply(&BeginResult { bitmap: bitmap.into() }, &[]);
        Ok(())
    });
    Ok(())
}

pub fn put(request: Request) -> Result<(), Failure> {
    let PutArgs { digest, index } = request.args()?;
    request.on_files(move |store, call, body| {
        store.put(&digest, index, body)?;
        call.reply(&Nothing {}, &[]);
        Ok(())
    });
    Ok(())
}

pub fn commit(request: Request) -> Result<(), Failure> {
    let OneDigest { digest } = request.args()?;
    let session = Arc::clone(request.session());
    request.on_files(move |store, call, _| {
        let mut told_bytes = 0;
        store.commit(&digest, &mut |done_bytes, total_bytes| {
            check_cancel(call, done_bytes)?;
            if done_bytes >= told_bytes + PROGRESS_BYTES {
                told_bytes = done_bytes;
                let progress = ProgressEvent {
                    call_id: call.id,
                    done_bytes,
                    total_bytes,
                };
                session.event(TOPIC_PROGRESS, Encoded(to_vec(&progress)));
            }
            Ok(())
        })?;
        call.reply(&Nothing {}, &[]);
        Ok(())
    });
    Ok(())
}

pub fn list(request: Request) -> Result<(), Failure> {
    let Nothing {} = request.args()?;
    request.on_files(|store, call, _| {
        let (blobs, used_bytes) = store.list()?;
        let entry = |blob: &crate::store::Blob| BlobEntry {
            digest: blob.id.into(),
            size_bytes: blob.size_bytes,
            pins: blob.pins,
            pinned: blob.kept.then_some(true),
        };
        let blobs = blobs.iter().map(entry).collect();
        call.reply(
            &ListResult {
                blobs,
                quota_bytes: store.quota_bytes(),
                used_bytes,
            },
            &[],
        );
        Ok(())
    });
    Ok(())
}

pub fn pin(request: Request) -> Result<(), Failure> {
    let PinArgs { digest, pinned } = request.args()?;
    request.on_files(move |store, call, _| {
        store.keep(&digest, pinned)?;
        call.reply(&Nothing {}, &[]);
        Ok(())
    });
    Ok(())
}

pub fn remove(request: Request) -> Result<(), Failure> {
    let OneDigest { digest } = request.args()?;
    request.on_files(move |store, call, _| {
        store.remove(&digest)?;
        call.reply(&Nothing {}, &[]);
        Ok(())
    });
    Ok(())
}

pub fn gc(request: Request) -> Result<(), Failure> {
    let GcArgs { free_bytes } = request.args()?;
    request.on_files(move |store, call, _| {
        let (freed_bytes, used_bytes) = store.collect(free_bytes, None)?;
        let result = GcResult {
            freed_bytes,
            used_bytes,
        };
        call.reply(&result, &[]);
        Ok(())
    });
    Ok(())
}

fn no_imports() -> Failure {
    Failure::new(ErrorCode::Unsupported, "this agent has no import folder").remedy("Start the agent with --import DIR.")
}

pub fn importable(request: Request) -> Result<(), Failure> {
    let Nothing {} = request.args()?;
    let folder = request.agent.imports.clone().ok_or_else(no_imports)?;
    request.on_files(move |_, call, _| {
        let files = import::list(&folder)?.into_iter();
        let files = files
            .map(|(name, size_bytes)| ImportableFile { name, size_bytes })
            .collect();
        call.reply(&ImportableResult { files }, &[]);
        Ok(())
    });
    Ok(())
}

pub fn import_file(request: Request) -> Result<(), Failure> {
    let ImportArgs { name } = request.args()?;
    let folder = request.agent.imports.clone().ok_or_else(no_imports)?;
    let path = import::find(&folder, &name)?;
    request.on_files(move |store, call, _| {
        let mut told_bytes = None;
        let (id, size_bytes) = store.import(&path, &mut |done_bytes, total_bytes| {
            check_cancel(call, done_bytes)?;
            if told_bytes.is_none_or(|told| done_bytes >= told + PROGRESS_BYTES) {
                told_bytes = Some(done_bytes);
                let progress = LoadProgress {
                    done_bytes,
                    total_bytes,
                };
                // Without credit a report is left out: the file thread waits for nobody.
                call.item(&progress, &[])?;
            }
            Ok(())
        })?;
        let result = ImportResult {
            digest: id.into(),
            size_bytes,
        };
        call.reply(&result, &[]);
        Ok(())
    });
    Ok(())
}
