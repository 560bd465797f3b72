//! Tensors replaced between operators, and what follows from them.

mod support;

use support::{PROMPT, TestDevice, f32s, files, never, open, step, step_to};
use tinyllama::{Inference, Sampling, Until};

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
    step_to(&mut session, &model, &mut device, "lm_head");
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
    step_to(&mut session, &model, &mut device, "layers.0.self_attn.q_proj");
    let q = f32s(&session, "layers.0.self_attn.q_proj");
    let name = "layers.0.self_attn.qkv_quantize";
    assert_eq!(session.tensor(name).unwrap().dtype(), "i8");
    assert_eq!(session.tensor(&format!("{name}.scales")).unwrap().shape, [5]);
    session.replace(name, 0, &[0.0; 5 * 32]).unwrap();
    step_to(&mut session, &model, &mut device, "layers.0.self_attn.v_proj");
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
    step_to(&mut session, &model, &mut device, "layers.0.attn_residual");
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
    step_to(&mut session, &model, &mut device, "layers.0.mlp.gate_up_quantize");
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
    step_to(&mut session, &model, &mut device, "norm");
    session.replace("norm", 0, &[f32::NAN; 32]).unwrap();
    step_to(&mut session, &model, &mut device, "lm_head_quantize");
    session.replace("lm_head_quantize.scales", 0, &[f32::INFINITY]).unwrap();
    let error = session.step(&model, &Until::Token, &mut device, &never).unwrap_err();
    assert_eq!(error.code(), "badArgument");
    assert_eq!(session.state().tokens, PROMPT);
}
