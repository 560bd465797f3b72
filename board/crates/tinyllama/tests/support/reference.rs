//! The forward pass of a Llama model in f64, written from its definition and sharing nothing with the crate:
//! no cache, no batching, rotary angles by complex multiplication, attention by explicit sums.

use std::collections::BTreeMap;

use super::files::{Shape, Tensors};

/// What stands before a linear.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Activations {
    /// Nothing: a float model.
    Float,
    /// Rounding of each row to 127 steps.
    Int8,
}

type Rows = Vec<Vec<f64>>;

/// Outputs of all operators but `*_quantize` and `sample`, by name, one vector a row; `rope` as the crate lays it out.
pub fn forward(shape: &Shape, tensors: &Tensors, tokens: &[u32], activations: Activations) -> BTreeMap<String, Rows> {
    let mut out: BTreeMap<String, Rows> = BTreeMap::new();
    let weight = |name: &str| -> Rows {
        let (dims, values) = &tensors[&format!("{name}.weight")];
        let values: Vec<f64> = values.iter().map(|&v| f64::from(v)).collect();
        values.chunks(*dims.last().unwrap()).map(<[f64]>::to_vec).collect()
    };
    let linear = |x: &Rows, name: &str| -> Rows {
        let w = weight(name);
        x.iter()
            .map(|row| {
                let row = if activations == Activations::Int8 {
                    rounded(row)
                } else {
                    row.clone()
                };
                w.iter().map(|w| w.iter().zip(&row).map(|(a, b)| a * b).sum()).collect()
            })
            .collect()
    };
    let norm = |x: &Rows, name: &str| -> Rows {
        let w = &weight(name)[0];
        x.iter()
            .map(|row| {
                let mean = row.iter().map(|v| v * v).sum::<f64>() / row.len() as f64;
                row.iter().zip(w).map(|(v, w)| v / (mean + 1e-5).sqrt() * w).collect()
            })
            .collect()
    };
    let table = weight("model.embed_tokens");
    let mut x: Rows = tokens.iter().map(|&token| table[token as usize].clone()).collect();
    out.insert("embed_tokens".into(), x.clone());
    for layer in 0..shape.layers {
        let at = |name: &str| format!("layers.{layer}.{name}");
        let file = |name: &str| format!("model.layers.{layer}.{name}");
        let h = norm(&x, &file("input_layernorm"));
        let [q, k, v] = ["q_proj", "k_proj", "v_proj"].map(|name| linear(&h, &file(&format!("self_attn.{name}"))));
        let (turned_q, turned_k) = (rotate(&q, shape.head_dim), rotate(&k, shape.head_dim));
        let mixed = attend(shape, &turned_q, &turned_k, &v);
        let o = linear(&mixed, &file("self_attn.o_proj"));
        let rope = turned_q
            .iter()
            .zip(&turned_k)
            .map(|(q, k)| [q.clone(), k.clone()].concat())
            .collect();
        let residual = plus(&x, &o);
        let h2 = norm(&residual, &file("post_attention_layernorm"));
        let (gate, up) = (linear(&h2, &file("mlp.gate_proj")), linear(&h2, &file("mlp.up_proj")));
        let silu = |(g, u): (&f64, &f64)| g / (1.0 + (-g).exp()) * u;
        let act: Rows = gate
            .iter()
            .zip(&up)
            .map(|(g, u)| g.iter().zip(u).map(silu).collect())
            .collect();
        let down = linear(&act, &file("mlp.down_proj"));
        x = plus(&residual, &down);
        for (name, rows) in [
            ("input_layernorm", h),
            ("self_attn.q_proj", q),
            ("self_attn.k_proj", k),
            ("self_attn.v_proj", v),
            ("self_attn.rope", rope),
            ("self_attn.attention", mixed),
            ("self_attn.o_proj", o),
            ("attn_residual", residual),
            ("post_attention_layernorm", h2),
            ("mlp.gate_proj", gate),
            ("mlp.up_proj", up),
            ("mlp.silu_mul", act),
            ("mlp.down_proj", down),
            ("mlp_residual", x.clone()),
        ] {
            out.insert(at(name), rows);
        }
    }
    let h = norm(&x, "model.norm");
    let head = if shape.tied { "model.embed_tokens" } else { "lm_head" };
    out.insert("lm_head".into(), linear(&h, head));
    out.insert("norm".into(), h);
    out
}

fn rounded(row: &[f64]) -> Vec<f64> {
    let scale = row.iter().fold(0f64, |most, v| most.max(v.abs())) / 127.0;
    row.iter()
        .map(|v| {
            if scale == 0.0 {
                0.0
            } else {
                (v / scale).round_ties_even() * scale
            }
        })
        .collect()
}

fn plus(a: &Rows, b: &Rows) -> Rows {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.iter().zip(b).map(|(a, b)| a + b).collect())
        .collect()
}

/// Component i of a head and component i + head_dim/2 are real and imaginary part, turned by position × theta^(-2i/head_dim).
fn rotate(x: &Rows, head_dim: usize) -> Rows {
    let half = head_dim / 2;
    let mut out = x.clone();
    for (position, row) in out.iter_mut().enumerate() {
        for head in row.chunks_mut(head_dim) {
            for i in 0..half {
                let angle = position as f64 * 10_000f64.powf(-2.0 * i as f64 / head_dim as f64);
                let (re, im) = (head[i], head[i + half]);
                head[i] = re * angle.cos() - im * angle.sin();
                head[i + half] = re * angle.sin() + im * angle.cos();
            }
        }
    }
    out
}

fn attend(shape: &Shape, q: &Rows, k: &Rows, v: &Rows) -> Rows {
    let dim = shape.head_dim;
    let share = shape.heads / shape.kv_heads;
    (0..q.len())
        .map(|row| {
            let mut mixed = Vec::new();
            for head in 0..shape.heads {
                let key = |t: usize| &k[t][head / share * dim..][..dim];
                let query = &q[row][head * dim..][..dim];
                let score = |t: usize| query.iter().zip(key(t)).map(|(a, b)| a * b).sum::<f64>() / (dim as f64).sqrt();
                let weights: Vec<f64> = (0..=row).map(|t| score(t).exp()).collect();
                let total: f64 = weights.iter().sum();
                for i in 0..dim {
                    let value = |t: usize| v[t][head / share * dim + i];
                    mixed.push((0..=row).map(|t| weights[t] / total * value(t)).sum());
                }
            }
            mixed
        })
        .collect()
}
