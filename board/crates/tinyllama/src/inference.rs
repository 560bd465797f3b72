//! x
use std::ops::ControlFlow;
use npu_device::Accelerator;
use crate::{Model, ModelError, Sampling, TensorView, TraceRecord};

/// Where a step stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// After one operator.
    Op,
    /// After the next `mlp_residual` or `sample` (the first layer step also runs `embed_tokens`).
    Layer,
    /// After the next `sample`.
    Token,
    /// After the operator of this name.
    Named(String),
}

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InferenceState {
    /// Tokens whose forward pass is complete.
    pub position: u32,
    /// Index of the next operator.
    pub next_operator: u32,
    /// Token sampled last, `None` before the first.
    pub last_token: Option<u32>,
    /// Prompt and sampled tokens.
    pub tokens: Vec<u32>,
}

/// What a step did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepOutcome {
    /// One per executed operator (after a cancelled or failed step: also of that step).
    pub records: Vec<TraceRecord>,
    /// Where the session stands now.
    pub state: InferenceState,
}

/// What `generate` is asked.
#[derive(Clone, Debug, Default)]
pub struct GenerateOptions {
    /// Tokens to sample at most.
    pub max_tokens: u32,
    /// Replaces the session's sampling from here on.
    pub sampling: Option<Sampling>,
    /// Sampling one of these ends the run (it is still reported).
    pub stop_tokens: Vec<u32>,
}

/// One token of `generate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedToken {
    /// Its id.
    pub token: u32,
    /// Text it completes; empty while a character is unfinished and for control tokens.
    pub text: String,
    /// Operators executed for it.
    pub records: Vec<TraceRecord>,
}

/// Why `generate` ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// As many tokens as asked for.
    MaxTokens,
    /// A stop token was sampled.
    StopToken,
    /// No position is left.
    ContextFull,
    /// The caller cancelled; stepping or generating again goes on.
    Cancelled,
}

impl StopReason {
    /// Name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::MaxTokens => "maxTokens",
            Self::StopToken => "stopToken",
            Self::ContextFull => "contextFull",
            Self::Cancelled => "cancelled",
        }
    }
}

/// One sequence of tokens in a model.
pub struct Inference {}
/// Name of the brief.
pub type TinyLlamaInference = Inference;
impl Inference {
    /// Opens a session.
    pub fn new(_model: &Model, _prompt: &[u32], _sampling: Sampling) -> Result<Self, ModelError> {
        todo!()
    }
    /// Runs to the next stop.
    pub fn step(
        &mut self,
        _model: &Model,
        _until: &Until,
        _accel: &mut dyn Accelerator,
        _cancelled: &dyn Fn() -> bool,
    ) -> Result<StepOutcome, ModelError> {
        todo!()
    }
    /// Samples tokens.
    pub fn generate(
        &mut self,
        _model: &Model,
        _options: &GenerateOptions,
        _accel: &mut dyn Accelerator,
        _cancelled: &dyn Fn() -> bool,
        _on_token: &mut dyn FnMut(GeneratedToken) -> ControlFlow<()>,
    ) -> Result<StopReason, ModelError> {
        todo!()
    }
    /// Most recent output of an operator (or `<quantize operator>.scales`).
    pub fn tensor(&self, _name: &str) -> Result<TensorView<'_>, ModelError> {
        todo!()
    }
    /// Overwrites elements.
    pub fn replace(&mut self, _name: &str, _offset: usize, _values: &[f32]) -> Result<(), ModelError> {
        todo!()
    }
    /// Marks.
    pub fn snapshot(&self) -> u32 {
        todo!()
    }
    /// Rewinds.
    pub fn rewind(&mut self, _position: u32) -> Result<InferenceState, ModelError> {
        todo!()
    }
    /// State.
    pub fn state(&self) -> InferenceState {
        todo!()
    }
}
