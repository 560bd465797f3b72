//! Messages of infer.*.

use super::*;

pub fn cases() -> Vec<Case> {
    let model = handle(5, 1, HandleKind::Model);
    let inference = handle(6, 300, HandleKind::Inference);
    let sampling = Sampling {
        temperature: Float(0.7),
        top_p: Float(0.5),
        seed: 42,
    };
    let state = InferenceState {
        position: 3,
        next_operator: 0,
        last_token: Nullable(Some(29)),
        tokens: vec![1, 15, 70000, 29],
    };
    let fresh = InferenceState {
        position: 0,
        next_operator: 0,
        last_token: Nullable(None),
        tokens: vec![1, 15],
    };
    let mut compared = super::mem::summary();
    compared.std = Float(2.0);
    compared.cosine = Some(Float(0.5));
    compared.distance = Some(Float(65504.0));
    let tensor = TensorInfo {
        name: "lm_head".into(),
        dtype: Dtype::F32,
        shape: vec![2, 512],
    };
    let mut trace = Vec::new();
    TraceRecord {
        operator: 1,
        position: 2,
        rows: 3,
        runs_on: 1,
        start_ticks: 0x0102_0304_0506_0708,
        end_ticks: 0x0102_0304_0506_0800,
        modelled_ns: Some(9_000),
        cycles: 10,
        bytes_read: 11,
        bytes_written: 12,
        macs: 13,
    }
    .encode_to(&mut trace);
    TraceRecord {
        operator: 2,
        modelled_ns: None,
        ..Default::default()
    }
    .encode_to(&mut trace);
    vec![
        call(
            "infer.open call with tokens",
            0x0050,
            46,
            OpenArgs {
                model,
                prompt: Prompt::Tokens(vec![1, 15]),
                sampling: Some(sampling),
            },
            None,
            &[],
        ),
        call(
            "infer.open call with text",
            0x0050,
            48,
            OpenArgs {
                model,
                prompt: Prompt::Text("Once upon a time ü".into()),
                sampling: None,
            },
            None,
            &[],
        ),
        reply(
            "infer.open reply",
            0x0050,
            46,
            OpenResult {
                handle: inference,
                state: fresh,
            },
            &[],
        ),
        call(
            "infer.step call",
            0x0051,
            50,
            StepArgs {
                handle: inference,
                until: Until::Layer,
                name: None,
            },
            None,
            &[],
        ),
        call(
            "infer.step call to a named operator",
            0x0051,
            52,
            StepArgs {
                handle: inference,
                until: Until::Named,
                name: Some("layers.3.mlp.down_proj".into()),
            },
            None,
            &[],
        ),
        reply(
            "infer.step reply",
            0x0051,
            50,
            StateResult { state: state.clone() },
            &trace,
        ),
        call(
            "infer.generate call",
            0x0052,
            54,
            GenerateArgs {
                handle: inference,
                max_tokens: 64,
                sampling: Some(Sampling {
                    temperature: Float(0.0),
                    top_p: Float(1.0),
                    seed: 1 << 40,
                }),
                stop_tokens: Some(vec![2]),
            },
            None,
            &[],
        ),
        item(
            "infer.generate item",
            0x0052,
            54,
            0,
            GeneratedToken {
                token: 29,
                text: " there".into(),
            },
            &trace,
        ),
        frame(
            "infer.generate end",
            FrameType::End,
            0x0052,
            54,
            &to_vec(&End { items: 1 }),
            &[],
        ),
        reply(
            "infer.generate reply",
            0x0052,
            54,
            GenerateResult {
                state: state.clone(),
                reason: StopReason::StopToken,
            },
            &[],
        ),
        call(
            "infer.tensor call",
            0x0053,
            56,
            TensorArgs {
                handle: inference,
                name: "lm_head".into(),
                offset: 512,
                count: 0,
            },
            None,
            &[],
        ),
        reply("infer.tensor reply", 0x0053, 56, tensor.clone(), &1.5f32.to_le_bytes()),
        call(
            "infer.replace call",
            0x0054,
            58,
            ReplaceArgs {
                handle: inference,
                name: "norm".into(),
                offset: 3,
            },
            None,
            &(-2.0f32).to_le_bytes(),
        ),
        reply("infer.replace reply", 0x0054, 58, Nothing {}, &[]),
        call(
            "infer.summary call",
            0x0055,
            60,
            TensorSummaryArgs {
                handle: inference,
                name: "lm_head".into(),
                reference: Some(digest(3)),
            },
            None,
            &[],
        ),
        reply(
            "infer.summary reply",
            0x0055,
            60,
            TensorSummaryResult {
                info: tensor,
                summary: compared,
            },
            &[],
        ),
        call(
            "infer.snapshot call",
            0x0056,
            62,
            OneHandle { handle: inference },
            None,
            &[],
        ),
        reply("infer.snapshot reply", 0x0056, 62, PositionResult { position: 3 }, &[]),
        call(
            "infer.rewind call",
            0x0057,
            64,
            RewindArgs {
                handle: inference,
                position: 3,
            },
            None,
            &[],
        ),
        reply("infer.rewind reply", 0x0057, 64, StateResult { state }, &[]),
        call(
            "infer.close call",
            0x0058,
            66,
            OneHandle { handle: inference },
            None,
            &[],
        ),
        reply("infer.close reply", 0x0058, 66, Nothing {}, &[]),
    ]
}
