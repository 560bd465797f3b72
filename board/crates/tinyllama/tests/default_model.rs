//! The model the repository ships: its tokenizer on its own text, and W8A8 against its float arithmetic in f64.

mod support;

use std::path::PathBuf;

use support::{Activations, Files, Shape, Tensors, TestDevice, forward, never};
use tinyllama::{Inference, Sampling, TensorData, Until};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../quant/models/tiny")
}

fn files() -> Files {
    let read = |name: &str| std::fs::read(folder().join(name)).unwrap();
    Files {
        config_json: read("config.json"),
        safetensors: read("model.safetensors"),
        tokenizer: read("tokenizer.model"),
    }
}

/// The BF16 tensors, read without the crate.
fn tensors(file: &[u8]) -> Tensors {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let header: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&file[8..8 + length]).unwrap();
    let mut tensors = Tensors::new();
    for (name, entry) in header.iter().filter(|(name, _)| *name != "__metadata__") {
        assert_eq!(entry["dtype"], "BF16", "{name}");
        let [begin, end] = [0, 1].map(|at| entry["data_offsets"][at].as_u64().unwrap() as usize + 8 + length);
        let widen = |b: &[u8]| f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16);
        let shape = entry["shape"]
            .as_array()
            .unwrap()
            .iter()
            .map(|side| side.as_u64().unwrap() as usize)
            .collect();
        tensors.insert(name.clone(), (shape, file[begin..end].chunks(2).map(widen).collect()));
    }
    tensors
}

#[test]
fn its_evaluation_text_comes_back_from_its_tokens() {
    let mut device = TestDevice::default();
    let model = files().load(&mut device).unwrap();
    let text = std::fs::read_to_string(folder().join("evaluation.txt")).unwrap();
    let ids = model.tokenizer().encode(&text, true);
    assert_eq!(model.tokenizer().decode(&ids), text);
    assert!(
        ids.len() * 2 < text.len(),
        "{} tokens for {} bytes",
        ids.len(),
        text.len()
    );
}

#[test]
fn int8_logits_stay_close_to_the_float_model_and_choose_the_same_token() {
    let files = files();
    let mut device = TestDevice::default();
    let model = files.load(&mut device).unwrap();
    let config = model.config().clone();
    let side = |value: u32| value as usize;
    let shape = Shape {
        hidden: side(config.hidden),
        intermediate: side(config.intermediate),
        layers: side(config.layers),
        heads: side(config.heads),
        kv_heads: side(config.kv_heads),
        head_dim: side(config.head_dim),
        vocabulary: side(config.vocabulary),
        positions: side(config.positions),
        tied: config.tied,
    };
    let tensors = tensors(&files.safetensors);
    let text = std::fs::read_to_string(folder().join("evaluation.txt")).unwrap();
    let ids = model.tokenizer().encode(&text[..400], true);
    let prompt = &ids[..48];
    let reference = forward(&shape, &tensors, prompt, Activations::Float)
        .remove("lm_head")
        .unwrap();
    let (mut agreed, mut total) = (0, 0.0);
    // The text itself is fed, token by token, whatever the model would rather say.
    let mut session = Inference::new(&model, &prompt[..1], Sampling::GREEDY).unwrap();
    for (end, wanted) in (1..).zip(&reference) {
        session.step(&model, &Until::Token, &mut device, &never).unwrap();
        let TensorData::F32(found) = session.tensor("lm_head").unwrap().data else {
            panic!("logits are f32")
        };
        let error: f64 = found.iter().zip(wanted).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum();
        let relative = (error / wanted.iter().map(|b| b * b).sum::<f64>()).sqrt();
        total += relative;
        let best = (0..wanted.len())
            .max_by(|&a, &b| wanted[a].total_cmp(&wanted[b]))
            .unwrap();
        agreed += u32::from(session.state().last_token == Some(best as u32));
        if let Some(&next) = prompt.get(end) {
            session.replace("sample", 0, &[next as f32]).unwrap();
        }
    }
    let mean = total / 48.0;
    assert!(mean < 0.05, "mean relative error {mean}");
    assert!(agreed >= 46, "{agreed} of 48 rows choose the float model's token");
}
