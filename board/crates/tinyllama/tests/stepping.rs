//! A session as a step machine: stops, records, cancelling, failing and going on.

mod support;

use std::cell::Cell;

use npu_device::DeviceError;
use support::{
    PROMPT, Shape, TOKEN_OPERATORS, TestDevice, Weights, f32s, files, generate, model_files, never, open, step, step_to,
};
use tinyllama::{Inference, InferenceState, ModelError, RunsOn, Sampling, TraceRecord, Until};

fn steps(until: &Until, stops: usize) -> (Vec<TraceRecord>, InferenceState, Vec<f32>) {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    let mut records = Vec::new();
    for _ in 0..stops {
        records.extend(step(&mut session, &model, &mut device, until.clone()));
    }
    (records, session.state(), f32s(&session, "lm_head"))
}

#[test]
fn records_tokens_and_logits_do_not_depend_on_how_finely_one_steps() {
    let by_token = steps(&Until::Token, 4);
    assert_eq!(by_token.0.len(), 4 * TOKEN_OPERATORS as usize);
    assert_eq!(steps(&Until::Layer, 4 * 3), by_token);
    assert_eq!(steps(&Until::Op, 4 * TOKEN_OPERATORS as usize), by_token);
    assert_eq!(steps(&Until::Named("sample".into()), 4), by_token);
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    let tokens = generate(&mut session, &model, &mut device, 4);
    assert_eq!(tokens, by_token.1.tokens[PROMPT.len()..]);
}

#[test]
fn steps_stop_where_they_say() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    let names = |records: Vec<TraceRecord>| -> Vec<String> {
        records
            .iter()
            .map(|record| model.operators()[record.operator as usize].name.clone())
            .collect()
    };
    assert_eq!(
        names(step(&mut session, &model, &mut device, Until::Op)),
        ["embed_tokens"]
    );
    let layer = names(step(&mut session, &model, &mut device, Until::Layer));
    assert_eq!(
        (layer.len(), layer.last().unwrap().as_str()),
        (18, "layers.0.mlp_residual")
    );
    let named = names(step_to(&mut session, &model, &mut device, "layers.1.self_attn.k_proj"));
    assert_eq!(named.last().unwrap(), "layers.1.self_attn.k_proj");
    let tail = ["norm", "lm_head_quantize", "lm_head", "sample"];
    step(&mut session, &model, &mut device, Until::Layer);
    assert_eq!(names(step(&mut session, &model, &mut device, Until::Layer)), tail);
    let unknown = session
        .step(&model, &Until::Named("layers.9.mlp".into()), &mut device, &never)
        .unwrap_err();
    assert_eq!(
        (unknown.code(), unknown.to_string().as_str()),
        ("notFound", "no operator is called layers.9.mlp")
    );
}

#[test]
fn the_prompt_runs_in_one_pass_and_a_token_in_one_row() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    let prompt = step(&mut session, &model, &mut device, Until::Token);
    let decode = step(&mut session, &model, &mut device, Until::Token);
    let shape = |records: &[TraceRecord], name: &str| {
        let index = model
            .operators()
            .iter()
            .position(|operator| operator.name == name)
            .unwrap();
        (records[index].position, records[index].rows)
    };
    assert_eq!(shape(&prompt, "layers.1.mlp.down_proj"), (0, 5));
    assert_eq!(shape(&prompt, "lm_head"), (4, 1));
    assert_eq!(shape(&decode, "layers.1.mlp.down_proj"), (5, 1));
    assert_eq!(session.tensor("layers.0.self_attn.rope").unwrap().shape, [1, 8, 8]);
    assert_eq!(session.tensor("layers.0.self_attn.attention").unwrap().shape, [1, 6, 8]);
    // Per token: q/k/v, o, gate/up, down in each of two layers, and lm_head.
    assert_eq!(
        device.jobs.iter().map(Vec::len).collect::<Vec<_>>(),
        [3, 1, 2, 1, 3, 1, 2, 1, 1].repeat(2)
    );
}

#[test]
fn a_long_prompt_runs_in_passes_of_at_most_512_rows_with_the_same_result() {
    let shape = Shape {
        positions: 600,
        layers: 1,
        ..Shape::default()
    };
    let files = model_files(5, shape, Weights::Int8).0;
    let mut device = TestDevice::default();
    let model = files.load(&mut device).unwrap();
    let prompt: Vec<u32> = (0..530).map(|i| (i * 7 % 300) as u32).collect();
    let mut session = Inference::new(&model, &prompt, Sampling::GREEDY).unwrap();
    let records = step(&mut session, &model, &mut device, Until::Token);
    let rows: Vec<u32> = records.iter().filter(|r| r.operator == 0).map(|r| r.rows).collect();
    assert_eq!((rows, records.len()), (vec![512, 18], 19 + 19 + 4));
    assert_eq!((session.state().position, session.state().tokens.len()), (530, 531));
    let logits = f32s(&session, "lm_head");
    session.rewind(300).unwrap();
    step(&mut session, &model, &mut device, Until::Token);
    assert_eq!(f32s(&session, "lm_head"), logits);
}

#[test]
fn records_of_a_job_sum_to_its_modelled_time_and_cpu_operators_have_none() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    let records = step(&mut session, &model, &mut device, Until::Token);
    let jobs = device.jobs.len() as u64;
    let npu: Vec<&TraceRecord> = records.iter().filter(|record| record.runs_on == RunsOn::Npu).collect();
    assert_eq!(
        npu.iter().map(|record| record.job_overhead_ns).sum::<u64>(),
        1000 * jobs
    );
    let total: u64 = npu.iter().filter_map(|record| record.modelled_ns).sum();
    assert_eq!(total, npu_device::Accelerator::now_ticks(&device));
    assert_eq!(npu.last().unwrap().end_ticks, total);
    for record in records.iter().filter(|record| record.runs_on == RunsOn::Cpu) {
        assert_eq!((record.modelled_ns, record.cycles), (None, 0));
        assert!(record.bytes_read > 0 && record.bytes_written > 0);
    }
    let of = |name: &str| records[model.operators().iter().position(|op| op.name == name).unwrap()];
    // 5 rows of 32 with one weight; six query and two KV heads of 8 see 1 + 2 + 3 + 4 + 5 keys.
    assert_eq!((of("norm").bytes_read, of("norm").macs), (2 * 32 * 4, 32));
    let norm = of("layers.0.input_layernorm");
    assert_eq!(
        (norm.bytes_read, norm.bytes_written, norm.macs),
        (6 * 32 * 4, 5 * 32 * 4, 160)
    );
    let attention = of("layers.0.self_attn.attention");
    assert_eq!(
        (attention.bytes_read, attention.bytes_written, attention.macs),
        (5 * 80 * 4, 5 * 80 * 4, 2 * 48 * 15)
    );
    let quantize = of("layers.0.mlp.down_quantize");
    assert_eq!(
        (quantize.bytes_read, quantize.bytes_written),
        (5 * 44 * 4, 5 * 44 + 5 * 4)
    );
}

#[test]
fn a_cancelled_step_stands_at_an_operator_and_loses_no_record() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    let whole = step(&mut session, &model, &mut device, Until::Token);
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    let asked = Cell::new(0);
    let cancel = || {
        asked.set(asked.get() + 1);
        asked.get() > 11
    };
    assert_eq!(
        session.step(&model, &Until::Token, &mut device, &cancel),
        Err(ModelError::Cancelled)
    );
    assert_eq!((session.state().next_operator, session.state().position), (11, 0));
    assert_eq!(step(&mut session, &model, &mut device, Until::Token), whole);
}

#[test]
fn a_failed_job_can_be_stepped_again() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    step_to(&mut session, &model, &mut device, "layers.0.self_attn.o_quantize");
    for (error, code) in [
        (DeviceError::Timeout { tasks_done: 0 }, "npuTimeout"),
        (DeviceError::Fault("CNA".into()), "npuFault"),
        (DeviceError::Lost, "deviceStuck"),
    ] {
        device.fail_next = Some(error);
        let failed = session.step(&model, &Until::Token, &mut device, &never).unwrap_err();
        assert_eq!((failed.code(), session.state().next_operator), (code, 9));
        assert!(!failed.remedy().is_empty());
    }
    let state = session.step(&model, &Until::Token, &mut device, &never).unwrap().state;
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    step(&mut session, &model, &mut device, Until::Token);
    assert_eq!(session.state(), state);
}

#[test]
fn a_session_checks_its_prompt_its_sampling_and_its_model() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    let code = |prompt: &[u32], sampling| Inference::new(&model, prompt, sampling).unwrap_err().code();
    assert_eq!(code(&[], Sampling::GREEDY), "badArgument");
    assert_eq!(code(&[300], Sampling::GREEDY), "badArgument");
    assert_eq!(code(&[1; 49], Sampling::GREEDY), "tooLarge");
    assert_eq!(
        code(
            &[1],
            Sampling {
                temperature: -1.0,
                ..Sampling::GREEDY
            }
        ),
        "badArgument"
    );
    assert!(Inference::new(&model, &[1; 48], Sampling::GREEDY).is_ok());
    let other = files().load(&mut device).unwrap();
    assert_eq!(
        session
            .step(&other, &Until::Op, &mut device, &never)
            .unwrap_err()
            .code(),
        "badArgument"
    );
}

#[test]
fn tensors_are_read_as_little_endian_ranges() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    step_to(&mut session, &model, &mut device, "layers.0.self_attn.qkv_quantize");
    let values = f32s(&session, "layers.0.input_layernorm");
    let tensor = session.tensor("layers.0.input_layernorm").unwrap();
    assert_eq!((tensor.dtype(), &tensor.shape[..]), ("f32", &[5, 32][..]));
    assert_eq!(tensor.to_le_bytes(33, 1).unwrap(), values[33].to_le_bytes());
    assert_eq!(tensor.to_le_bytes(0, 0).unwrap().len(), 5 * 32 * 4);
    assert_eq!(tensor.to_le_bytes(159, 2).unwrap_err().code(), "badArgument");
    assert_eq!(tensor.to_le_bytes(usize::MAX, 2).unwrap_err().code(), "badArgument");
    assert_eq!(
        session
            .tensor("layers.0.self_attn.qkv_quantize")
            .unwrap()
            .to_le_bytes(1, 3)
            .unwrap()
            .len(),
        3
    );
    assert_eq!(session.tensor("lm_head").unwrap_err().code(), "notFound");
    assert_eq!(session.tensor("nonsense").unwrap_err().code(), "notFound");
}
