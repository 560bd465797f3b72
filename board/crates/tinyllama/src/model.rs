//! x
use std::ops::ControlFlow;
use npu_device::Accelerator;
use crate::{Config, ModelError, OperatorInfo, Tokenizer};
/// The three files of a model folder, borrowed (mapped) while loading.
#[derive(Clone, Copy, Debug)]
pub struct ModelFiles<'a> {
    /// config.json.
    pub config_json: &'a [u8],
    /// model.safetensors.
    pub safetensors: &'a [u8],
    /// tokenizer.model.
    pub tokenizer: &'a [u8],
}
/// Sizes of a loaded model, in the order of link.cddl's model-info (whose name the manifest knows).
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
    /// Parameter bytes read for one decoded token: weights as packed, scales, norms, one embedding row. Without KV cache.
    pub bytes_per_token: u64,
}
/// A model in device memory.
pub struct Model {}
impl Model {
    /// Reads, checks and packs.
    pub fn load(
        _files: ModelFiles<'_>,
        _accel: &mut dyn Accelerator,
        _progress: &mut dyn FnMut(u64, u64) -> ControlFlow<()>,
    ) -> Result<Self, ModelError> {
        todo!()
    }
    /// Sizes.
    pub fn info(&self) -> ModelInfo {
        todo!()
    }
    /// Configuration.
    pub fn config(&self) -> &Config {
        todo!()
    }
    /// Operators in order of execution.
    pub fn operators(&self) -> &[OperatorInfo] {
        todo!()
    }
    /// Tokenizer.
    pub fn tokenizer(&self) -> &Tokenizer {
        todo!()
    }
    /// Frees the device memory.
    pub fn unload(self, _accel: &mut dyn Accelerator) -> Result<(), ModelError> {
        todo!()
    }
}
