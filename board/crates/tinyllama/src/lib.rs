//! TinyLlama on a matrix-product device: model files in, named operators and tokens out.
//!
//! ```text
//!   config.json ─┐
//!   safetensors ─┼─▶ Model ──▶ Inference ──▶ TraceRecord, Tensor, token
//!   tokenizer ───┘     │           │
//!                      └───────────┴──▶ npu_device::Accelerator (int8 products), npu_kernels (everything else)
//! ```
//!
//! Knows the Llama architecture, its file formats and the W8A8 arithmetic (weights per channel, activations per row).
//! Refuses to know which device it runs on, where files come from, and any wire format but the 72-byte trace record.
//! Surprising: the products of one fused job (`q/k/v`, `gate/up`) run when the first of them is stepped; the others
//! only publish, so a trace does not depend on how finely one steps.
#![forbid(unsafe_code)]

mod config;
mod cpu;
mod error;
mod inference;
mod job;
mod load;
mod model;
mod operators;
mod outputs;
mod quantify;
mod safetensors;
mod sampling;
mod session;
mod tensor;
mod tokenizer;
mod trace;

pub use config::Config;
pub use error::ModelError;
pub use inference::{Inference, TinyLlamaInference};
pub use model::{Model, ModelFiles, ModelInfo};
pub use operators::{OperatorInfo, OperatorKind, RunsOn};
pub use quantify::quantify;
pub use sampling::Sampling;
pub use session::{GenerateOptions, GeneratedToken, InferenceState, StepOutcome, StopReason, Until};
pub use tensor::{TensorData, TensorView};
pub use tokenizer::{StreamDecoder, Tokenizer};
pub use trace::{TRACE_RECORD_BYTES, TraceRecord, encode_records};
