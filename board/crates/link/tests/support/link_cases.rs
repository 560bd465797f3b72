//! Messages of lease, line test, collecting and importing blobs, deflate.

use super::*;

pub fn cases() -> Vec<Case> {
    let lease = LeaseArgs {
        ttl_ms: 30_000,
        who: "ann@desk, 03-link.ipynb".into(),
        why: "measuring".into(),
        wait_ms: 60_000,
    };
    let held = LeaseState {
        mine: false,
        holder: Nullable(Some("ann@desk, 03-link.ipynb".into())),
        why: "measuring".into(),
        held_ms: 1_234,
        expires_ms: 28_766,
        waiting: 2,
        place: None,
    };
    let free = LeaseState {
        mine: false,
        holder: Nullable(None),
        why: String::new(),
        held_ms: 0,
        expires_ms: 0,
        waiting: 0,
        place: None,
    };
    let mine = LeaseState {
        mine: true,
        held_ms: 0,
        expires_ms: 30_000,
        waiting: 0,
        ..held.clone()
    };
    let event = |name: &'static str, topic: u16, sequence: u64, payload: Vec<u8>| {
        let meta = to_vec(&Event {
            sequence,
            lost: 0,
            payload: Encoded(payload),
        });
        frame(name, FrameType::Event, topic, 0, &meta, &[])
    };
    let mut fields = Fields::default();
    fields.set("holder", FieldValue::Text("ann@desk".into()));
    fields.set("why", FieldValue::Text("measuring".into()));
    fields.set("heldMs", FieldValue::Uint(1_234));
    fields.set("expiresMs", FieldValue::Uint(28_766));
    fields.set("waiting", FieldValue::Uint(2));
    let compressed = |name: &'static str, method: u16, kind: FrameType, meta: Vec<u8>, body: &[u8]| Case {
        name,
        frame: Frame::build(
            Head {
                kind,
                flags: Flags::COMPRESSED,
                method,
                call_id: 98,
            },
            &meta,
            body,
        )
        .unwrap(),
    };
    // Raw deflate of 1000 zeros: one block with fixed codes.
    let zeros = [0x63, 0x60, 0x18, 0x05, 0xa3, 0x60, 0x14, 0x0c, 0x77, 0x00, 0x00];
    vec![
        frame(
            "hello-host that inflates",
            FrameType::Hello,
            0,
            0,
            &to_vec(&HelloHost {
                protocol_min: 1,
                protocol_current: 1,
                client: "@npulab/board 0.1.0".into(),
                wall_us: 1_795_000_000_000_000,
                token: None,
                streams: None,
                capabilities: Some(vec!["body.deflate".into()]),
            }),
            &[],
        ),
        frame(
            "hello-board on a serial line with a key that reads",
            FrameType::Hello,
            0,
            0,
            &to_vec(&HelloBoard {
                protocol_min: 1,
                protocol_current: 1,
                agent: "npulabd 0.1.0 aarch64-linux cpu".into(),
                boot_id: [8, 7, 6, 5, 4, 3, 2, 1].into(),
                token: [0x77; 16].into(),
                resumed: true,
                limits: Limits {
                    max_frame_bytes: 81_942,
                    max_in_flight: 16,
                    max_body_bytes: 16_384,
                },
                ticks_hz: 1_000_000_000,
                capabilities: vec!["blob.gc".into(), "body.deflate".into(), "lease".into()],
                grace_ms: 120_000,
                read_only: Some(true),
            }),
            &[],
        ),
        call(
            "sys.echo call",
            0x0003,
            72,
            EchoArgs { reply_bytes: 5 },
            None,
            &echo_pattern(300),
        ),
        reply(
            "sys.echo reply",
            0x0003,
            72,
            OneDigest { digest: digest(9) },
            &echo_pattern(5),
        ),
        call("sys.link call", 0x0004, 74, Nothing {}, None, &[]),
        reply(
            "sys.link reply",
            0x0004,
            74,
            LinkCounts {
                transport: "serial".into(),
                secured: true,
                sent_pdus: 1_000,
                repeated_pdus: 7,
                received_pdus: 70_000,
                damaged_segments: 3,
                payload_bytes: 1_024,
                window_bytes: 8_192,
                round_trip_us: Nullable(Some(16_500)),
            },
            &[],
        ),
        reply(
            "sys.link reply on TCP",
            0x0004,
            76,
            LinkCounts {
                transport: "tcp".into(),
                secured: false,
                sent_pdus: 0,
                repeated_pdus: 0,
                received_pdus: 0,
                damaged_segments: 0,
                payload_bytes: 0,
                window_bytes: 0,
                round_trip_us: Nullable(None),
            },
            &[],
        ),
        call("lease.acquire call", 0x0008, 78, lease.clone(), Some(61_000), &[]),
        reply("lease.acquire reply", 0x0008, 78, mine.clone(), &[]),
        frame(
            "fail of a lease that is held",
            FrameType::Fail,
            0x0008,
            78,
            &to_vec(&Fail {
                code: ErrorCode::LeaseHeld,
                cause: "ann@desk holds the board: measuring".into(),
                remedy: "Wait for the other session, or take the lease.".into(),
                fields: Some(fields),
            }),
            &[],
        ),
        call("lease.release call", 0x0009, 80, Nothing {}, None, &[]),
        reply("lease.release reply", 0x0009, 80, Nothing {}, &[]),
        call(
            "lease.take call",
            0x000a,
            82,
            LeaseArgs { wait_ms: 0, ..lease },
            None,
            &[],
        ),
        reply("lease.take reply", 0x000a, 82, mine, &[]),
        call("lease.state call", 0x000b, 84, Nothing {}, None, &[]),
        reply("lease.state reply", 0x000b, 84, held.clone(), &[]),
        reply(
            "lease.state reply of a session that waits",
            0x000b,
            84,
            LeaseState { place: Some(2), ..held },
            &[],
        ),
        reply("lease.state reply of a free board", 0x000b, 84, free, &[]),
        reply(
            "blob.list reply with a pinned blob",
            0x0034,
            86,
            ListResult {
                blobs: vec![BlobEntry {
                    digest: digest(3),
                    size_bytes: 5,
                    pins: 0,
                    pinned: Some(true),
                }],
                quota_bytes: 1 << 34,
                used_bytes: 5,
            },
            &[],
        ),
        call(
            "blob.pin call",
            0x0035,
            86,
            PinArgs {
                digest: digest(3),
                pinned: true,
            },
            None,
            &[],
        ),
        reply("blob.pin reply", 0x0035, 86, Nothing {}, &[]),
        call(
            "blob.remove call",
            0x0036,
            88,
            OneDigest { digest: digest(3) },
            None,
            &[],
        ),
        reply("blob.remove reply", 0x0036, 88, Nothing {}, &[]),
        call("blob.gc call", 0x0037, 90, GcArgs { free_bytes: 1 << 30 }, None, &[]),
        reply(
            "blob.gc reply",
            0x0037,
            90,
            GcResult {
                freed_bytes: 6_000,
                used_bytes: 12_000,
            },
            &[],
        ),
        call(
            "blob.import call",
            0x0038,
            92,
            ImportArgs {
                name: "model.safetensors".into(),
            },
            None,
            &[],
        ),
        item(
            "blob.import item",
            0x0038,
            92,
            0,
            LoadProgress {
                done_bytes: 1 << 20,
                total_bytes: 1 << 21,
            },
            &[],
        ),
        frame(
            "blob.import end",
            FrameType::End,
            0x0038,
            92,
            &to_vec(&End { items: 1 }),
            &[],
        ),
        reply(
            "blob.import reply",
            0x0038,
            92,
            ImportResult {
                digest: digest(4),
                size_bytes: 1 << 21,
            },
            &[],
        ),
        call("blob.importable call", 0x0039, 94, Nothing {}, None, &[]),
        reply(
            "blob.importable reply",
            0x0039,
            94,
            ImportableResult {
                files: vec![ImportableFile {
                    name: "model.safetensors".into(),
                    size_bytes: 1 << 21,
                }],
            },
            &[],
        ),
        event(
            "event lease",
            TOPIC_LEASE,
            2,
            to_vec(&LeaseEvent {
                change: LeaseChange::Taken,
                who: "bob@lab".into(),
                why: "urgent".into(),
                lost: true,
            }),
        ),
        event(
            "event console",
            TOPIC_CONSOLE,
            3,
            to_vec(&ConsoleEvent {
                text: "[    4.711] eth0: up\r\n".into(),
            }),
        ),
        event(
            "event progress",
            TOPIC_PROGRESS,
            4,
            to_vec(&ProgressEvent {
                call_id: 96,
                done_bytes: 16 << 20,
                total_bytes: 1_100_048_384,
            }),
        ),
        event(
            "event queue",
            TOPIC_QUEUE,
            5,
            to_vec(&LeaseState {
                mine: false,
                holder: Nullable(Some("ann@desk".into())),
                why: "measuring".into(),
                held_ms: 1_234,
                expires_ms: 28_766,
                waiting: 2,
                place: Some(2),
            }),
        ),
        compressed(
            "mem.write call with a compressed body",
            0x0012,
            FrameType::Call,
            to_vec(&Call {
                args: WriteArgs {
                    handle: handle(0, 1, HandleKind::Buffer),
                    offset_bytes: 64,
                },
                deadline_ms: None,
                inflated_bytes: Some(1_000),
            }),
            &zeros,
        ),
        compressed(
            "infer.generate item with a compressed body",
            0x0052,
            FrameType::Item,
            to_vec(&Item {
                index: 7,
                payload: GeneratedToken {
                    token: 29,
                    text: " there".into(),
                },
                inflated_bytes: Some(1000),
            }),
            &zeros,
        ),
        compressed(
            "mem.read reply with a compressed body",
            0x0013,
            FrameType::Reply,
            to_vec(&Reply {
                result: Nothing {},
                inflated_bytes: Some(1_000),
            }),
            &zeros,
        ),
    ]
}
