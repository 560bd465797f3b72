//! A trained model: stories260K, written as a model folder, tells the story its authors print.

mod support;

use std::ops::ControlFlow;

use serde_json::json;
use support::{Files, TestDevice, Weights, Writer, never, sentencepiece, shared};
use tinyllama::{GenerateOptions, Inference, Sampling, StopReason};

const STORY: &str = "Once upon a time, there was a little girl named Lily. She loved to play outside in the park";

/// llama2.c pairs components (2i, 2i+1) of a head; Hugging Face files pair (i, i + half).
fn half_split(rows: &[f32], width: usize, head_dim: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows.len());
    for head in rows.chunks(head_dim * width) {
        for part in 0..2 {
            for i in 0..head_dim / 2 {
                out.extend(&head[(2 * i + part) * width..][..width]);
            }
        }
    }
    out
}

/// The checkpoint as config.json, model.safetensors (F32, tied) and tokenizer.model.
fn model_folder(checkpoint: &[u8], tokenizer: &[u8]) -> Files {
    let words: Vec<usize> = checkpoint[..28]
        .chunks(4)
        .map(|b| i32::from_le_bytes(b.try_into().unwrap()) as usize)
        .collect();
    let [dim, hidden, layers, heads, kv_heads, vocabulary, positions] = words[..] else {
        panic!("seven sizes")
    };
    let floats: Vec<f32> = checkpoint[28..]
        .chunks(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    let mut rest = floats.as_slice();
    let mut take = |count: usize| {
        let (taken, after) = rest.split_at(count);
        rest = after;
        taken
    };
    let (head_dim, kv) = (dim / heads, dim / heads * kv_heads);
    let mut file = Writer::default();
    file.floats(
        "model.embed_tokens.weight",
        Weights::F32,
        &[vocabulary, dim],
        take(vocabulary * dim),
    );
    let mut stack = |name: &str, n: usize, k: usize, turn: bool| {
        for (layer, values) in take(layers * n * k).chunks(n * k).enumerate() {
            let shape = if n == 1 { vec![k] } else { vec![n, k] };
            let values = if turn {
                half_split(values, k, head_dim)
            } else {
                values.to_vec()
            };
            file.floats(
                &format!("model.layers.{layer}.{name}.weight"),
                Weights::F32,
                &shape,
                &values,
            );
        }
    };
    stack("input_layernorm", 1, dim, false);
    stack("self_attn.q_proj", dim, dim, true);
    stack("self_attn.k_proj", kv, dim, true);
    stack("self_attn.v_proj", kv, dim, false);
    stack("self_attn.o_proj", dim, dim, false);
    stack("post_attention_layernorm", 1, dim, false);
    stack("mlp.gate_proj", hidden, dim, false);
    stack("mlp.down_proj", dim, hidden, false);
    stack("mlp.up_proj", hidden, dim, false);
    file.floats("model.norm.weight", Weights::F32, &[dim], take(dim));
    let config = json!({
        "architectures": ["LlamaForCausalLM"], "hidden_size": dim, "intermediate_size": hidden,
        "num_hidden_layers": layers, "num_attention_heads": heads, "num_key_value_heads": kv_heads,
        "vocab_size": vocabulary, "max_position_embeddings": positions, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
        "tie_word_embeddings": true,
    });
    let mut pieces = Vec::new();
    let mut rest = &tokenizer[4..];
    for id in 0..vocabulary {
        let score = f32::from_le_bytes(rest[..4].try_into().unwrap());
        let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        let text = str::from_utf8(&rest[8..8 + length]).unwrap().replace(' ', "▁");
        rest = &rest[8 + length..];
        if id >= 259 {
            pieces.push((text, score));
        }
    }
    Files {
        config_json: config.to_string().into_bytes(),
        safetensors: file.finish(),
        tokenizer: sentencepiece(&pieces),
    }
}

#[test]
fn stories260k_tells_its_story_with_int8_weights_and_activations() {
    let name = "stories260k_tells_its_story_with_int8_weights_and_activations";
    let (Some(checkpoint), Some(tokenizer)) = (shared(name, "stories260K.bin"), shared(name, "tok512.bin")) else {
        return;
    };
    let mut device = TestDevice::default();
    let model = model_folder(&checkpoint, &tokenizer).load(&mut device).unwrap();
    let prompt = model.tokenizer().encode("", true);
    let mut session = Inference::new(&model, &prompt, Sampling::GREEDY).unwrap();
    let mut text = String::new();
    let options = GenerateOptions {
        max_tokens: 60,
        stop_tokens: vec![1, 2],
        ..GenerateOptions::default()
    };
    let reason = session.generate(&model, &options, &mut device, &never, &mut |token| {
        text.push_str(&token.text);
        ControlFlow::Continue(())
    });
    assert_eq!(reason, Ok(StopReason::MaxTokens));
    assert_eq!(text.trim_start().get(..STORY.len()), Some(STORY), "{text}");
}
