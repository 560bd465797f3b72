//! blob.*: uploads and lists, all on the file thread so that a commit follows the puts before it.

use std::sync::Arc;

use link::cbor::Nothing;
use link::limits::MAX_BODY_BYTES;
use link::message::blob::{BeginArgs, BeginResult, BlobEntry, HasArgs, HasResult, ListResult, PutArgs};
use link::message::mem::OneDigest;

use super::Request;
use crate::call::Call;
use crate::failure::Failure;
use crate::queue::guarded;
use crate::store::{BlobStore, Plan};

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
    } = request.args()?;
    request.on_files(move |store, call, body| {
        let digests = if chunk_digests.is_empty() { body } else { &chunk_digests };
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
    request.on_files(move |store, call, _| {
        store.commit(&digest)?;
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
            pinned: None,
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
