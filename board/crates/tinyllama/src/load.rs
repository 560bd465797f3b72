//! From model files to a `Model`: what must be there, of which shape, and the way of each weight into device memory.
//!
//! Surprising: no weight is held twice. Rows are read from the mapped file, rounded if they are floats, packed and
//! written in groups of at most 1 MiB; a failed or cancelled load frees what it allocated.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use npu_device::{Accelerator, BufferId, BufferRange, layout};

use crate::model::{Embedding, Linear, Parameters, Work};
use crate::operators::Plan;
use crate::safetensors::{Dtype, RawTensor, SafeTensors, append_f32};
use crate::{Config, Model, ModelError, ModelFiles, ModelInfo, OperatorKind, Tokenizer, quantify};

/// Most rows of one pass: bounds the work buffers (26 MiB for TinyLlama) and the time between two cancel checks.
const MAX_PASS_ROWS: u32 = 512;
/// Packed bytes written at once.
const GROUP_BYTES: usize = 1 << 20;

type Progress<'p> = &'p mut dyn FnMut(u64, u64) -> ControlFlow<()>;

pub(crate) fn load(
    files: ModelFiles<'_>,
    accel: &mut dyn Accelerator,
    progress: Progress<'_>,
) -> Result<Model, ModelError> {
    let config = Config::parse(files.config_json)?;
    let tokenizer = Tokenizer::from_sentencepiece(files.tokenizer)?;
    if tokenizer.len() > config.vocabulary as usize {
        let (pieces, vocabulary) = (tokenizer.len(), config.vocabulary);
        return Err(corrupt(format!(
            "tokenizer.model has {pieces} pieces, config.json a vocab_size of {vocabulary}"
        )));
    }
    let weights = SafeTensors::parse(files.safetensors)?;
    let mut loader = Loader {
        weights,
        accel,
        progress,
        buffers: Vec::new(),
        done: 0,
        total: 0,
        read: BTreeSet::new(),
    };
    let loaded = loader.model(config, tokenizer);
    if loaded.is_err() {
        for &buffer in &loader.buffers {
            // The load has already failed with a better reason; a buffer the device no longer knows is free anyway.
            let _ = loader.accel.free_memory(buffer);
        }
    }
    loaded
}

struct Loader<'a, 'p> {
    weights: SafeTensors<'a>,
    accel: &'p mut dyn Accelerator,
    progress: Progress<'p>,
    buffers: Vec<BufferId>,
    /// Packed bytes written so far, and in all.
    done: u64,
    total: u64,
    /// Names this model has a use for.
    read: BTreeSet<String>,
}

impl<'a> Loader<'a, '_> {
    fn model(&mut self, config: Config, tokenizer: Tokenizer) -> Result<Model, ModelError> {
        let plan = Plan::new(&config);
        let embedding = self.float("model.embed_tokens.weight", &[config.vocabulary, config.hidden])?;
        let sources = self.sources(&config, &plan)?;
        self.refuse_unread()?;
        self.check_device(&plan)?;
        self.total = plan
            .matmuls()
            .map(|op| layout::b_bytes(op.outer as usize, op.inner as usize) as u64)
            .sum();
        let pass_rows = config.positions.min(MAX_PASS_ROWS) as usize;
        let work = self.work(&plan, pass_rows)?;
        self.report()?;
        let mut parameters = Vec::with_capacity(sources.len());
        let mut host_bytes = 0;
        for (operator, source) in plan.operators.iter().zip(sources) {
            parameters.push(match source {
                Source::None => Parameters::None,
                Source::Norm(norm) => {
                    host_bytes += norm.len() * 4;
                    Parameters::Norm(norm)
                }
                Source::Linear(weight, scales) => {
                    let linear = self.linear(&weight, scales, operator.outer as usize, operator.inner as usize)?;
                    host_bytes += linear.scales.len() * 4;
                    Parameters::Linear(linear)
                }
            });
        }
        let row_bytes = u64::from(config.hidden) * embedding.dtype.size_bytes();
        Ok(Model {
            embedding: Embedding {
                dtype: embedding.dtype,
                bytes: copy(embedding.bytes)?,
            },
            info: ModelInfo {
                layers: config.layers,
                hidden: config.hidden,
                intermediate: config.intermediate,
                heads: config.heads,
                kv_heads: config.kv_heads,
                vocabulary: config.vocabulary,
                context: config.positions,
                device_weight_bytes: self.total,
                bytes_per_token: self.total + host_bytes as u64 + row_bytes,
            },
            config,
            tokenizer,
            plan: Arc::new(plan),
            parameters,
            work,
            pass_rows,
            buffers: std::mem::take(&mut self.buffers),
        })
    }

    /// Finds and checks every parameter before any is loaded. Operator names are tensor names.
    fn sources(&mut self, config: &Config, plan: &Plan) -> Result<Vec<Source<'a>>, ModelError> {
        let mut sources = Vec::with_capacity(plan.operators.len());
        for operator in &plan.operators {
            let name = match operator.name.as_str() {
                "lm_head" if config.tied && self.weights.get("lm_head.weight").is_none() => "model.embed_tokens".into(),
                "lm_head" => "lm_head".to_owned(),
                name => format!("model.{name}"),
            };
            sources.push(match operator.kind {
                OperatorKind::RmsNorm => {
                    let norm = self.float(&format!("{name}.weight"), &[config.hidden])?;
                    Source::Norm(finite(&format!("{name}.weight"), &norm)?)
                }
                OperatorKind::Matmul => self.linear_source(&name, operator.outer, operator.inner)?,
                _ => Source::None,
            });
        }
        Ok(sources)
    }

    fn linear_source(&mut self, name: &str, n: u32, k: u32) -> Result<Source<'a>, ModelError> {
        let weight_name = format!("{name}.weight");
        let weight = self.tensor(&weight_name, &[n, k])?;
        if weight.dtype.is_float() {
            return Ok(Source::Linear(weight, None));
        }
        if weight.dtype != Dtype::I8 {
            return Err(unsupported(format!(
                "{weight_name} is {:?}; I8 or a float is needed",
                weight.dtype
            )));
        }
        let scale_name = format!("{name}.weight_scale");
        let flat = self
            .weights
            .get(&scale_name)
            .is_some_and(|scale| scale.shape.len() == 1);
        let scale = self.float(&scale_name, &[n, 1][..if flat { 1 } else { 2 }])?;
        let scales = finite(&scale_name, &scale)?;
        if scales.iter().any(|&scale| scale < 0.0) {
            return Err(corrupt(format!(
                "model.safetensors: {scale_name} holds a negative scale"
            )));
        }
        Ok(Source::Linear(weight, Some(scales)))
    }

    fn float(&mut self, name: &str, shape: &[u32]) -> Result<RawTensor<'a>, ModelError> {
        let tensor = self.tensor(name, shape)?;
        if tensor.dtype.is_float() {
            return Ok(tensor);
        }
        Err(unsupported(format!(
            "{name} is {:?}; F32, F16 or BF16 is needed",
            tensor.dtype
        )))
    }

    fn tensor(&mut self, name: &str, shape: &[u32]) -> Result<RawTensor<'a>, ModelError> {
        let Some(tensor) = self.weights.get(name) else {
            return Err(corrupt(format!("model.safetensors: tensor {name} is missing")));
        };
        if !tensor
            .shape
            .iter()
            .copied()
            .eq(shape.iter().map(|&side| u64::from(side)))
        {
            let found = &tensor.shape[..tensor.shape.len().min(8)];
            return Err(corrupt(format!(
                "model.safetensors: {name} has shape {found:?}, config.json asks for {shape:?}"
            )));
        }
        self.read.insert(name.to_owned());
        Ok(tensor.clone())
    }

    /// A tensor nobody reads (a bias, a zero point) would change the result if it were computed: refuse it.
    fn refuse_unread(&self) -> Result<(), ModelError> {
        // Old checkpoints carry the rotary frequencies, which follow from the configuration.
        let known = |name: &&str| !self.read.contains(*name) && !name.ends_with("rotary_emb.inv_freq");
        match self.weights.names().find(known) {
            Some(name) => Err(unsupported(format!("tensor {name:.120} is none of a Llama model"))),
            None => Ok(()),
        }
    }

    fn check_device(&self, plan: &Plan) -> Result<(), ModelError> {
        let max_k = self.accel.capabilities().max_k;
        match plan
            .matmuls()
            .find(|op| layout::padded_k(op.inner as usize) > max_k as usize)
        {
            Some(op) => Err(ModelError::Unsupported(format!(
                "{} has an inner dimension of {}; the device takes at most {max_k}",
                op.name, op.inner
            ))),
            None => Ok(()),
        }
    }

    /// Buffers for the largest activations and the largest fused results of a pass.
    fn work(&mut self, plan: &Plan, rows: usize) -> Result<Work, ModelError> {
        let (mut a, mut c) = (0, 0);
        for (index, operator) in plan
            .operators
            .iter()
            .enumerate()
            .filter(|(_, op)| op.kind == OperatorKind::Matmul)
        {
            let rows = if index >= plan.tail() { 1 } else { rows };
            a = a.max(layout::a_bytes(rows, operator.inner as usize));
            let fused = plan.operators[plan.fused(index)].iter();
            c = c.max(fused.map(|op| result_bytes(rows, op.outer as usize)).sum());
        }
        Ok(Work {
            a: self.allocate(a as u64)?,
            c: self.allocate(c as u64)?,
        })
    }

    fn allocate(&mut self, size_bytes: u64) -> Result<BufferId, ModelError> {
        let buffer = self.accel.allocate_memory(size_bytes)?;
        self.buffers.push(buffer);
        Ok(buffer)
    }

    fn linear(
        &mut self,
        weight: &RawTensor<'_>,
        scales: Option<Vec<f32>>,
        n: usize,
        k: usize,
    ) -> Result<Linear, ModelError> {
        let buffer = self.allocate(layout::b_bytes(n, k) as u64)?;
        let group_rows = (GROUP_BYTES / layout::padded_k(k) / 16).max(1) * 16;
        let row_bytes = k * weight.dtype.size_bytes() as usize;
        let mut all_scales = scales.unwrap_or_default();
        let mut floats = Vec::new();
        let mut offset = 0;
        for rows in weight.bytes.chunks(group_rows * row_bytes) {
            let count = rows.len() / row_bytes;
            let packed = if weight.dtype == Dtype::I8 {
                let values: Vec<i8> = rows.iter().map(|&byte| byte as i8).collect();
                layout::pack_b(&values, count, k)
            } else {
                floats.clear();
                append_f32(weight.dtype, rows, &mut floats);
                let (values, scales) = quantify(&floats, count, k);
                // A scale is finite only where the row's largest value is; NaN elsewhere would become 0 unseen.
                if scales.iter().chain(&floats).any(|value| !value.is_finite()) {
                    return Err(corrupt("model.safetensors: a weight is not finite".into()));
                }
                all_scales.extend(scales);
                layout::pack_b(&values, count, k)
            };
            self.accel.write_memory(BufferRange { buffer, offset }, &packed)?;
            offset += packed.len() as u64;
            self.done += packed.len() as u64;
            self.report()?;
        }
        Ok(Linear {
            weights: buffer,
            n,
            k,
            scales: all_scales,
        })
    }

    fn report(&mut self) -> Result<(), ModelError> {
        match (self.progress)(self.done, self.total) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(ModelError::Cancelled),
        }
    }
}

enum Source<'a> {
    None,
    Norm(Vec<f32>),
    Linear(RawTensor<'a>, Option<Vec<f32>>),
}

/// Bytes of one product's results in the work buffer: operands start at multiples of 64.
pub(crate) fn result_bytes(rows: usize, n: usize) -> usize {
    layout::c_bytes(rows, n).next_multiple_of(64)
}

fn finite(name: &str, tensor: &RawTensor<'_>) -> Result<Vec<f32>, ModelError> {
    let mut values = Vec::new();
    append_f32(tensor.dtype, tensor.bytes, &mut values);
    match values.iter().position(|value| !value.is_finite()) {
        Some(at) => Err(corrupt(format!(
            "model.safetensors: {name}: element {at} is not finite"
        ))),
        None => Ok(values),
    }
}

fn copy(bytes: &[u8]) -> Result<Vec<u8>, ModelError> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(bytes.len())
        .map_err(|_| ModelError::OutOfMemory {
            wanted_bytes: bytes.len() as u64,
            free_bytes: 0,
        })?;
    copy.extend_from_slice(bytes);
    Ok(copy)
}

fn corrupt(what: String) -> ModelError {
    ModelError::Corrupt(what)
}

fn unsupported(what: String) -> ModelError {
    ModelError::Unsupported(format!("model.safetensors: {what}"))
}
