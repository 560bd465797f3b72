//! One sequence of tokens stepped through a model, operator by operator.
//!
//! Knows the order of operators, the KV cache and which outputs are kept; refuses to know threads, clocks and wires:
//! the caller lends the accelerator and a cancel question for the length of a call.
//! A *pass* runs up to 512 pending tokens as rows at once: the whole prompt first, then one token at a time. `norm` and
//! later run on the last row of the last pass of a prompt alone.
//! Surprising: a snapshot is only a position. Keys and values are append-only and draws are counted, so rewinding
//! truncates and the same steps give the same bytes again.

mod inspect;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use npu_device::Accelerator;

use crate::cpu::{self, Cost, KvCache};
use crate::job::{self, internal};
use crate::operators::{OperatorKind, Plan, RunsOn};
use crate::outputs::Outputs;
use crate::session::{GenerateOptions, GeneratedToken, InferenceState, StepOutcome, StopReason, Until};
use crate::tensor::{Tensor, Values};
use crate::{Model, ModelError, Sampling, StreamDecoder, TraceRecord};

/// One sequence of tokens in a model. All of its state lies in host memory, so dropping it frees everything.
pub struct Inference {
    plan: Arc<Plan>,
    sampling: Sampling,
    vocabulary: u32,
    positions: u32,
    heads: [usize; 3],
    prompt_tokens: usize,
    /// Prompt and sampled tokens; always longer than `position`.
    tokens: Vec<u32>,
    /// Tokens whose keys and values of all layers are cached.
    position: usize,
    /// Rows of the pass under way; `None` before `embed_tokens`.
    pass_rows: Option<usize>,
    next: usize,
    outputs: Outputs,
    /// By layer.
    caches: Vec<KvCache>,
    /// Outputs of a fused job that their own operators have not published yet.
    pending: BTreeMap<usize, (Tensor, TraceRecord)>,
    /// Records of a cancelled or failed step, handed out with the next one.
    unsent: Vec<TraceRecord>,
    /// `None` after a rewind: the sampled tokens that stay are decoded again before the next one.
    decoder: Option<StreamDecoder>,
    last_text: String,
}

/// The brief's name of [`Inference`].
pub type TinyLlamaInference = Inference;

impl fmt::Debug for Inference {
    /// One line; outputs and caches are not printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Inference({} tokens, position {}, next operator {})",
            self.tokens.len(),
            self.position,
            self.next
        )
    }
}

impl Inference {
    /// Opens a session at the start of `prompt`; nothing runs yet.
    ///
    /// # Errors
    /// `badArgument` for an empty prompt, an unknown token or impossible sampling; `tooLarge` where the prompt is longer
    /// than the context.
    pub fn new(model: &Model, prompt: &[u32], sampling: Sampling) -> Result<Self, ModelError> {
        sampling.check()?;
        let config = model.config();
        if prompt.is_empty() {
            return Err(ModelError::BadArgument("the prompt has no token".into()));
        }
        if let Some(token) = prompt.iter().find(|&&token| token >= config.vocabulary) {
            let vocabulary = config.vocabulary;
            return Err(ModelError::BadArgument(format!(
                "token {token} of the prompt; the model has {vocabulary}"
            )));
        }
        if prompt.len() > config.positions as usize {
            return Err(ModelError::ContextFull {
                positions: config.positions,
            });
        }
        Ok(Self {
            plan: Arc::clone(&model.plan),
            sampling,
            vocabulary: config.vocabulary,
            positions: config.positions,
            heads: [
                config.heads as usize,
                config.kv_heads as usize,
                config.head_dim as usize,
            ],
            prompt_tokens: prompt.len(),
            tokens: prompt.to_vec(),
            position: 0,
            pass_rows: None,
            next: 0,
            outputs: Outputs::new(model.plan.operators.len()),
            caches: vec![KvCache::default(); config.layers as usize],
            pending: BTreeMap::new(),
            unsent: Vec::new(),
            decoder: None,
            last_text: String::new(),
        })
    }

    /// Round-to-nearest int8 per output channel: [`crate::quantify`], under the brief's name.
    ///
    /// # Panics
    /// When `weights` is not exactly `rows * width` long.
    pub fn quantify(weights: &[f32], rows: usize, width: usize) -> (Vec<i8>, Vec<f32>) {
        crate::quantify(weights, rows, width)
    }

    /// Runs to the next stop. `cancelled` is asked before every operator.
    ///
    /// # Errors
    /// After any error the session stands before the operator that did not run, and stepping again goes on there; the
    /// records of what ran come with the next outcome. `cancelled`; `tooLarge` where no position is left; `notFound` for
    /// an unknown name; `badArgument` for another model than the session's; else what the device says.
    pub fn step(
        &mut self,
        model: &Model,
        until: &Until,
        accel: &mut dyn Accelerator,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<StepOutcome, ModelError> {
        if !Arc::ptr_eq(&self.plan, &model.plan) {
            return Err(ModelError::BadArgument("the session belongs to another model".into()));
        }
        let named = match until {
            Until::Named(name) => Some(self.find(name)?),
            _ => None,
        };
        loop {
            if cancelled() {
                return Err(ModelError::Cancelled);
            }
            let index = self.next;
            self.operator(model, accel)?;
            let stop = match until {
                Until::Op => true,
                Until::Layer => self.plan.ends_layer(index),
                Until::Token => index + 1 == self.plan.operators.len(),
                Until::Named(_) => Some(index) == named,
            };
            if stop {
                return Ok(StepOutcome {
                    records: std::mem::take(&mut self.unsent),
                    state: self.state(),
                });
            }
        }
    }

    /// Samples up to `max_tokens` tokens, telling each; `Break` or `cancelled` ends the run after whole operators.
    ///
    /// # Errors
    /// As [`Inference::step`], but cancelling and a full context are stop reasons here.
    pub fn generate(
        &mut self,
        model: &Model,
        options: &GenerateOptions,
        accel: &mut dyn Accelerator,
        cancelled: &dyn Fn() -> bool,
        on_token: &mut dyn FnMut(GeneratedToken) -> ControlFlow<()>,
    ) -> Result<StopReason, ModelError> {
        if let Some(sampling) = options.sampling {
            sampling.check()?;
            self.sampling = sampling;
        }
        for _ in 0..options.max_tokens {
            let outcome = match self.step(model, &Until::Token, accel, cancelled) {
                Ok(outcome) => outcome,
                Err(ModelError::Cancelled) => return Ok(StopReason::Cancelled),
                Err(ModelError::ContextFull { .. }) => return Ok(StopReason::ContextFull),
                Err(error) => return Err(error),
            };
            let Some(token) = outcome.state.last_token else {
                return Err(internal("a token step ended without a token"));
            };
            let text = self.last_text.clone();
            if on_token(GeneratedToken {
                token,
                text,
                records: outcome.records,
            })
            .is_break()
            {
                return Ok(StopReason::Cancelled);
            }
            if options.stop_tokens.contains(&token) {
                return Ok(StopReason::StopToken);
            }
        }
        Ok(StopReason::MaxTokens)
    }

    /// The position to rewind to in order to be here again. Costs nothing; within a pass it is the pass' beginning.
    pub fn snapshot(&self) -> u32 {
        self.position as u32
    }

    /// Goes back to when `position` tokens were complete: later sampled tokens, keys, values and all outputs are dropped,
    /// prompt tokens and the token sampled at `position` stay. Effects of replaced outputs on kept keys and values stay.
    ///
    /// # Errors
    /// `badArgument` for a position the session has not reached.
    pub fn rewind(&mut self, position: u32) -> Result<InferenceState, ModelError> {
        let to = position as usize;
        if to > self.position {
            return Err(ModelError::BadArgument(format!(
                "position {position} lies after the session's {}",
                self.position
            )));
        }
        self.tokens.truncate(self.prompt_tokens.max(to + 1));
        let [_, kv_heads, head_dim] = self.heads;
        for cache in &mut self.caches {
            cache.keys.truncate(to * kv_heads * head_dim);
            cache.values.truncate(to * kv_heads * head_dim);
        }
        self.position = to;
        self.pass_rows = None;
        self.next = 0;
        self.pending.clear();
        self.outputs.clear();
        self.decoder = None;
        Ok(self.state())
    }

    /// Where the session stands.
    pub fn state(&self) -> InferenceState {
        InferenceState {
            position: self.position as u32,
            next_operator: self.next as u32,
            last_token: self.tokens[self.prompt_tokens..].last().copied(),
            tokens: self.tokens.clone(),
        }
    }

    /// Runs the next operator and keeps its output and record.
    fn operator(&mut self, model: &Model, accel: &mut dyn Accelerator) -> Result<(), ModelError> {
        let index = self.next;
        let rows = self.rows(model.pass_rows)?;
        let plan = Arc::clone(&self.plan);
        let start_ticks = accel.now_ticks();
        let (tensor, cost) = match plan.operators[index].kind {
            OperatorKind::Matmul => return self.product(model, accel),
            OperatorKind::Embed => cpu::embed(
                model,
                &self.tokens[self.position..self.position + rows],
                self.position as u32,
            ),
            OperatorKind::Attention => {
                let layer = plan.operators[index].layer.unwrap_or_default() as usize;
                let [rotated, values] = [0, 1].map(|input| self.outputs.get(plan.inputs[index][input]));
                let (Some(rotated), Some(values)) = (rotated, values) else {
                    return Err(lost_input());
                };
                cpu::attention(model, rotated, values, &mut self.caches[layer])?
            }
            OperatorKind::Sample => self.sample(model)?,
            _ => {
                let inputs: Option<Vec<&Tensor>> = plan.inputs[index]
                    .iter()
                    .map(|&input| self.outputs.get(input))
                    .collect();
                cpu::run(model, index, &inputs.ok_or_else(lost_input)?)?
            }
        };
        let record = TraceRecord {
            operator: index as u32,
            position: tensor.first_position,
            rows: tensor.rows as u32,
            runs_on: RunsOn::Cpu,
            start_ticks,
            end_ticks: accel.now_ticks(),
            modelled_ns: None,
            cycles: 0,
            bytes_read: cost.bytes_read,
            bytes_written: cost.bytes_written,
            macs: cost.macs,
            job_overhead_ns: 0,
        };
        self.publish(index, tensor, record);
        Ok(())
    }

    /// Rows of the pass under way, or of the one that begins now.
    fn rows(&mut self, most: usize) -> Result<usize, ModelError> {
        if let Some(rows) = self.pass_rows {
            return Ok(rows);
        }
        if self.tokens.len() > self.positions as usize {
            return Err(ModelError::ContextFull {
                positions: self.positions,
            });
        }
        let rows = (self.tokens.len() - self.position).min(most);
        self.pass_rows = Some(rows);
        Ok(rows)
    }

    /// Publishes a product, running it and those fused with it first where that has not happened.
    fn product(&mut self, model: &Model, accel: &mut dyn Accelerator) -> Result<(), ModelError> {
        let index = self.next;
        if !self.pending.contains_key(&index) {
            let fused = self.plan.fused(index);
            let input = self.outputs.get(self.plan.inputs[index][0]).ok_or_else(lost_input)?;
            let outputs = job::run(model, fused.clone(), input, accel)?;
            self.pending = fused.zip(outputs).collect();
        }
        let (tensor, record) = self.pending.remove(&index).ok_or_else(lost_input)?;
        self.publish(index, tensor, record);
        Ok(())
    }

    fn sample(&mut self, model: &Model) -> Result<(Tensor, Cost), ModelError> {
        let logits = self
            .outputs
            .get(self.plan.inputs[self.next][0])
            .ok_or_else(lost_input)?;
        let draw = (self.tokens.len() - self.prompt_tokens) as u64 + 1;
        let token = self.sampling.pick(logits.f32(), draw)?;
        let cost = Cost {
            bytes_read: (logits.f32().len() * 4) as u64,
            bytes_written: 4,
            macs: 0,
        };
        let tensor = Tensor {
            rows: 1,
            first_position: logits.first_position,
            values: Values::F32(vec![token as f32]),
        };
        self.last_text = self.text_of(model, token);
        self.tokens.push(token);
        Ok((tensor, cost))
    }

    /// Text that `token` completes after the tokens sampled so far.
    fn text_of(&mut self, model: &Model, token: u32) -> String {
        let sampled = &self.tokens[self.prompt_tokens..];
        let decoder = self.decoder.get_or_insert_with(|| {
            let mut decoder = StreamDecoder::new(false);
            for &token in sampled {
                decoder.push(model.tokenizer(), token);
            }
            decoder
        });
        decoder.push(model.tokenizer(), token)
    }

    /// Keeps an output, ends the pass after its last operator, and lets old outputs go.
    fn publish(&mut self, index: usize, tensor: Tensor, record: TraceRecord) {
        self.unsent.push(record);
        self.outputs.insert(index, tensor);
        self.next = index + 1;
        let rows = self.pass_rows.unwrap_or_default();
        let inside_prompt = self.next == self.plan.tail() && self.position + rows < self.tokens.len();
        if inside_prompt || self.next == self.plan.operators.len() {
            self.position += rows;
            self.pass_rows = None;
            self.next = 0;
        }
        let (plan, next) = (&self.plan, self.next);
        self.outputs.shrink(|kept| kept == index || needed(plan, kept, next));
    }

    fn find(&self, name: &str) -> Result<usize, ModelError> {
        self.plan
            .index(name)
            .ok_or_else(|| ModelError::NotFound(format!("no operator is called {name:.120}")))
    }
}

/// True where an operator from `next` on still has to read the output.
fn needed(plan: &Plan, index: usize, next: usize) -> bool {
    index < next && plan.last_use[index] >= next
}

fn lost_input() -> ModelError {
    internal("an operator's input is gone")
}
