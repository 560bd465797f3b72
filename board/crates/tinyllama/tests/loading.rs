//! Loading: where memory goes, what progress says, and what damaged or foreign files do.

mod support;

use std::ops::ControlFlow;

use serde_json::{Value, json};
use support::{Chance, Files, Shape, TestDevice, Weights, model_files, never};
use tinyllama::{Inference, Model, ModelError, Sampling, TinyLlamaInference, Until};

fn files(weights: Weights) -> Files {
    model_files(13, Shape::default(), weights).0
}

fn code(files: &Files) -> &'static str {
    let mut device = TestDevice::default();
    let code = files.load(&mut device).unwrap_err().code();
    assert_eq!(device.live_buffers(), 0, "a failed load keeps no device memory");
    code
}

/// Changes the header of the safetensors file (its buffer stays) or the configuration.
fn with_header(files: &Files, change: impl Fn(&mut Value)) -> Files {
    let length = u64::from_le_bytes(files.safetensors[..8].try_into().unwrap()) as usize;
    let mut header: Value = serde_json::from_slice(&files.safetensors[8..8 + length]).unwrap();
    change(&mut header);
    let header = header.to_string();
    let buffer = &files.safetensors[8 + length..];
    let safetensors = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), buffer].concat();
    Files {
        safetensors,
        ..files.clone()
    }
}

fn with_config(files: &Files, key: &str, value: Value) -> Files {
    let mut config: Value = serde_json::from_slice(&files.config_json).unwrap();
    config[key] = value;
    Files {
        config_json: config.to_string().into_bytes(),
        ..files.clone()
    }
}

fn rename(header: &mut Value, from: &str, to: &str) {
    let entry = header.as_object_mut().unwrap().remove(from).unwrap();
    header[to] = entry;
}

#[test]
fn weights_are_padded_on_the_device_and_everything_is_freed_by_unload() {
    let mut device = TestDevice::default();
    let mut calls = Vec::new();
    let files = files(Weights::Int8);
    let model = Model::load(files.borrowed(), &mut device, &mut |done, total| {
        calls.push((done, total));
        ControlFlow::Continue(())
    })
    .unwrap();
    let info = model.info();
    // Layer: q 48x32, k and v 16x32, o 32x64 (48 padded), gate and up 48 (44 padded) x32, down 32x64 (44 padded).
    let layer = 48 * 32 + 2 * 16 * 32 + 32 * 64 + 2 * 48 * 32 + 32 * 64;
    assert_eq!(info.device_weight_bytes, 2 * layer + 304 * 32);
    // Scales of every output channel, five norms of 32, one embedding row of 32 f32.
    let channels = 2 * (48 + 16 + 16 + 32 + 44 + 44 + 32) + 300;
    assert_eq!(
        info.bytes_per_token,
        info.device_weight_bytes + 4 * (channels + 5 * 32 + 32)
    );
    assert_eq!((info.layers, info.heads, info.kv_heads, info.context), (2, 6, 2, 48));
    assert_eq!((info.hidden, info.intermediate, info.vocabulary), (32, 44, 300));
    assert_eq!(calls.first(), Some(&(0, info.device_weight_bytes)));
    assert_eq!(
        calls.last(),
        Some(&(info.device_weight_bytes, info.device_weight_bytes))
    );
    assert!(calls.is_sorted());
    assert_eq!(device.live_buffers(), 2 * 7 + 1 + 2);
    model.unload(&mut device).unwrap();
    assert_eq!(device.live_buffers(), 0);
}

#[test]
fn a_large_weight_is_written_in_groups_and_multiplies_like_a_small_one() {
    // 5000 rows of 512 are 2.4 MiB: three groups, the last one short.
    let shape = Shape {
        hidden: 512,
        vocabulary: 5000,
        layers: 1,
        ..Shape::default()
    };
    let mut device = TestDevice::default();
    let mut calls = 0;
    let (files, tensors) = model_files(2, shape, Weights::F32);
    let model = Model::load(files.borrowed(), &mut device, &mut |_, _| {
        calls += 1;
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(calls, 1 + 7 + 3);
    let mut session = Inference::new(&model, &[4999], Sampling::GREEDY).unwrap();
    session
        .step(&model, &Until::Named("lm_head_quantize".into()), &mut device, &never)
        .unwrap();
    session.replace("lm_head_quantize", 0, &[0.0; 512]).unwrap();
    session.replace("lm_head_quantize", 511, &[1.0]).unwrap();
    session.replace("lm_head_quantize.scales", 0, &[1.0]).unwrap();
    session.step(&model, &Until::Op, &mut device, &never).unwrap();
    let column: Vec<u8> = tensors["lm_head.weight"]
        .1
        .iter()
        .skip(511)
        .step_by(512)
        .flat_map(|value| value.to_le_bytes())
        .collect();
    assert_eq!(session.tensor("lm_head").unwrap().to_le_bytes(0, 0).unwrap(), column);
}

#[test]
fn cancelling_and_running_out_of_memory_free_everything() {
    let files = files(Weights::F32);
    for stop in [0, 1, 5, 14] {
        let mut device = TestDevice::default();
        let mut calls = 0;
        let error = Model::load(files.borrowed(), &mut device, &mut |_, _| {
            calls += 1;
            if calls > stop {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap_err();
        assert_eq!((error, device.live_buffers()), (ModelError::Cancelled, 0));
    }
    // 29184 bytes of weights, 3072 and 18432 for activations and results of 48 rows.
    assert!(files.load(&mut TestDevice::with_memory(50_688)).is_ok());
    for memory_bytes in [1, 20_000, 50_687] {
        let mut device = TestDevice::with_memory(memory_bytes);
        assert_eq!(files.load(&mut device).unwrap_err().code(), "outOfMemory");
        assert_eq!(device.live_buffers(), 0);
    }
}

#[test]
fn missing_misshapen_and_foreign_tensors_are_named() {
    let float = files(Weights::F32);
    let int8 = files(Weights::Int8);
    let q = "model.layers.1.self_attn.q_proj.weight";
    let message = |files: &Files| files.load(&mut TestDevice::default()).unwrap_err().to_string();
    let renamed = with_header(&float, |header| rename(header, q, "else"));
    assert_eq!(
        (code(&renamed), message(&renamed)),
        ("corrupt", format!("model.safetensors: tensor {q} is missing"))
    );
    let turned = with_header(&float, |header| header[q]["shape"] = json!([32, 48]));
    let wanted = format!("model.safetensors: {q} has shape [32, 48], config.json asks for [48, 32]");
    assert_eq!((code(&turned), message(&turned)), ("corrupt", wanted));
    let bias = with_header(&float, |header| {
        header["lm_head.bias"] = json!({"dtype": "F32", "shape": [0], "data_offsets": [0, 0]})
    });
    assert_eq!(
        message(&bias),
        "model.safetensors: tensor lm_head.bias is none of a Llama model"
    );
    assert_eq!(code(&bias), "unsupported");
    let unscaled = with_header(&int8, |header| rename(header, "lm_head.weight_scale", "x"));
    assert_eq!(code(&unscaled), "corrupt");
    let wide = with_header(&int8, |header| header["lm_head.weight"]["dtype"] = "U8".into());
    assert_eq!(code(&wide), "unsupported");
    let integer = with_header(&float, |header| header["model.norm.weight"]["dtype"] = "I32".into());
    assert_eq!(code(&integer), "unsupported");
    assert_eq!(code(&with_config(&float, "vocab_size", json!(280))), "corrupt");
    assert_eq!(code(&with_config(&float, "num_hidden_layers", json!(3))), "corrupt");
    assert_eq!(code(&with_config(&float, "num_hidden_layers", json!(1))), "unsupported");
}

#[test]
fn weights_that_are_not_numbers_are_corrupt() {
    for weights in [Weights::F32, Weights::Int8] {
        let files = files(weights);
        let header = u64::from_le_bytes(files.safetensors[..8].try_into().unwrap()) as usize;
        let index: Value = serde_json::from_slice(&files.safetensors[8..8 + header]).unwrap();
        let suffix = if weights == Weights::Int8 {
            "weight_scale"
        } else {
            "weight"
        };
        for name in [
            format!("model.layers.0.mlp.up_proj.{suffix}"),
            "model.norm.weight".into(),
        ] {
            let begin = index[&name]["data_offsets"][0].as_u64().unwrap() as usize + 8 + header;
            let mut damaged = files.clone();
            damaged.safetensors[begin..begin + 4].copy_from_slice(&f32::NAN.to_le_bytes());
            assert_eq!(code(&damaged), "corrupt", "{name}");
        }
    }
}

#[test]
fn damaged_files_give_codes_and_never_a_panic() {
    let whole = files(Weights::Int8);
    let mut chance = Chance(99);
    let mut seen = std::collections::BTreeMap::new();
    let header = 8 + u64::from_le_bytes(whole.safetensors[..8].try_into().unwrap()) as usize;
    for round in 0..4000 {
        let mut damaged = whole.clone();
        let (file, length) = match round % 3 {
            0 => (&mut damaged.config_json, whole.config_json.len()),
            1 => (&mut damaged.safetensors, header),
            _ => (&mut damaged.tokenizer, whole.tokenizer.len()),
        };
        match chance.below(4) {
            0 => file.truncate(chance.below(file.len())),
            1 => {
                let digit = file[..length]
                    .iter()
                    .enumerate()
                    .filter(|(_, byte)| byte.is_ascii_digit());
                let digits: Vec<usize> = digit.map(|(at, _)| at).collect();
                file[digits[chance.below(digits.len())]] = b'0' + chance.below(10) as u8;
            }
            _ => file[chance.below(length)] = chance.next() as u8,
        }
        let mut device = TestDevice::with_memory(64 << 20);
        let outcome = match damaged.load(&mut device) {
            Ok(model) => {
                // Still sound: it must also run, whatever the numbers are now.
                let mut session = Inference::new(&model, &[1, 5], Sampling::GREEDY).unwrap();
                let ran = session.step(&model, &Until::Token, &mut device, &never);
                ran.map_or_else(|error| error.code(), |_| "ok")
            }
            Err(error) => {
                assert_eq!(device.live_buffers(), 0);
                assert!(error.to_string().len() < 1000);
                error.code()
            }
        };
        *seen.entry(outcome).or_insert(0) += 1;
    }
    let codes: Vec<&str> = seen.keys().copied().collect();
    assert!(
        codes
            .iter()
            .all(|code| ["ok", "corrupt", "unsupported", "outOfMemory", "badArgument"].contains(code)),
        "{seen:?}"
    );
    assert!(
        ["ok", "corrupt", "unsupported"]
            .iter()
            .all(|code| seen.get(code).is_some_and(|&count| count > 50)),
        "{seen:?}"
    );
}

#[test]
fn the_briefs_names_are_those_of_the_session() {
    let (values, scales) = TinyLlamaInference::quantify(&[0.5, -1.0], 1, 2);
    assert_eq!((values, scales), (vec![64, -127], vec![1.0 / 127.0]));
}
