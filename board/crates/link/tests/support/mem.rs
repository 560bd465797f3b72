//! Messages of mem.*.

use super::*;

/// Used by infer.summary as well.
pub fn summary() -> Summary {
    Summary {
        min: Float(-1.5),
        max: Float(100000.0),
        mean: Float(0.1),
        std: Float(f64::NAN),
        nan_count: 1,
        histogram: (0..32).map(|i| i * 10).collect(),
        digest: digest(0x20),
        cosine: None,
        distance: None,
    }
}

pub fn cases() -> Vec<Case> {
    let buffer = handle(0, 1, HandleKind::Buffer);
    let summary = summary();
    vec![
        call("mem.alloc call", 0x0010, 6, Alloc { size_bytes: 4096 }, None, &[]),
        reply("mem.alloc reply", 0x0010, 6, OneHandle { handle: buffer }, &[]),
        call("mem.free call", 0x0011, 8, OneHandle { handle: buffer }, None, &[]),
        reply("mem.free reply", 0x0011, 8, Nothing {}, &[]),
        call(
            "mem.write call",
            0x0012,
            10,
            WriteArgs {
                handle: buffer,
                offset_bytes: 64,
            },
            None,
            &[1, 2, 3, 4, 5],
        ),
        reply("mem.write reply", 0x0012, 10, Nothing {}, &[]),
        call(
            "mem.read call",
            0x0013,
            12,
            RangeArgs {
                handle: buffer,
                offset_bytes: 64,
                length_bytes: 5,
            },
            Some(65_536),
            &[],
        ),
        reply("mem.read reply", 0x0013, 12, Nothing {}, &[1, 2, 3, 4, 5]),
        call(
            "mem.fill call",
            0x0014,
            14,
            FillArgs {
                handle: buffer,
                offset_bytes: 0,
                length_bytes: 4_294_967_296,
                byte: 255,
            },
            None,
            &[],
        ),
        reply("mem.fill reply", 0x0014, 14, Nothing {}, &[]),
        call(
            "mem.summary call",
            0x0015,
            16,
            SummaryArgs {
                handle: buffer,
                offset_bytes: 0,
                count: 1024,
                dtype: Dtype::F32,
            },
            None,
            &[],
        ),
        reply("mem.summary reply", 0x0015, 16, summary, &[]),
        call(
            "mem.digest call",
            0x0016,
            18,
            RangeArgs {
                handle: buffer,
                offset_bytes: 0,
                length_bytes: 4096,
            },
            None,
            &[],
        ),
        reply("mem.digest reply", 0x0016, 18, OneDigest { digest: digest(0) }, &[]),
    ]
}
