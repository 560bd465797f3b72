//! One small model and a session on it, and what its tests do with them again and again.

use std::ops::ControlFlow;

use tinyllama::{GenerateOptions, Inference, Model, Sampling, StopReason, TensorData, TraceRecord, Until};

use super::{Files, Shape, TestDevice, Weights, model_files, never};

pub const PROMPT: [u32; 5] = [1, 30, 263, 7, 290];
pub const TOKEN_OPERATORS: u32 = 1 + 2 * 18 + 4;

pub fn files() -> Files {
    model_files(21, Shape::default(), Weights::Int8).0
}

pub fn open(device: &mut TestDevice) -> (Model, Inference) {
    let model = files().load(device).unwrap();
    let session = Inference::new(&model, &PROMPT, Sampling::GREEDY).unwrap();
    (model, session)
}

pub fn step(session: &mut Inference, model: &Model, device: &mut TestDevice, until: Until) -> Vec<TraceRecord> {
    session.step(model, &until, device, &never).unwrap().records
}

/// Runs until the named operator has run.
pub fn step_to(session: &mut Inference, model: &Model, device: &mut TestDevice, name: &str) -> Vec<TraceRecord> {
    step(session, model, device, Until::Named(name.into()))
}

pub fn f32s(session: &Inference, name: &str) -> Vec<f32> {
    match session.tensor(name).unwrap().data {
        TensorData::F32(values) => values.to_vec(),
        TensorData::I8(_) => panic!("{name} is i8"),
    }
}

pub fn generate(session: &mut Inference, model: &Model, device: &mut TestDevice, count: u32) -> Vec<u32> {
    let mut tokens = Vec::new();
    let options = GenerateOptions {
        max_tokens: count,
        ..GenerateOptions::default()
    };
    let reason = session
        .generate(model, &options, device, &never, &mut |token| {
            tokens.push(token.token);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((reason, tokens.len() as u32), (StopReason::MaxTokens, count));
    tokens
}
