//! A session as a step machine: stops, replacement, rewinding, cancelling, failing and going on.

mod support;

use std::cell::Cell;
use std::ops::ControlFlow;

use npu_device::DeviceError;
use support::{Files, Shape, TestDevice, Weights, model_files, never};
use tinyllama::{
    GenerateOptions, Inference, InferenceState, Model, ModelError, RunsOn, Sampling, StopReason, TensorData,
    TraceRecord, Until,
};

const PROMPT: [u32; 5] = [1, 30, 263, 7, 290];
const TOKEN_OPERATORS: u32 = 1 + 2 * 18 + 4;

fn files() -> Files {
    model_files(21, Shape::default(), Weights::Int8).0
}

fn open(device: &mut TestDevice) -> (Model, Inference) {
    let model = files().load(device).unwrap();
    let session = Inference::new(&model, &PROMPT, Sampling::GREEDY).unwrap();
    (model, session)
}

fn step(session: &mut Inference, model: &Model, device: &mut TestDevice, until: Until) -> Vec<TraceRecord> {
    session.step(model, &until, device, &never).unwrap().records
}

fn f32s(session: &Inference, name: &str) -> Vec<f32> {
    match session.tensor(name).unwrap().data {
        TensorData::F32(values) => values.to_vec(),
        TensorData::I8(_) => panic!("{name} is i8"),
    }
}

fn generate(session: &mut Inference, model: &Model, device: &mut TestDevice, count: u32) -> Vec<u32> {
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
    let named = names(step(
        &mut session,
        &model,
        &mut device,
        Until::Named("layers.1.self_attn.k_proj".into()),
    ));
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
fn a_replaced_residual_carries_the_other_prompt_to_its_own_next_token() {
    let mut device = TestDevice::default();
    let model = files().load(&mut device).unwrap();
    let run = |prompt: &[u32], device: &mut TestDevice| {
        let mut session = Inference::new(&model, prompt, Sampling::GREEDY).unwrap();
        session
            .step(&model, &Until::Named("layers.1.mlp_residual".into()), device, &never)
            .unwrap();
        session
    };
    let mut other = run(&[1, 99, 12], &mut device);
    let mut session = run(&PROMPT, &mut device);
    let residual = f32s(&other, "layers.1.mlp_residual");
    session
        .replace("layers.1.mlp_residual", 4 * 32, &residual[2 * 32..])
        .unwrap();
    let [wanted, found] = [&mut other, &mut session].map(|session| {
        session.step(&model, &Until::Token, &mut device, &never).unwrap();
        (session.state().last_token, f32s(session, "lm_head"))
    });
    assert_eq!(found, wanted);
    let mut untouched = run(&PROMPT, &mut device);
    untouched.step(&model, &Until::Token, &mut device, &never).unwrap();
    assert_ne!(f32s(&untouched, "lm_head"), found.1);
}

#[test]
fn a_replaced_logit_is_the_sampled_token_and_a_replaced_token_is_the_next_input() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    step(&mut session, &model, &mut device, Until::Named("lm_head".into()));
    session.replace("lm_head", 123, &[1e9]).unwrap();
    step(&mut session, &model, &mut device, Until::Op);
    assert_eq!(session.state().last_token, Some(123));
    session.replace("sample", 0, &[45.0]).unwrap();
    assert_eq!(session.state().tokens, [&PROMPT[..], &[45]].concat());
    step(&mut session, &model, &mut device, Until::Op);
    let embedding = f32s(&session, "embed_tokens");
    let mut other = Inference::new(&model, &[45], Sampling::GREEDY).unwrap();
    step(&mut other, &model, &mut device, Until::Op);
    assert_eq!(embedding, f32s(&other, "embed_tokens"));
}

#[test]
fn activations_replaced_between_products_of_one_job_change_the_products_that_follow() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    step(
        &mut session,
        &model,
        &mut device,
        Until::Named("layers.0.self_attn.q_proj".into()),
    );
    let q = f32s(&session, "layers.0.self_attn.q_proj");
    let name = "layers.0.self_attn.qkv_quantize";
    assert_eq!(session.tensor(name).unwrap().dtype(), "i8");
    assert_eq!(session.tensor(&format!("{name}.scales")).unwrap().shape, [5]);
    session.replace(name, 0, &[0.0; 5 * 32]).unwrap();
    step(
        &mut session,
        &model,
        &mut device,
        Until::Named("layers.0.self_attn.v_proj".into()),
    );
    assert_eq!(f32s(&session, "layers.0.self_attn.q_proj"), q);
    assert!(q.iter().any(|&value| value != 0.0));
    assert_eq!(f32s(&session, "layers.0.self_attn.k_proj"), [0.0; 5 * 16]);
    assert_eq!(f32s(&session, "layers.0.self_attn.v_proj"), [0.0; 5 * 16]);
    assert_eq!(device.jobs.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2]);
}

#[test]
fn a_replacement_that_could_not_matter_is_refused() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    step(
        &mut session,
        &model,
        &mut device,
        Until::Named("layers.0.attn_residual".into()),
    );
    let code = |session: &mut Inference, name: &str, offset, values: &[f32]| {
        session.replace(name, offset, values).map_err(|error| error.code())
    };
    assert_eq!(code(&mut session, "layers.0.attn_residual", 5 * 32 - 1, &[1.0]), Ok(()));
    assert_eq!(
        code(&mut session, "layers.0.attn_residual", 5 * 32, &[1.0]),
        Err("badArgument")
    );
    assert_eq!(
        code(&mut session, "layers.0.attn_residual", usize::MAX, &[1.0]),
        Err("badArgument")
    );
    assert_eq!(
        code(&mut session, "layers.0.self_attn.rope", 0, &[1.0]),
        Err("badArgument")
    );
    assert_eq!(
        code(&mut session, "layers.1.self_attn.rope", 0, &[1.0]),
        Err("notFound")
    );
    assert_eq!(code(&mut session, "lm_head.scales", 0, &[1.0]), Err("notFound"));
    step(
        &mut session,
        &model,
        &mut device,
        Until::Named("layers.0.mlp.gate_up_quantize".into()),
    );
    assert_eq!(
        code(&mut session, "layers.0.mlp.gate_up_quantize", 0, &[0.5]),
        Err("badArgument")
    );
    assert_eq!(
        code(&mut session, "layers.0.mlp.gate_up_quantize", 0, &[f32::NAN]),
        Err("badArgument")
    );
    assert_eq!(
        code(&mut session, "layers.0.mlp.gate_up_quantize.scales", 4, &[0.5]),
        Ok(())
    );
    step(&mut session, &model, &mut device, Until::Token);
    assert_eq!(code(&mut session, "sample", 0, &[300.0]), Err("badArgument"));
    assert_eq!(code(&mut session, "sample", 0, &[-1.0]), Err("badArgument"));
}

#[test]
fn infinities_end_in_an_error_at_the_sampler_and_not_in_a_token() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    step(&mut session, &model, &mut device, Until::Named("norm".into()));
    session.replace("norm", 0, &[f32::NAN; 32]).unwrap();
    step(
        &mut session,
        &model,
        &mut device,
        Until::Named("lm_head_quantize".into()),
    );
    session.replace("lm_head_quantize.scales", 0, &[f32::INFINITY]).unwrap();
    let error = session.step(&model, &Until::Token, &mut device, &never).unwrap_err();
    assert_eq!(error.code(), "badArgument");
    assert_eq!(session.state().tokens, PROMPT);
}

#[test]
fn a_rewound_session_repeats_the_same_bytes() {
    for sampling in [
        Sampling::GREEDY,
        Sampling {
            temperature: 1.5,
            top_p: 0.95,
            seed: 77,
        },
    ] {
        let mut device = TestDevice::default();
        let model = files().load(&mut device).unwrap();
        let mut session = Inference::new(&model, &PROMPT, sampling).unwrap();
        let first = generate(&mut session, &model, &mut device, 3);
        let mark = session.snapshot();
        assert_eq!(mark, 7);
        let at_mark = session.state();
        let later = generate(&mut session, &model, &mut device, 6);
        let logits = f32s(&session, "lm_head");
        assert_eq!(session.rewind(mark), Ok(at_mark));
        assert_eq!(session.tensor("lm_head").unwrap_err().code(), "notFound");
        assert_eq!(generate(&mut session, &model, &mut device, 6), later);
        assert_eq!(f32s(&session, "lm_head"), logits);
        // Into the prompt: its rest runs again as rows, and every token follows as before.
        for position in [5, 2, 0] {
            let state = session.rewind(position).unwrap();
            assert_eq!((state.position, state.next_operator), (position, 0));
            let kept = state.tokens.len() - PROMPT.len();
            assert_eq!(kept, usize::from(position == 5));
            let again = generate(&mut session, &model, &mut device, 9 - kept as u32);
            assert_eq!(again, [&first[..], &later].concat()[kept..]);
            assert_eq!(f32s(&session, "lm_head"), logits);
        }
        assert_eq!(session.rewind(99).unwrap_err().code(), "badArgument");
    }
}

#[test]
fn rewinding_in_the_middle_of_a_pass_drops_the_pass() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    let tokens = generate(&mut session, &model, &mut device, 3);
    session.rewind(5).unwrap();
    step(
        &mut session,
        &model,
        &mut device,
        Until::Named("layers.1.self_attn.k_proj".into()),
    );
    assert_eq!(session.snapshot(), 5);
    session.rewind(5).unwrap();
    assert_eq!(generate(&mut session, &model, &mut device, 2), tokens[1..]);
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
    step(
        &mut session,
        &model,
        &mut device,
        Until::Named("layers.0.self_attn.o_quantize".into()),
    );
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
fn generating_ends_at_a_stop_token_at_the_callers_wish_and_at_the_last_position() {
    let mut device = TestDevice::default();
    let (model, mut session) = open(&mut device);
    let tokens = generate(&mut session, &model, &mut device, 3);
    let run = |session: &mut Inference, device: &mut TestDevice, options: &GenerateOptions, most: usize| {
        let mut count = 0;
        let reason = session.generate(&model, options, device, &never, &mut |_| {
            count += 1;
            if count == most {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        });
        (reason.unwrap(), count)
    };
    session.rewind(0).unwrap();
    let place = tokens.iter().position(|token| *token == tokens[2]).unwrap() + 1;
    let stop = GenerateOptions {
        max_tokens: 100,
        stop_tokens: vec![tokens[2]],
        ..GenerateOptions::default()
    };
    assert_eq!(
        run(&mut session, &mut device, &stop, usize::MAX),
        (StopReason::StopToken, place)
    );
    session.rewind(0).unwrap();
    let long = GenerateOptions {
        max_tokens: 100,
        ..GenerateOptions::default()
    };
    assert_eq!(run(&mut session, &mut device, &long, 2), (StopReason::Cancelled, 2));
    // 48 positions hold the prompt of 5 and 43 sampled tokens; the 44th is sampled from the last position.
    assert_eq!(
        run(&mut session, &mut device, &long, usize::MAX),
        (StopReason::ContextFull, 42)
    );
    let full = session.step(&model, &Until::Op, &mut device, &never).unwrap_err();
    assert_eq!(
        (full.clone(), full.code()),
        (ModelError::ContextFull { positions: 48 }, "tooLarge")
    );
    let none = GenerateOptions {
        max_tokens: 0,
        ..GenerateOptions::default()
    };
    assert_eq!(run(&mut session, &mut device, &none, 1), (StopReason::MaxTokens, 0));
    let cancelled = session.generate(&model, &long, &mut device, &|| true, &mut |_| ControlFlow::Continue(()));
    assert_eq!(cancelled, Ok(StopReason::Cancelled));
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
    step(
        &mut session,
        &model,
        &mut device,
        Until::Named("layers.0.self_attn.qkv_quantize".into()),
    );
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
