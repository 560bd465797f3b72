//! The operators that run beside the accelerator, and the bytes and MACs they account for (see `trace`).
//!
//! Every f32 step is an npu-kernels call, so results have the same bytes on every machine. Shapes are given by the
//! plan; rows by the pass.

use npu_kernels::{nn, quantize};

use crate::model::{Model, Parameters};
use crate::operators::OperatorKind;
use crate::safetensors::append_f32;
use crate::tensor::{Tensor, Values};
use crate::{ModelError, job::internal};

/// Keys and values of one layer, `[positions, kv_heads, head_dim]` each.
#[derive(Clone, Debug, Default)]
pub(crate) struct KvCache {
    pub keys: Vec<f32>,
    pub values: Vec<f32>,
}

/// What a CPU operator cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cost {
    pub bytes_read: u64,
    pub bytes_written: u64,
    pub macs: u64,
}

/// Output and cost of one operator. `embed` and `attention` have their own functions, `sample` belongs to the session.
pub(crate) fn run(model: &Model, index: usize, inputs: &[&Tensor]) -> Result<(Tensor, Cost), ModelError> {
    let operator = &model.plan.operators[index];
    let (&first, second) = match inputs {
        [first] => (first, None),
        [first, second] => (first, Some(*second)),
        _ => return Err(internal("an operator without inputs")),
    };
    let config = &model.config;
    // Only the last row leaves the layers.
    let x = if index == model.plan.tail() {
        first.last_row()
    } else {
        first.f32()
    };
    let (inner, outer) = (operator.inner as usize, operator.outer as usize);
    let m = if index == model.plan.tail() { 1 } else { first.rows };
    let first_position = first.first_position + (first.rows - m) as u32;
    let mut out = vec![0.0; m * outer];
    let (read, mut written, mut macs) = (m * inner * 4, m * outer * 4, 0);
    let mut parameters_read = 0;
    let values = match (operator.kind, second, &model.parameters[index]) {
        (OperatorKind::RmsNorm, None, Parameters::Norm(weight)) => {
            nn::rms_norm(x, weight, config.rms_epsilon, m, inner, &mut out);
            parameters_read = weight.len() * 4;
            macs = m * inner;
            Values::F32(out)
        }
        (OperatorKind::Quantize, None, _) => {
            let (mut values, mut scales) = (vec![0; m * outer], vec![0.0; m]);
            quantize::rows_int8(x, m, inner, &mut values, &mut scales);
            written = m * outer + m * 4;
            Values::I8(values, scales)
        }
        (OperatorKind::Rope, Some(keys), _) => {
            let (query, kv) = (x.len() / m, keys.f32().len() / m);
            for (row, into) in out.chunks_exact_mut(query + kv).enumerate() {
                into[..query].copy_from_slice(&x[row * query..][..query]);
                into[query..].copy_from_slice(&keys.f32()[row * kv..][..kv]);
            }
            let (heads, head_dim) = ((config.heads + config.kv_heads) as usize, config.head_dim as usize);
            nn::rope(&mut out, m, heads, head_dim, first_position as usize, config.rope_theta);
            macs = 2 * m * outer;
            Values::F32(out)
        }
        (OperatorKind::Add, Some(other), _) => {
            nn::add(x, other.f32(), &mut out);
            Values::F32(out)
        }
        (OperatorKind::SiluMul, Some(up), _) => {
            nn::silu_mul(x, up.f32(), &mut out);
            Values::F32(out)
        }
        _ => return Err(internal("an operator with the wrong inputs")),
    };
    let cost = Cost {
        bytes_read: (read + parameters_read) as u64,
        bytes_written: written as u64,
        macs: macs as u64,
    };
    Ok((
        Tensor {
            rows: m,
            first_position,
            values,
        },
        cost,
    ))
}

/// Rows of the embedding table for `tokens`, which are below the vocabulary size.
pub(crate) fn embed(model: &Model, tokens: &[u32], first_position: u32) -> (Tensor, Cost) {
    let embedding = &model.embedding;
    let row_bytes = model.config.hidden as usize * embedding.dtype.size_bytes() as usize;
    let mut out = Vec::with_capacity(tokens.len() * model.config.hidden as usize);
    for &token in tokens {
        append_f32(
            embedding.dtype,
            &embedding.bytes[token as usize * row_bytes..][..row_bytes],
            &mut out,
        );
    }
    let cost = Cost {
        bytes_read: (tokens.len() * (row_bytes + 4)) as u64,
        bytes_written: (out.len() * 4) as u64,
        macs: 0,
    };
    (
        Tensor {
            rows: tokens.len(),
            first_position,
            values: Values::F32(out),
        },
        cost,
    )
}

/// Appends the rows' keys and values to the cache, then mixes values by attention.
pub(crate) fn attention(
    model: &Model,
    rotated: &Tensor,
    values: &Tensor,
    cache: &mut KvCache,
) -> Result<(Tensor, Cost), ModelError> {
    let config = &model.config;
    let (heads, kv_heads, head_dim) = (
        config.heads as usize,
        config.kv_heads as usize,
        config.head_dim as usize,
    );
    let (query, kv) = (heads * head_dim, config.kv_width());
    let (m, first) = (rotated.rows, rotated.first_position as usize);
    // A step that failed after an earlier attempt may have left rows of its own.
    cache.keys.truncate(first * kv);
    cache.values.truncate(first * kv);
    if cache.keys.len() != first * kv || values.f32().len() != m * kv || rotated.f32().len() != m * (query + kv) {
        return Err(internal("the KV cache does not reach the first row"));
    }
    for cached in [&mut cache.keys, &mut cache.values] {
        let wanted_bytes = (m * kv * 4) as u64;
        cached.try_reserve(m * kv).map_err(|_| ModelError::OutOfMemory {
            wanted_bytes,
            free_bytes: 0,
        })?;
    }
    let mut queries = Vec::with_capacity(m * query);
    for row in rotated.f32().chunks_exact(query + kv) {
        queries.extend_from_slice(&row[..query]);
        cache.keys.extend_from_slice(&row[query..]);
    }
    cache.values.extend_from_slice(values.f32());
    let mut out = vec![0.0; m * query];
    let (keys, values) = (&cache.keys, &cache.values);
    nn::attention(&queries, keys, values, m, heads, kv_heads, head_dim, first, &mut out);
    let seen: usize = (0..m).map(|row| first + row + 1).sum();
    let moved = m * (query + 2 * kv);
    let cost = Cost {
        bytes_read: ((moved + first * 2 * kv) * 4) as u64,
        bytes_written: (moved * 4) as u64,
        macs: (2 * query * seen) as u64,
    };
    Ok((
        Tensor {
            rows: m,
            first_position: rotated.first_position,
            values: Values::F32(out),
        },
        cost,
    ))
}
