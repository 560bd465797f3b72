//! A loaded model: weights in device memory, everything else in host memory.
//!
//! Knows where each operator's parameters lie. Refuses to know file names and its own name (the manifest has both).
//! Its sessions share one pair of device work buffers: the device runs one job at a time.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use npu_device::{Accelerator, BufferId};

use crate::operators::Plan;
use crate::safetensors::Dtype;
use crate::{Config, ModelError, OperatorInfo, Tokenizer, load};

/// The three files of a model folder, borrowed (mapped) while loading.
#[derive(Clone, Copy, Debug)]
pub struct ModelFiles<'a> {
    /// config.json.
    pub config_json: &'a [u8],
    /// model.safetensors: F32, F16, BF16, or compressed-tensors int8 (`weight` I8 and `weight_scale`).
    pub safetensors: &'a [u8],
    /// tokenizer.model (SentencePiece).
    pub tokenizer: &'a [u8],
}

/// Sizes of a loaded model, in the order of link.cddl's model-info after the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelInfo {
    /// Decoder layers.
    pub layers: u32,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Width of the MLP.
    pub intermediate: u32,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads.
    pub kv_heads: u32,
    /// Tokens.
    pub vocabulary: u32,
    /// Longest context.
    pub context: u32,
    /// Weight bytes in device memory, padding included.
    pub device_weight_bytes: u64,
    /// Parameter bytes read for one decoded token: packed weights, scales, norms, one embedding row. No KV cache.
    pub bytes_per_token: u64,
}

/// One linear layer: B packed on the device, one scale per output channel.
pub(crate) struct Linear {
    pub weights: BufferId,
    /// Output channels, unpadded.
    pub n: usize,
    /// Inner dimension, unpadded.
    pub k: usize,
    /// `[n]`
    pub scales: Vec<f32>,
}

/// What an operator needs beside its inputs.
pub(crate) enum Parameters {
    None,
    /// RMS norm, `[hidden]`
    Norm(Vec<f32>),
    Linear(Linear),
}

/// The embedding table `[vocabulary, hidden]`, kept in the file's type.
pub(crate) struct Embedding {
    pub dtype: Dtype,
    pub bytes: Vec<u8>,
}

/// Device buffers a job's activations and results lie in.
pub(crate) struct Work {
    pub a: BufferId,
    pub c: BufferId,
}

/// A model in device memory. Dropping it without [`Model::unload`] leaves that memory allocated.
pub struct Model {
    pub(crate) config: Config,
    pub(crate) tokenizer: Tokenizer,
    pub(crate) plan: Arc<Plan>,
    pub(crate) embedding: Embedding,
    /// By operator index.
    pub(crate) parameters: Vec<Parameters>,
    pub(crate) work: Work,
    /// Most rows of one pass.
    pub(crate) pass_rows: usize,
    pub(crate) info: ModelInfo,
    pub(crate) buffers: Vec<BufferId>,
}

impl fmt::Debug for Model {
    /// One line; weights are not printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (config, bytes) = (&self.config, self.info.device_weight_bytes);
        write!(
            f,
            "Model({} layers, hidden {}, {bytes} bytes on the device)",
            config.layers, config.hidden
        )
    }
}

impl Model {
    /// Reads, checks and packs the weights into device memory, 1 MiB at a time. Float linears are rounded to int8 per
    /// output channel on the way (`quantify`). `progress` gets done and total packed bytes; `Break` cancels.
    ///
    /// # Errors
    /// `corrupt`, `unsupported`, `outOfMemory`, `cancelled`, or what the device says. Nothing stays allocated then.
    pub fn load(
        files: ModelFiles<'_>,
        accel: &mut dyn Accelerator,
        progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Self, ModelError> {
        load::load(files, accel, progress)
    }

    /// Sizes.
    pub fn info(&self) -> ModelInfo {
        self.info
    }

    /// The configuration as read.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Operators in order of execution; a record's `operator` is an index into this.
    pub fn operators(&self) -> &[OperatorInfo] {
        &self.plan.operators
    }

    /// The model's tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        &self.tokenizer
    }

    /// Frees the device memory. All of it is tried; the first error is returned.
    pub fn unload(self, accel: &mut dyn Accelerator) -> Result<(), ModelError> {
        let mut result = Ok(());
        for buffer in self.buffers {
            result = result.and(accel.free_memory(buffer));
        }
        result.map_err(ModelError::from)
    }
}
