//! Messages of blob.*.

use super::*;

pub fn cases() -> Vec<Case> {
    vec![
        call(
            "blob.has call",
            0x0030,
            28,
            HasArgs {
                digests: vec![digest(0), digest(1)],
            },
            None,
            &[],
        ),
        reply(
            "blob.has reply",
            0x0030,
            28,
            HasResult {
                present: vec![true, false],
            },
            &[],
        ),
        call(
            "blob.begin call",
            0x0031,
            30,
            BeginArgs {
                digest: digest(7),
                size_bytes: 300_000,
                chunk_bytes: 262_144,
                chunk_digests: [digest(8).to_vec(), digest(9).to_vec()].concat().into(),
                chunk_list: None,
            },
            None,
            &[],
        ),
        call(
            "blob.begin call with the digests as body",
            0x0031,
            32,
            BeginArgs {
                digest: digest(7),
                size_bytes: 40_000,
                chunk_bytes: 20_000,
                chunk_digests: vec![].into(),
                chunk_list: None,
            },
            None,
            &[digest(8).to_vec(), digest(9).to_vec()].concat(),
        ),
        call(
            "blob.begin call with the digests as a blob",
            0x0031,
            36,
            BeginArgs {
                digest: digest(7),
                size_bytes: 1_100_000_000,
                chunk_bytes: 16_384,
                chunk_digests: vec![].into(),
                chunk_list: Some(digest(10)),
            },
            None,
            &[],
        ),
        reply(
            "blob.begin reply",
            0x0031,
            30,
            BeginResult {
                bitmap: vec![0b01].into(),
            },
            &[],
        ),
        call(
            "blob.put call",
            0x0032,
            34,
            PutArgs {
                digest: digest(7),
                index: 1,
            },
            None,
            b"chunk",
        ),
        reply("blob.put reply", 0x0032, 34, Nothing {}, &[]),
        call(
            "blob.commit call",
            0x0033,
            36,
            OneDigest { digest: digest(7) },
            None,
            &[],
        ),
        reply("blob.commit reply", 0x0033, 36, Nothing {}, &[]),
        call("blob.list call", 0x0034, 38, Nothing {}, None, &[]),
        reply(
            "blob.list reply",
            0x0034,
            38,
            ListResult {
                blobs: vec![BlobEntry {
                    digest: digest(7),
                    size_bytes: 300_000,
                    pins: 1,
                    pinned: None,
                }],
                quota_bytes: 1 << 34,
                used_bytes: 300_000,
            },
            &[],
        ),
    ]
}
