//! What goes into and comes out of a session's calls. Plain values; nothing here computes.

use crate::{Sampling, TraceRecord};

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
    /// One per executed operator; after a cancelled or failed step, that step's records come first.
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
    /// Sampling one of these ends the run; the token is still told and kept.
    pub stop_tokens: Vec<u32>,
}

/// One token of `generate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeneratedToken {
    /// Its id.
    pub token: u32,
    /// Text it completes; empty while a character is unfinished and for control tokens.
    pub text: String,
    /// Operators executed since the last token.
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
