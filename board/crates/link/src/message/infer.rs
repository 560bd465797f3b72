//! infer.*: stepping through a forward pass.

use alloc::string::String;
use alloc::vec::Vec;
use minicbor::data::Type;
use minicbor::encode::{self, Write};
use minicbor::{Decode, Decoder, Encode, Encoder, decode};

use super::call::Handle;
use super::mem::{Dtype, Summary};
use crate::cbor::{Digest, Float, Nullable, text_enum};

/// infer.open.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct OpenArgs {
    /// The model.
    #[n(0)]
    pub model: Handle,
    /// Prompt.
    #[n(1)]
    pub prompt: Prompt,
    /// Sampling; greedy where it is missing.
    #[n(2)]
    pub sampling: Option<Sampling>,
}

/// A prompt: token ids, or text for the board's tokenizer (begin token first).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prompt {
    /// Token ids.
    Tokens(Vec<u32>),
    /// Text.
    Text(String),
}

impl<C> Encode<C> for Prompt {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, ctx: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Self::Tokens(tokens) => tokens.encode(e, ctx),
            Self::Text(text) => e.str(text)?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for Prompt {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        if d.datatype()? == Type::String {
            return Ok(Self::Text(String::from(d.str()?)));
        }
        Vec::decode(d, ctx).map(Self::Tokens)
    }
}

/// sampling.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct Sampling {
    /// Temperature, 0 greedy.
    #[n(0)]
    pub temperature: Float,
    /// Nucleus.
    #[n(1)]
    pub top_p: Float,
    /// Seed.
    #[n(2)]
    pub seed: u64,
}

/// Answer of infer.open.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct OpenResult {
    /// The inference.
    #[n(0)]
    pub handle: Handle,
    /// Where it stands.
    #[n(1)]
    pub state: InferenceState,
}

/// inference-state.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct InferenceState {
    /// Tokens whose forward pass is complete.
    #[n(0)]
    pub position: u32,
    /// Index of the next operator.
    #[n(1)]
    pub next_operator: u32,
    /// Last sampled token.
    #[n(2)]
    pub last_token: Nullable<u32>,
    /// All token ids.
    #[n(3)]
    pub tokens: Vec<u32>,
}

/// Where a step stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Until {
    /// After one operator.
    #[n(0)]
    Op,
    /// At a layer's end.
    #[n(1)]
    Layer,
    /// At a token's end.
    #[n(2)]
    Token,
    /// After the operator named.
    #[n(3)]
    Named,
}

/// infer.step.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct StepArgs {
    /// The inference.
    #[n(0)]
    pub handle: Handle,
    /// Where to stop.
    #[n(1)]
    pub until: Until,
    /// Operator's name for `Named`.
    #[n(2)]
    pub name: Option<String>,
}

/// Answer of infer.step (trace records are the body) and infer.rewind.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct StateResult {
    /// Where it stands.
    #[n(0)]
    pub state: InferenceState,
}

/// infer.generate.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct GenerateArgs {
    /// The inference.
    #[n(0)]
    pub handle: Handle,
    /// Most tokens.
    #[n(1)]
    pub max_tokens: u32,
    /// Sampling from here on; the one of infer.open where missing.
    #[n(2)]
    pub sampling: Option<Sampling>,
    /// Tokens that end it.
    #[n(3)]
    pub stop_tokens: Option<Vec<u32>>,
}

/// Payload of infer.generate's ITEMs; the token's trace records are the body.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GeneratedToken {
    /// Token id.
    #[n(0)]
    pub token: u32,
    /// Text it adds.
    #[n(1)]
    pub text: String,
}

text_enum! {
    /// Why a generation ended.
    StopReason {
        /// As many as asked for.
        MaxTokens => "maxTokens",
        /// A stop token.
        StopToken => "stopToken",
        /// The context is full.
        ContextFull => "contextFull",
        /// Cancelled.
        Cancelled => "cancelled",
    }
}

/// Answer of infer.generate.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct GenerateResult {
    /// Where it stands.
    #[n(0)]
    pub state: InferenceState,
    /// Why it ended.
    #[n(1)]
    pub reason: StopReason,
}

/// infer.tensor.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TensorArgs {
    /// The inference.
    #[n(0)]
    pub handle: Handle,
    /// Operator's name.
    #[n(1)]
    pub name: String,
    /// First element.
    #[n(2)]
    pub offset: u64,
    /// Elements, 0 = all that follow.
    #[n(3)]
    pub count: u64,
}

/// tensor-info.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TensorInfo {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Element type.
    #[n(1)]
    pub dtype: Dtype,
    /// Shape.
    #[n(2)]
    pub shape: Vec<u64>,
}

/// infer.replace; f32 values are the body.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReplaceArgs {
    /// The inference.
    #[n(0)]
    pub handle: Handle,
    /// Operator's name.
    #[n(1)]
    pub name: String,
    /// First element.
    #[n(2)]
    pub offset: u64,
}

/// infer.summary.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TensorSummaryArgs {
    /// The inference.
    #[n(0)]
    pub handle: Handle,
    /// Operator's name.
    #[n(1)]
    pub name: String,
    /// Blob of f32 values to compare with.
    #[n(2)]
    pub reference: Option<Digest>,
}

/// Answer of infer.summary.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
#[cbor(map)]
pub struct TensorSummaryResult {
    /// What it is.
    #[n(0)]
    pub info: TensorInfo,
    /// Its numbers.
    #[n(1)]
    pub summary: Summary,
}

/// Answer of infer.snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PositionResult {
    /// Position to rewind to.
    #[n(0)]
    pub position: u32,
}

/// infer.rewind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RewindArgs {
    /// The inference.
    #[n(0)]
    pub handle: Handle,
    /// Position from infer.snapshot.
    #[n(1)]
    pub position: u32,
}
