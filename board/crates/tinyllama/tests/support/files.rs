//! Writes small random models as the bytes of a model folder.
//!
//! Every linear weight is an int8 times a power of two and every row holds a ±127, so that float and int8 files
//! describe exactly the same numbers and rounding to nearest finds the int8 values again.

use std::collections::BTreeMap;

use serde_json::json;

use super::{Chance, Files};

/// Sizes of a test model.
#[derive(Clone, Copy)]
pub struct Shape {
    pub hidden: usize,
    pub intermediate: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub vocabulary: usize,
    pub positions: usize,
    pub tied: bool,
}

impl Default for Shape {
    /// GQA, an intermediate size and a vocabulary that need padding, and a query width other than hidden.
    fn default() -> Self {
        Self {
            hidden: 32,
            intermediate: 44,
            layers: 2,
            heads: 6,
            kv_heads: 2,
            head_dim: 8,
            vocabulary: 300,
            positions: 48,
            tied: false,
        }
    }
}

/// How linear weights are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weights {
    F32,
    Bf16,
    Int8,
}

/// Tensors by name, with shape and values, for the reference pass.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// A random model and its numbers.
pub fn model_files(seed: u64, shape: Shape, weights: Weights) -> (Files, Tensors) {
    let mut chance = Chance(seed);
    let mut file = Writer::default();
    let mut tensors = Tensors::new();
    let linears = linear_names(&shape);
    for (name, n, k) in linears {
        let (values, exponents) = linear(&mut chance, n, k);
        let floats: Vec<f32> = values
            .iter()
            .enumerate()
            .map(|(i, &q)| f32::from(q) * 2f32.powi(exponents[i / k]))
            .collect();
        match weights {
            Weights::Int8 => {
                file.tensor(
                    &format!("{name}.weight"),
                    "I8",
                    &[n, k],
                    values.iter().map(|&q| q as u8).collect(),
                );
                let scales = exponents.iter().flat_map(|&e| 2f32.powi(e).to_le_bytes()).collect();
                file.tensor(&format!("{name}.weight_scale"), "F32", &[n, 1], scales);
            }
            _ => file.floats(&format!("{name}.weight"), weights, &[n, k], &floats),
        }
        tensors.insert(format!("{name}.weight"), (vec![n, k], floats));
    }
    let float = if weights == Weights::Bf16 {
        Weights::Bf16
    } else {
        Weights::F32
    };
    let mut norms = vec!["model.norm".to_owned()];
    for layer in 0..shape.layers {
        norms.push(format!("model.layers.{layer}.input_layernorm"));
        norms.push(format!("model.layers.{layer}.post_attention_layernorm"));
    }
    for name in norms {
        let values: Vec<f32> = (0..shape.hidden)
            .map(|_| 0.75 + chance.below(64) as f32 / 128.0)
            .collect();
        file.floats(&format!("{name}.weight"), float, &[shape.hidden], &values);
        tensors.insert(format!("{name}.weight"), (vec![shape.hidden], values));
    }
    if !shape.tied {
        let values: Vec<f32> = (0..shape.vocabulary * shape.hidden)
            .map(|_| (chance.below(255) as f32 - 127.0) / 64.0)
            .collect();
        file.floats(
            "model.embed_tokens.weight",
            float,
            &[shape.vocabulary, shape.hidden],
            &values,
        );
        tensors.insert(
            "model.embed_tokens.weight".into(),
            (vec![shape.vocabulary, shape.hidden], values),
        );
    }
    let files = Files {
        config_json: config(&shape, weights),
        safetensors: file.finish(),
        tokenizer: small_tokenizer(),
    };
    (files, tensors)
}

fn linear_names(shape: &Shape) -> Vec<(String, usize, usize)> {
    let (query, kv) = (shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim);
    let (hidden, ffn) = (shape.hidden, shape.intermediate);
    let mut names = Vec::new();
    for layer in 0..shape.layers {
        for (name, n, k) in [
            ("self_attn.q_proj", query, hidden),
            ("self_attn.k_proj", kv, hidden),
            ("self_attn.v_proj", kv, hidden),
            ("self_attn.o_proj", hidden, query),
            ("mlp.gate_proj", ffn, hidden),
            ("mlp.up_proj", ffn, hidden),
            ("mlp.down_proj", hidden, ffn),
        ] {
            names.push((format!("model.layers.{layer}.{name}"), n, k));
        }
    }
    let head = if shape.tied { "model.embed_tokens" } else { "lm_head" };
    names.push((head.into(), shape.vocabulary, hidden));
    names
}

/// int8 values `[n, k]` and the exponent of each row's power-of-two scale.
fn linear(chance: &mut Chance, n: usize, k: usize) -> (Vec<i8>, Vec<i32>) {
    let mut values: Vec<i8> = (0..n * k).map(|_| (chance.below(255) as i16 - 127) as i8).collect();
    for row in values.chunks_exact_mut(k) {
        row[chance.below(k)] = if chance.below(2) == 0 { 127 } else { -127 };
    }
    let exponents = (0..n).map(|_| -9 - chance.below(3) as i32).collect();
    (values, exponents)
}

fn config(shape: &Shape, weights: Weights) -> Vec<u8> {
    let mut config = json!({
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu",
        "hidden_size": shape.hidden, "intermediate_size": shape.intermediate, "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads, "head_dim": shape.head_dim,
        "vocab_size": shape.vocabulary, "max_position_embeddings": shape.positions, "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0, "tie_word_embeddings": shape.tied, "rope_scaling": null, "attention_bias": false,
    });
    if weights == Weights::Int8 {
        config["quantization_config"] = json!({
            "quant_method": "compressed-tensors", "format": "int-quantized", "ignore": [],
            "config_groups": {"group_0": {"targets": ["Linear"],
                "weights": {"num_bits": 8, "type": "int", "symmetric": true, "strategy": "channel", "dynamic": false},
                "input_activations": {"num_bits": 8, "type": "int", "symmetric": true, "strategy": "token", "dynamic": true}}},
        });
    }
    config.to_string().into_bytes()
}

/// Collects tensors and writes them behind their header.
#[derive(Default)]
pub struct Writer {
    header: serde_json::Map<String, serde_json::Value>,
    buffer: Vec<u8>,
}

impl Writer {
    pub fn tensor(&mut self, name: &str, dtype: &str, shape: &[usize], bytes: Vec<u8>) {
        let begin = self.buffer.len();
        self.buffer.extend(bytes);
        let entry = json!({"dtype": dtype, "shape": shape, "data_offsets": [begin, self.buffer.len()]});
        self.header.insert(name.into(), entry);
    }

    pub fn floats(&mut self, name: &str, dtype: Weights, shape: &[usize], values: &[f32]) {
        match dtype {
            Weights::Bf16 => {
                let upper = |value: &f32| ((value.to_bits() >> 16) as u16).to_le_bytes();
                assert!(
                    values.iter().all(|v| v.to_bits() & 0xffff == 0),
                    "{name} is exact in BF16"
                );
                self.tensor(name, "BF16", shape, values.iter().flat_map(upper).collect());
            }
            _ => self.tensor(
                name,
                "F32",
                shape,
                values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            ),
        }
    }

    pub fn finish(self) -> Vec<u8> {
        let header = serde_json::Value::Object(self.header).to_string();
        [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &self.buffer].concat()
    }
}

/// A tokenizer.model with `<unk>`, `<s>`, `</s>`, 256 bytes and the given normal pieces.
pub fn sentencepiece(pieces: &[(String, f32)]) -> Vec<u8> {
    let mut file = Vec::new();
    let mut piece = |text: &str, score: f32, kind: u64| {
        let mut message = Vec::new();
        field_bytes(&mut message, 1, text.as_bytes());
        message.push(2 << 3 | 5);
        message.extend(score.to_le_bytes());
        field_varint(&mut message, 3, kind);
        field_bytes(&mut file, 1, &message);
    };
    piece("<unk>", 0.0, 2);
    piece("<s>", 0.0, 3);
    piece("</s>", 0.0, 3);
    for byte in 0..256 {
        piece(&format!("<0x{byte:02X}>"), 0.0, 6);
    }
    for (text, score) in pieces {
        piece(text, *score, 1);
    }
    let mut trainer = Vec::new();
    for (field, value) in [(3, 2), (35, 1), (40, 0), (41, 1), (42, 2)] {
        field_varint(&mut trainer, field, value);
    }
    field_bytes(&mut file, 2, &trainer);
    let mut normalizer = Vec::new();
    field_bytes(&mut normalizer, 1, b"identity");
    for (field, value) in [(3, 1), (4, 0), (5, 1)] {
        field_varint(&mut normalizer, field, value);
    }
    field_bytes(&mut file, 3, &normalizer);
    file
}

/// 290 pieces: blanks, letters and a few merges.
pub fn small_tokenizer() -> Vec<u8> {
    let merges = ["th", "▁the", "▁t", "he", "▁a", "in", "er", "an", "on", "▁▁"];
    let singles = "▁etaoinshrdlucmfwypvb";
    let pieces = merges
        .iter()
        .map(|text| (*text).to_owned())
        .chain(singles.chars().map(String::from));
    sentencepiece(
        &pieces
            .enumerate()
            .map(|(rank, text)| (text, -(rank as f32)))
            .collect::<Vec<_>>(),
    )
}

fn field_varint(into: &mut Vec<u8>, field: u64, value: u64) {
    varint(into, field << 3);
    varint(into, value);
}

fn field_bytes(into: &mut Vec<u8>, field: u64, bytes: &[u8]) {
    varint(into, field << 3 | 2);
    varint(into, bytes.len() as u64);
    into.extend(bytes);
}

fn varint(into: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        into.push(value as u8 | 0x80);
        value >>= 7;
    }
    into.push(value as u8);
}
