//! What the device thread owns: the accelerator, the loaded models, the open inferences. Nobody else touches them.
//!
//! Models are shared by the digest of their manifest and counted: one per handle, one per inference.

use std::collections::HashMap;
use std::sync::Arc;

use link::ErrorCode;
use link::message::model::ModelInfo;
use npu_device::{Accelerator, BufferId};
use tinyllama::{Inference, Model};

use crate::failure::Failure;
use crate::handles::{InferenceId, ModelId, Object};
use crate::job::{Job, outcome};
use crate::log::{Level, Log};
use crate::probe::{Captured, Probe};
use crate::store::{BlobId, BlobStore};
use crate::watch::Watched;

/// A model in device memory.
pub struct Loaded {
    /// The model.
    pub model: Model,
    /// What a peer is told.
    pub info: ModelInfo,
    /// Blobs it is made of, pinned.
    pub blobs: Vec<BlobId>,
    references: usize,
}

/// An inference and its model's name.
pub struct Open {
    /// The inference.
    pub inference: Inference,
    /// Its model.
    pub model: ModelId,
}

/// The device thread's property.
pub struct Room {
    /// The device.
    pub accelerator: Watched,
    /// Where models come from.
    pub store: Arc<BlobStore>,
    log: Arc<Log>,
    models: HashMap<ModelId, Loaded>,
    inferences: HashMap<InferenceId, Open>,
    next_inference: InferenceId,
    /// Between driver and device, where the back end has one.
    pub probe: Option<Probe>,
    /// Session whose starts are recorded.
    pub capturing: Option<u64>,
    /// Last recording of each session.
    pub captures: HashMap<u64, Captured>,
}

impl Room {
    /// A room with nothing loaded.
    pub fn new(accelerator: Watched, store: Arc<BlobStore>, log: Arc<Log>, probe: Option<Probe>) -> Self {
        Self {
            accelerator,
            store,
            log,
            models: HashMap::new(),
            inferences: HashMap::new(),
            next_inference: 0,
            probe,
            capturing: None,
            captures: HashMap::new(),
        }
    }

    /// Work of a session begins (`None`: nobody's): a recording attends to its own session only.
    pub fn enter(&self, session: Option<u64>) {
        if let Some(probe) = &self.probe {
            probe.attend(self.capturing.is_some() && self.capturing == session);
        }
    }

    /// A session is over: its recording goes with it.
    pub fn leave(&mut self, session: u64) {
        self.captures.remove(&session);
        if self.capturing == Some(session) {
            self.capturing = None;
            self.probe.iter().for_each(|probe| drop(probe.captured()));
        }
    }

    /// Takes one more reference to a model that is loaded already.
    pub fn reuse(&mut self, id: ModelId) -> Option<ModelInfo> {
        let loaded = self.models.get_mut(&id)?;
        loaded.references += 1;
        Some(loaded.info.clone())
    }

    /// Keeps a model with one reference; its blobs were pinned by the caller.
    pub fn keep(&mut self, id: ModelId, model: Model, info: ModelInfo, blobs: Vec<BlobId>) {
        self.models.insert(
            id,
            Loaded {
                model,
                info,
                blobs,
                references: 1,
            },
        );
    }

    /// A loaded model.
    pub fn model(&self, id: ModelId) -> Result<&Loaded, Failure> {
        self.models
            .get(&id)
            .ok_or_else(|| Failure::new(ErrorCode::StaleHandle, "the model was unloaded"))
    }

    /// Opens an inference, which takes a reference to its model.
    pub fn open(&mut self, model: ModelId, inference: Inference) -> InferenceId {
        if let Some(loaded) = self.models.get_mut(&model) {
            loaded.references += 1;
        }
        self.next_inference += 1;
        self.inferences.insert(self.next_inference, Open { inference, model });
        self.next_inference
    }

    /// An inference, its model and the device, all at once.
    pub fn inference(&mut self, id: InferenceId) -> Result<(&mut Inference, &Loaded, &mut Watched), Failure> {
        let stale = || Failure::new(ErrorCode::StaleHandle, "the inference was closed");
        let open = self.inferences.get_mut(&id).ok_or_else(stale)?;
        let loaded = self.models.get(&open.model).ok_or_else(stale)?;
        Ok((&mut open.inference, loaded, &mut self.accelerator))
    }

    /// Frees an object of a session.
    pub fn free(&mut self, object: Object) {
        match object {
            Object::Buffer { id, .. } => self.free_buffer(id),
            Object::Job(job) => self.finish(&job),
            Object::Model(id) => self.release(id),
            Object::Inference(id) => {
                if let Some(open) = self.inferences.remove(&id) {
                    self.release(open.model);
                }
            }
        }
    }

    /// Runs what a stepped job has left, so that the device is free again. Does nothing for other jobs.
    pub fn finish(&mut self, job: &Job) {
        if let Some(stepping) = job.take_stepping() {
            job.end(outcome(&mut self.accelerator, stepping.ticket));
        }
    }

    /// Frees device memory that the agent took; a failure is a defect worth a line.
    pub fn free_buffer(&mut self, id: BufferId) {
        if let Err(error) = self.accelerator.free_memory(id) {
            self.log.line(Level::Error, &format!("freeing {id:?}: {error}"));
        }
    }

    fn release(&mut self, id: ModelId) {
        let Some(loaded) = self.models.get_mut(&id) else { return };
        loaded.references -= 1;
        if loaded.references > 0 {
            return;
        }
        if let Some(loaded) = self.models.remove(&id) {
            self.store.unpin(&loaded.blobs);
            if let Err(error) = loaded.model.unload(&mut self.accelerator) {
                self.log
                    .line(Level::Error, &format!("unloading {}: {error}", loaded.info.name));
            }
        }
    }
}
