//! Text token by token: rewinding, and every way to end.

mod support;

use std::ops::ControlFlow;

use support::{PROMPT, TestDevice, f32s, files, generate, never, open, step_to};
use tinyllama::{GenerateOptions, Inference, ModelError, Sampling, StopReason, Until};

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
    step_to(&mut session, &model, &mut device, "layers.1.self_attn.k_proj");
    assert_eq!(session.snapshot(), 5);
    session.rewind(5).unwrap();
    assert_eq!(generate(&mut session, &model, &mut device, 2), tokens[1..]);
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
