//! Messages of model.*.

use super::*;

pub fn cases() -> Vec<Case> {
    let model = handle(5, 1, HandleKind::Model);
    let info = ModelInfo {
        name: "tiny".into(),
        layers: 4,
        hidden: 64,
        intermediate: 176,
        heads: 4,
        kv_heads: 2,
        vocabulary: 512,
        context: 256,
        weight_bytes: 1_234_567,
        bytes_per_token: 5_000_000_000,
    };
    vec![
        call(
            "model.load call",
            0x0040,
            40,
            OneDigest { digest: digest(7) },
            Some(600_000),
            &[],
        ),
        item(
            "model.load item",
            0x0040,
            40,
            0,
            LoadProgress {
                done_bytes: 1000,
                total_bytes: 4000,
            },
            &[],
        ),
        frame(
            "model.load end",
            FrameType::End,
            0x0040,
            40,
            &to_vec(&End { items: 1 }),
            &[],
        ),
        reply("model.load reply", 0x0040, 40, LoadResult { handle: model, info }, &[]),
        call("model.unload call", 0x0041, 42, OneHandle { handle: model }, None, &[]),
        reply("model.unload reply", 0x0041, 42, Nothing {}, &[]),
        call(
            "model.operators call",
            0x0042,
            44,
            OneHandle { handle: model },
            None,
            &[],
        ),
        item(
            "model.operators item",
            0x0042,
            44,
            0,
            vec![
                Operator {
                    name: "embed_tokens".into(),
                    layer: Nullable(None),
                    kind: "embedding".into(),
                    runs_on: "cpu".into(),
                    inner: 1,
                    outer: 64,
                },
                Operator {
                    name: "layers.0.self_attn.q_proj".into(),
                    layer: Nullable(Some(0)),
                    kind: "matmul".into(),
                    runs_on: "npu".into(),
                    inner: 64,
                    outer: 64,
                },
            ],
            &[],
        ),
        frame(
            "model.operators end",
            FrameType::End,
            0x0042,
            44,
            &to_vec(&End { items: 1 }),
            &[],
        ),
        reply("model.operators reply", 0x0042, 44, Nothing {}, &[]),
    ]
}
