//! The forward pass as a list of named operators, built once per model from its configuration.
//!
//! Knows the order, the operands and the sizes of operators; no weights, no rows, no device.
//! Surprising: operator names double as tensor names of the file (`model.<name>.weight`, except `lm_head`).

use std::collections::BTreeMap;

use crate::Config;

/// What an operator computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OperatorKind {
    /// Rows of the embedding table.
    Embed,
    /// Root-mean-square normalization with a weight.
    RmsNorm,
    /// Symmetric int8 per row.
    Quantize,
    /// int8 product, scaled back to f32.
    Matmul,
    /// Rotary positions on query and key heads; output `[rows, heads + kv_heads, head_dim]`, queries first.
    Rope,
    /// Causal attention over the KV cache, which it extends by its rows first.
    Attention,
    /// Residual sum.
    Add,
    /// silu(gate) × up.
    SiluMul,
    /// Picks the next token; output is its id as one f32.
    Sample,
}

impl OperatorKind {
    /// Name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Embed => "embed",
            Self::RmsNorm => "rmsNorm",
            Self::Quantize => "quantize",
            Self::Matmul => "matmul",
            Self::Rope => "rope",
            Self::Attention => "attention",
            Self::Add => "add",
            Self::SiluMul => "siluMul",
            Self::Sample => "sample",
        }
    }
}

/// Which side runs an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RunsOn {
    /// The host of the accelerator.
    Cpu,
    /// The accelerator.
    Npu,
}

impl RunsOn {
    /// Name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Npu => "npu",
        }
    }
}

/// One operator of the list, as `model.operators` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorInfo {
    /// For example `layers.3.mlp.down_proj`.
    pub name: String,
    /// Decoder layer; `None` before the first and after the last.
    pub layer: Option<u32>,
    /// What it computes.
    pub kind: OperatorKind,
    /// Where it runs.
    pub runs_on: RunsOn,
    /// Input elements per row (K of a product).
    pub inner: u32,
    /// Output elements per row (N of a product).
    pub outer: u32,
}

/// Operators with their operands. Index = position in `Model::operators`.
#[derive(Debug)]
pub(crate) struct Plan {
    pub operators: Vec<OperatorInfo>,
    /// Operators whose outputs are read, in argument order.
    pub inputs: Vec<Vec<usize>>,
    /// Index of the last operator that reads the output; for `sample` the next pass does.
    pub last_use: Vec<usize>,
    by_name: BTreeMap<String, usize>,
}

/// First operator that runs on the last row alone, counted from the end: norm, quantize, lm_head, sample.
pub(crate) const TAIL_OPERATORS: usize = 4;

impl Plan {
    pub fn new(config: &Config) -> Self {
        let mut plan = Self {
            operators: Vec::new(),
            inputs: Vec::new(),
            last_use: Vec::new(),
            by_name: BTreeMap::new(),
        };
        let hidden = config.hidden;
        let (query, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        let ffn = config.intermediate;
        let mut residual = plan.push(None, "embed_tokens", OperatorKind::Embed, 1, hidden, &[]);
        for layer in 0..config.layers {
            use OperatorKind::{Add, Attention, Matmul, Quantize, RmsNorm, Rope, SiluMul};
            let mut op = |name: &str, kind, inner, outer, inputs: &[usize]| {
                plan.push(Some(layer), name, kind, inner, outer, inputs)
            };
            let norm = op("input_layernorm", RmsNorm, hidden, hidden, &[residual]);
            let packed = op("self_attn.qkv_quantize", Quantize, hidden, hidden, &[norm]);
            let q = op("self_attn.q_proj", Matmul, hidden, query, &[packed]);
            let k = op("self_attn.k_proj", Matmul, hidden, kv, &[packed]);
            let v = op("self_attn.v_proj", Matmul, hidden, kv, &[packed]);
            let rope = op("self_attn.rope", Rope, query + kv, query + kv, &[q, k]);
            let mix = op("self_attn.attention", Attention, query + 2 * kv, query, &[rope, v]);
            let packed = op("self_attn.o_quantize", Quantize, query, query, &[mix]);
            let out = op("self_attn.o_proj", Matmul, query, hidden, &[packed]);
            residual = op("attn_residual", Add, 2 * hidden, hidden, &[residual, out]);
            let norm = op("post_attention_layernorm", RmsNorm, hidden, hidden, &[residual]);
            let packed = op("mlp.gate_up_quantize", Quantize, hidden, hidden, &[norm]);
            let gate = op("mlp.gate_proj", Matmul, hidden, ffn, &[packed]);
            let up = op("mlp.up_proj", Matmul, hidden, ffn, &[packed]);
            let act = op("mlp.silu_mul", SiluMul, 2 * ffn, ffn, &[gate, up]);
            let packed = op("mlp.down_quantize", Quantize, ffn, ffn, &[act]);
            let down = op("mlp.down_proj", Matmul, ffn, hidden, &[packed]);
            residual = op("mlp_residual", Add, 2 * hidden, hidden, &[residual, down]);
        }
        let norm = plan.push(None, "norm", OperatorKind::RmsNorm, hidden, hidden, &[residual]);
        let packed = plan.push(
            None,
            "lm_head_quantize",
            OperatorKind::Quantize,
            hidden,
            hidden,
            &[norm],
        );
        let logits = plan.push(
            None,
            "lm_head",
            OperatorKind::Matmul,
            hidden,
            config.vocabulary,
            &[packed],
        );
        plan.push(None, "sample", OperatorKind::Sample, config.vocabulary, 1, &[logits]);
        plan
    }

    fn push(
        &mut self,
        layer: Option<u32>,
        name: &str,
        kind: OperatorKind,
        inner: u32,
        outer: u32,
        inputs: &[usize],
    ) -> usize {
        let index = self.operators.len();
        let name = layer.map_or_else(|| name.to_owned(), |layer| format!("layers.{layer}.{name}"));
        let runs_on = if kind == OperatorKind::Matmul {
            RunsOn::Npu
        } else {
            RunsOn::Cpu
        };
        for &input in inputs {
            self.last_use[input] = index;
        }
        self.by_name.insert(name.clone(), index);
        self.operators.push(OperatorInfo {
            name,
            layer,
            kind,
            runs_on,
            inner,
            outer,
        });
        self.inputs.push(inputs.to_vec());
        self.last_use.push(index);
        index
    }

    pub fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The matrix products.
    pub fn matmuls(&self) -> impl Iterator<Item = &OperatorInfo> {
        self.operators
            .iter()
            .filter(|operator| operator.kind == OperatorKind::Matmul)
    }

    /// First operator that runs on the last row alone.
    pub fn tail(&self) -> usize {
        self.operators.len() - TAIL_OPERATORS
    }

    /// The products that share `first`'s activations and follow it: one job. `first` must be a product.
    pub fn fused(&self, first: usize) -> std::ops::Range<usize> {
        let same = |&index: &usize| {
            self.operators[index].kind == OperatorKind::Matmul && self.inputs[index] == self.inputs[first]
        };
        first..first + (first..self.operators.len()).take_while(same).count()
    }

    /// True where `Until::Layer` stops: after a layer's last operator and after `sample`.
    pub fn ends_layer(&self, index: usize) -> bool {
        let next = self.operators.get(index + 1);
        let layer = self.operators[index].layer;
        next.is_none() || (layer.is_some() && next.is_some_and(|next| next.layer != layer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan::new(&Config::for_tests())
    }

    #[test]
    fn a_pass_is_one_embedding_eighteen_operators_a_layer_and_a_tail_of_four() {
        let plan = plan();
        assert_eq!(plan.operators.len(), 1 + 2 * 18 + 4);
        assert_eq!(plan.operators[plan.tail()].name, "norm");
        assert_eq!(plan.index("layers.1.mlp.down_proj"), Some(1 + 18 + 16));
    }

    #[test]
    fn products_that_share_their_activations_are_one_job() {
        let plan = plan();
        assert_eq!(plan.fused(3), 3..6);
        assert_eq!(plan.fused(4), 4..6);
        assert_eq!(plan.fused(9), 9..10);
        assert_eq!(plan.fused(13), 13..15);
    }

    #[test]
    fn a_layer_ends_with_its_second_residual_and_the_tail_with_the_sample() {
        let plan = plan();
        let ends: Vec<&str> = (0..plan.operators.len())
            .filter(|&i| plan.ends_layer(i))
            .map(|i| plan.operators[i].name.as_str())
            .collect();
        assert_eq!(ends, ["layers.0.mlp_residual", "layers.1.mlp_residual", "sample"]);
    }

    #[test]
    fn an_output_lives_until_its_last_reader() {
        let plan = plan();
        let at = |name: &str| plan.index(name).unwrap();
        assert_eq!(plan.last_use[at("embed_tokens")], at("layers.0.attn_residual"));
        assert_eq!(
            plan.last_use[at("layers.0.self_attn.qkv_quantize")],
            at("layers.0.self_attn.v_proj")
        );
        assert_eq!(plan.last_use[at("layers.0.mlp_residual")], at("layers.1.attn_residual"));
    }
}
