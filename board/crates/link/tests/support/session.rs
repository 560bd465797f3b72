//! Messages of what belongs to no method: greetings, failures, events, flow control.

use super::*;

pub fn cases() -> Vec<Case> {
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
                    unused_bytes: None,
                }]),
                capabilities: None,
            }),
            &[],
        ),
        frame(
            "hello-host that resumes with items not used up",
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
                    unused_bytes: Some(70_000),
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
                ..Bye::default()
            }),
            &[],
        ),
        frame(
            "bye that refuses",
            FrameType::Bye,
            0,
            0,
            &to_vec(&Bye {
                reason: "this board serves only who shows its key".into(),
                code: Some(ErrorCode::Denied),
                remedy: Some("Give the key.".into()),
            }),
            &[],
        ),
    ]
}
