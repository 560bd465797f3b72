//! The messages behind `board/link/vectors/v1.json`, and CBOR shown as JSON.

mod npu;

use link::cbor::{Digest, Encoded, Float, Nothing, Nullable, to_vec};
use link::frame::{Flags, Frame, FrameType, Head};
use link::message::blob::*;
use link::message::call::*;
use link::message::hello::*;
use link::message::infer::*;
use link::message::lease::*;
use link::message::mem::*;
use link::message::model::*;
use link::message::stream::*;
use link::message::sys::*;
use link::message::task::*;
use link::trace::TraceRecord;
use minicbor::data::Type;
use minicbor::{Decoder, Encode};
use serde_json::{Value, json};

mod link_cases;

/// Name and frame of one vector.
pub struct Case {
    pub name: &'static str,
    pub frame: Frame,
}

fn frame(name: &'static str, kind: FrameType, method: u16, call_id: u32, meta: &[u8], body: &[u8]) -> Case {
    let head = Head {
        kind,
        flags: Flags(0),
        method,
        call_id,
    };
    Case {
        name,
        frame: Frame::build(head, meta, body).unwrap(),
    }
}

fn call<A: Encode<()>>(name: &'static str, m: u16, id: u32, args: A, deadline_ms: Option<u64>, body: &[u8]) -> Case {
    frame(
        name,
        FrameType::Call,
        m,
        id,
        &to_vec(&Call {
            args: Encoded(to_vec(&args)),
            deadline_ms,
            inflated_bytes: None,
        }),
        body,
    )
}

fn reply<R: Encode<()>>(name: &'static str, m: u16, id: u32, result: R, body: &[u8]) -> Case {
    frame(
        name,
        FrameType::Reply,
        m,
        id,
        &to_vec(&Reply {
            result: Encoded(to_vec(&result)),
            inflated_bytes: None,
        }),
        body,
    )
}

fn item<P: Encode<()>>(name: &'static str, m: u16, id: u32, index: u64, payload: P, body: &[u8]) -> Case {
    frame(
        name,
        FrameType::Item,
        m,
        id,
        &to_vec(&Item {
            index,
            payload: Encoded(to_vec(&payload)),
        }),
        body,
    )
}

fn digest(first: u8) -> Digest {
    let mut bytes = [0u8; 32];
    for (i, b) in bytes.iter_mut().enumerate() {
        *b = first.wrapping_add(i as u8);
    }
    bytes.into()
}

fn handle(slot: u32, generation: u32, kind: HandleKind) -> Handle {
    Handle { slot, generation, kind }
}

pub fn cases() -> Vec<Case> {
    let mut cases = first_cases();
    cases.extend(link_cases::cases());
    cases.extend(npu::cases());
    cases
}

fn first_cases() -> Vec<Case> {
    use HandleKind::*;
    let buffer = handle(0, 1, Buffer);
    let model = handle(5, 1, Model);
    let inference = handle(6, 300, Inference);
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
    let summary = Summary {
        min: Float(-1.5),
        max: Float(100000.0),
        mean: Float(0.1),
        std: Float(f64::NAN),
        nan_count: 1,
        histogram: (0..32).map(|i| i * 10).collect(),
        digest: digest(0x20),
        cosine: None,
        distance: None,
    };
    let mut compared = summary.clone();
    compared.std = Float(2.0);
    compared.cosine = Some(Float(0.5));
    compared.distance = Some(Float(65504.0));
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
    let mut fields = Fields::default();
    fields.set("handle", FieldValue::Uint(7));
    fields.set("id", FieldValue::Text("x".into()));

    vec![
        frame(
            "hello-host",
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
                capabilities: None,
            }),
            &[],
        ),
        frame(
            "hello-host that resumes",
            FrameType::Hello,
            0,
            0,
            &to_vec(&HelloHost {
                protocol_min: 1,
                protocol_current: 1,
                client: "@npulab/board 0.1.0".into(),
                wall_us: 0,
                token: Some([0xa5; 16].into()),
                streams: Some(vec![StreamPosition {
                    call_id: 24,
                    next_item: 1000,
                }]),
                capabilities: None,
            }),
            &[],
        ),
        frame(
            "hello-board",
            FrameType::Hello,
            0,
            0,
            &to_vec(&HelloBoard {
                protocol_min: 1,
                protocol_current: 1,
                agent: "npulabd 0.1.0 x86_64-linux cpu".into(),
                boot_id: [1, 2, 3, 4, 5, 6, 7, 8].into(),
                token: [0x5a; 16].into(),
                resumed: false,
                limits: Limits {
                    max_frame_bytes: 1_048_576,
                    max_in_flight: 16,
                    max_body_bytes: 982_976,
                },
                ticks_hz: 1_000_000_000,
                capabilities: vec!["blob.resume".into(), "model.step".into()],
                grace_ms: 30_000,
                read_only: None,
            }),
            &[],
        ),
        call("sys.info call", 0x0001, 2, Nothing {}, None, &[]),
        reply(
            "sys.info reply",
            0x0001,
            2,
            BoardInfo {
                soc: "rk3568".into(),
                backend: "sim:rk3568".into(),
                modelled: true,
                npu_clock_hz: 1_000_000_000,
                ddr_clock_hz: 1_560_000_000,
                bandwidth_bound_bytes_per_s: 8_000_000_000,
                memory_bytes: 1 << 31,
                free_bytes: 2_000_000_000,
                agent_version: "0.1.0".into(),
                driver_version: "0.1.0".into(),
                os: "Linux 6.1.0".into(),
                kernel_isa: "avx2".into(),
                parameters: vec![Parameter {
                    name: "task_overhead_ns".into(),
                    value: 2500,
                    unit: "ns".into(),
                    source: "unfitted".into(),
                }],
                log_file: "/var/log/npulabd.log".into(),
            },
            &[],
        ),
        call("sys.devices call", 0x0002, 4, Nothing {}, Some(5000), &[]),
        reply(
            "sys.devices reply",
            0x0002,
            4,
            vec![
                Device {
                    name: "npu0".into(),
                    kind: "npu".into(),
                    irq: Nullable(Some(151)),
                },
                Device {
                    name: "eth0".into(),
                    kind: "network".into(),
                    irq: Nullable(None),
                },
            ],
            &[],
        ),
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
        call(
            "task.submit call",
            0x0020,
            20,
            SubmitArgs {
                operations: vec![Matmul {
                    kind: OperationKind::MatmulInt8,
                    m: 4,
                    k: 2048,
                    n: 2048,
                    a: Operand {
                        handle: buffer,
                        offset_bytes: 0,
                    },
                    b: Operand {
                        handle: handle(1, 1, Buffer),
                        offset_bytes: 8192,
                    },
                    c: Operand {
                        handle: handle(2, 1, Buffer),
                        offset_bytes: 0,
                    },
                    layout: Layout::RowMajor,
                }],
            },
            None,
            &[],
        ),
        reply(
            "task.submit reply",
            0x0020,
            20,
            OneHandle {
                handle: handle(3, 2, Job),
            },
            &[],
        ),
        call(
            "task.wait call",
            0x0021,
            22,
            OneHandle {
                handle: handle(3, 2, Job),
            },
            Some(10_000),
            &[],
        ),
        reply(
            "task.wait reply, modelled",
            0x0021,
            22,
            JobReport {
                operations: vec![TaskReport {
                    tasks: 8,
                    macs: 16_777_216,
                    cycles: 70_000,
                    modelled_ns: Nullable(Some(80_500)),
                    data_read_bytes: 8192,
                    weight_read_bytes: 4_194_304,
                    written_bytes: 32_768,
                }],
                modelled_ns: Nullable(Some(100_500)),
                start_ticks: 1_000_000,
                end_ticks: 1_100_500,
                hardware_starts: 1,
            },
            &[],
        ),
        reply(
            "task.wait reply, nothing modelled",
            0x0021,
            26,
            JobReport {
                operations: vec![TaskReport {
                    tasks: 1,
                    macs: 65_536,
                    cycles: 0,
                    modelled_ns: Nullable(None),
                    data_read_bytes: 8192,
                    weight_read_bytes: 65_536,
                    written_bytes: 128,
                }],
                modelled_ns: Nullable(None),
                start_ticks: 5,
                end_ticks: 6,
                hardware_starts: 1,
            },
            &[],
        ),
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
        frame(
            "fail",
            FrameType::Fail,
            0x0012,
            68,
            &to_vec(&Fail {
                code: ErrorCode::StaleHandle,
                cause: "slot 0 was given to generation 2".into(),
                remedy: "allocate the buffer again".into(),
                fields: Some(fields),
            }),
            &[],
        ),
        frame(
            "fail of an unknown method",
            FrameType::Fail,
            0x7fff,
            70,
            &to_vec(&Fail {
                code: ErrorCode::Unsupported,
                cause: "no method 0x7fff".into(),
                remedy: "ask for the capability first".into(),
                fields: None,
            }),
            &[],
        ),
        frame(
            "event log",
            FrameType::Event,
            TOPIC_LOG,
            0,
            &to_vec(&Event {
                sequence: 0,
                lost: 0,
                payload: LogEvent {
                    severity: 3,
                    line: "low memory".into(),
                },
            }),
            &[],
        ),
        frame(
            "event deviceState",
            FrameType::Event,
            TOPIC_DEVICE_STATE,
            0,
            &to_vec(&Event {
                sequence: 1,
                lost: 2,
                payload: DeviceStateEvent {
                    state: DeviceState::Stuck,
                },
            }),
            &[],
        ),
        frame("cancel", FrameType::Cancel, 0x0052, 54, &to_vec(&Nothing {}), &[]),
        frame(
            "credit",
            FrameType::Credit,
            0x0052,
            54,
            &to_vec(&Credit { bytes: 65_536 }),
            &[],
        ),
        frame(
            "ping",
            FrameType::Ping,
            0,
            0,
            &to_vec(&Ping {
                host_us: 1_795_000_000_000_000,
            }),
            &[],
        ),
        frame(
            "pong",
            FrameType::Pong,
            0,
            0,
            &to_vec(&Pong {
                host_us: 1_795_000_000_000_000,
                received_ticks: 123_456_789,
                sent_ticks: 123_460_000,
            }),
            &[],
        ),
        frame(
            "bye",
            FrameType::Bye,
            0,
            0,
            &to_vec(&Bye {
                reason: "closed".into(),
            }),
            &[],
        ),
    ]
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).unwrap())
        .collect()
}

/// CBOR as JSON: maps as lists of pairs, byte strings as `{"bytes": hex}`, floats as `{"float": number or "NaN"}`.
pub fn diagnostic(d: &mut Decoder) -> Value {
    match d.datatype().unwrap() {
        Type::Bool => json!(d.bool().unwrap()),
        Type::Null => {
            d.null().unwrap();
            Value::Null
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => json!(d.u64().unwrap()),
        Type::F16 | Type::F32 | Type::F64 => {
            let v = d.f64().unwrap();
            if v.is_nan() {
                json!({ "float": "NaN" })
            } else {
                json!({ "float": v })
            }
        }
        Type::Bytes => json!({ "bytes": hex(d.bytes().unwrap()) }),
        Type::String => json!(d.str().unwrap()),
        Type::Array => {
            let n = d.array().unwrap().unwrap();
            Value::Array((0..n).map(|_| diagnostic(d)).collect())
        }
        Type::Map => {
            let n = d.map().unwrap().unwrap();
            Value::Array((0..n).map(|_| json!([diagnostic(d), diagnostic(d)])).collect())
        }
        other => panic!("no vector holds {other:?}"),
    }
}

pub fn as_json(case: &Case) -> Value {
    let view = case.frame.view();
    json!({
        "name": case.name,
        "hex": hex(case.frame.bytes()),
        "frame": {
            "type": format!("{:?}", view.head.kind).to_uppercase(),
            "method": view.head.method,
            "callId": view.head.call_id,
            "flags": view.head.flags.0,
        },
        "meta": diagnostic(&mut Decoder::new(view.meta)),
        "bodyHex": hex(view.body),
    })
}
