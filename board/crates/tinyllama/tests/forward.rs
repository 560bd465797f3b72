//! The machine against a forward pass in f64 that shares nothing with it.

mod support;

use support::{Activations, Shape, TestDevice, Weights, forward, model_files, never};
use tinyllama::{Inference, Sampling, TensorData, Until};

const PROMPT: [u32; 7] = [1, 263, 17, 299, 4, 4, 150];

/// Outputs of every f32 operator after the whole prompt, as one row-major vector each.
fn outputs(seed: u64, shape: Shape, weights: Weights) -> Vec<(String, usize, Vec<f32>)> {
    let (files, _) = model_files(seed, shape, weights);
    let mut device = TestDevice::default();
    let model = files.load(&mut device).unwrap();
    let mut session = Inference::new(&model, &PROMPT, Sampling::GREEDY).unwrap();
    session.step(&model, &Until::Token, &mut device, &never).unwrap();
    let names = model.operators().iter().map(|operator| operator.name.clone());
    names
        .filter_map(|name| {
            let tensor = session.tensor(&name).unwrap();
            match tensor.data {
                TensorData::F32(values) if name != "sample" => Some((name, tensor.shape[0], values.to_vec())),
                _ => None,
            }
        })
        .collect()
}

fn relative_l2(found: &[f32], wanted: &[f64]) -> f64 {
    assert_eq!(found.len(), wanted.len());
    let error: f64 = found.iter().zip(wanted).map(|(a, b)| (f64::from(*a) - b).powi(2)).sum();
    (error / wanted.iter().map(|b| b * b).sum::<f64>()).sqrt()
}

fn worst(seed: u64, shape: Shape, activations: Activations) -> f64 {
    let (_, tensors) = model_files(seed, shape, Weights::F32);
    let reference = forward(&shape, &tensors, &PROMPT, activations);
    let outputs = outputs(seed, shape, Weights::F32);
    assert_eq!(outputs.len(), reference.len());
    outputs
        .iter()
        .map(|(name, rows, values)| {
            let wanted = &reference[name];
            assert_eq!(
                *rows,
                if ["norm", "lm_head"].contains(&name.as_str()) {
                    1
                } else {
                    PROMPT.len()
                }
            );
            relative_l2(values, &wanted[PROMPT.len() - rows..].concat())
        })
        .fold(0.0, f64::max)
}

#[test]
fn every_operator_agrees_with_f64_arithmetic_on_int8_activations() {
    for seed in 1..=5 {
        let worst = worst(seed, Shape::default(), Activations::Int8);
        assert!(worst < 1e-4, "seed {seed}: relative error {worst}");
    }
}

#[test]
fn rounding_activations_to_int8_stays_close_to_the_float_model() {
    for seed in 1..=5 {
        let worst = worst(seed, Shape::default(), Activations::Float);
        assert!((1e-3..0.06).contains(&worst), "seed {seed}: relative error {worst}");
    }
}

#[test]
fn a_tied_output_layer_is_the_rounded_embedding_table() {
    let shape = Shape {
        tied: true,
        ..Shape::default()
    };
    let worst = worst(3, shape, Activations::Int8);
    assert!(worst < 1e-4, "relative error {worst}");
}

#[test]
fn float_bf16_and_int8_files_of_the_same_numbers_give_the_same_bytes() {
    let float = outputs(8, Shape::default(), Weights::F32);
    assert_eq!(float, outputs(8, Shape::default(), Weights::Bf16));
    assert_eq!(float, outputs(8, Shape::default(), Weights::Int8));
}

#[test]
fn one_row_at_a_time_gives_the_same_bytes_as_all_rows_at_once() {
    let shape = Shape::default();
    let (files, _) = model_files(4, shape, Weights::Int8);
    let mut device = TestDevice::default();
    let model = files.load(&mut device).unwrap();
    let mut single = Inference::new(&model, &PROMPT[..1], Sampling::GREEDY).unwrap();
    for &token in &PROMPT[1..] {
        single.step(&model, &Until::Token, &mut device, &never).unwrap();
        single.replace("sample", 0, &[token as f32]).unwrap();
    }
    let last = single.step(&model, &Until::Token, &mut device, &never).unwrap();
    let mut whole = Inference::new(&model, &PROMPT, Sampling::GREEDY).unwrap();
    let first = whole.step(&model, &Until::Token, &mut device, &never).unwrap();
    assert_eq!(
        last.state,
        tinyllama::InferenceState {
            last_token: last.state.last_token,
            ..first.state.clone()
        }
    );
    assert_eq!(single.tensor("lm_head").unwrap(), whole.tensor("lm_head").unwrap());
    let rows = first
        .records
        .iter()
        .map(|record| record.rows)
        .collect::<std::collections::BTreeSet<_>>();
    assert_eq!(rows.into_iter().collect::<Vec<_>>(), [1, PROMPT.len() as u32]);
}
