//! Sessions over TCP: handles, resume, grace, stored answers, hostile bytes.

mod support;

use std::io::Write;

use link::cbor::{Nothing, to_vec};
use link::message::call::OneHandle;
use link::message::hello::{Ping, Pong};
use link::message::mem::*;
use link::message::sys::{BoardInfo, Device};
use link::{ErrorCode, FrameType, Method};
use support::*;

#[test]
fn a_buffer_is_written_read_filled_digested_summarized_and_freed() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let buffer = peer.alloc(100_000);
    assert_eq!(peer.read(buffer, 0, 16).unwrap(), [0; 16]);
    let data = noise(5_000, 1);
    peer.write(buffer, 64, &data).unwrap();
    assert_eq!(peer.read(buffer, 64, 5_000).unwrap(), data);
    let range = RangeArgs {
        handle: buffer,
        offset_bytes: 64,
        length_bytes: 5_000,
    };
    assert_eq!(
        peer.call::<OneDigest>(Method::MemDigest, &range).unwrap().digest,
        sha(&data)
    );
    let fill = FillArgs {
        handle: buffer,
        offset_bytes: 63,
        length_bytes: 2,
        byte: 0xab,
    };
    peer.call::<Nothing>(Method::MemFill, &fill).unwrap();
    assert_eq!(peer.read(buffer, 62, 4).unwrap(), [0, 0xab, 0xab, data[1]]);
    let summary = SummaryArgs {
        handle: buffer,
        offset_bytes: 63,
        count: 2,
        dtype: Dtype::U8,
    };
    let summary: Summary = peer.call(Method::MemSummary, &summary).unwrap();
    assert_eq!(
        (summary.min.0, summary.max.0, summary.std.0, summary.nan_count),
        (171.0, 171.0, 0.0, 0)
    );
    peer.call::<Nothing>(Method::MemFree, &OneHandle { handle: buffer })
        .unwrap();
    assert_eq!(code(peer.read(buffer, 0, 1)), ErrorCode::StaleHandle);
    assert_eq!(
        code(peer.call::<Nothing>(Method::MemFree, &OneHandle { handle: buffer })),
        ErrorCode::StaleHandle
    );
    let again = peer.alloc(100_000);
    assert_eq!((again.slot, again.generation), (buffer.slot, buffer.generation + 1));
}

#[test]
fn a_range_past_the_end_is_a_bad_argument_even_when_it_wraps() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let buffer = peer.alloc(100);
    for (offset, length) in [(0, 101), (100, 1), (u64::MAX, 2), (1, u64::MAX)] {
        assert_eq!(code(peer.read(buffer, offset, length)), ErrorCode::BadArgument);
    }
    assert_eq!(code(peer.write(buffer, 99, &[1, 2])), ErrorCode::BadArgument);
    let big = peer.alloc(2 << 20);
    assert_eq!(code(peer.read(big, 0, 2 << 20)), ErrorCode::TooLarge);
}

#[test]
fn the_memory_quota_is_of_a_session_and_comes_back_with_free() {
    let rig = Rig::with(Setup {
        memory_bytes: Some(1000),
        ..Setup::default()
    });
    let (mut one, mut other) = (rig.peer(), rig.peer());
    let first = one.alloc(600);
    let fail = one
        .call::<OneHandle>(Method::MemAlloc, &Alloc { size_bytes: 401 })
        .unwrap_err();
    assert_eq!(fail.code, ErrorCode::OutOfMemory);
    assert!(fail.cause.contains("400 of the session's 1000 are left") && !fail.remedy.is_empty());
    other.alloc(1000);
    one.call::<Nothing>(Method::MemFree, &OneHandle { handle: first })
        .unwrap();
    one.alloc(1000);
}

#[test]
fn handles_of_one_session_mean_nothing_in_another() {
    let rig = Rig::new();
    let (mut one, mut other) = (rig.peer(), rig.peer());
    let buffer = one.alloc(10);
    assert_eq!(code(other.read(buffer, 0, 1)), ErrorCode::StaleHandle);
}

#[test]
fn a_lost_connection_resumed_with_the_token_keeps_its_handles() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let token = peer.token();
    let buffer = peer.alloc(8);
    peer.write(buffer, 0, b"lasting!").unwrap();
    drop(peer);
    rig.clock.advance_ms(29_999);
    rig.agent.tick();
    let mut peer = Peer::open(rig.address, Some(token), &[]);
    assert!(peer.hello.resumed);
    assert_eq!(peer.token(), token);
    peer.next_call = 100;
    assert_eq!(peer.read(buffer, 0, 8).unwrap(), b"lasting!");
}

#[test]
fn after_the_grace_time_everything_is_freed_and_the_token_opens_a_new_session() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let token = peer.token();
    let free = rig.agent.free_bytes();
    peer.alloc(1 << 20);
    assert_eq!(rig.agent.free_bytes(), free - (1 << 20));
    drop(peer);
    // Ticks until the agent has seen the loss; its clock stands still, so the session stays.
    let mut advanced = false;
    rig.until(|agent| {
        if agent.suspended_count() == 1 && !std::mem::replace(&mut advanced, true) {
            rig.clock.advance_ms(30_000);
        }
        agent.session_count() == 0 && agent.free_bytes() == free
    });
    let peer = Peer::open(rig.address, Some(token), &[]);
    assert!(!peer.hello.resumed);
    assert_ne!(peer.token(), token);
}

#[test]
fn a_goodbye_frees_at_once() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let free = rig.agent.free_bytes();
    peer.alloc(1 << 20);
    peer.bye();
    rig.until(|agent| agent.session_count() == 0 && agent.free_bytes() == free);
}

#[test]
fn a_second_connection_with_the_token_takes_the_session_over() {
    let rig = Rig::new();
    let mut first = rig.peer();
    let second = Peer::open(rig.address, Some(first.token()), &[]);
    assert!(second.hello.resumed);
    assert!(first.receive().is_none());
    assert_eq!(rig.agent.session_count(), 1);
}

#[test]
fn a_once_call_that_is_repeated_returns_the_stored_answer_and_is_not_run_again() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let buffer = peer.alloc(4096);
    let (token, free) = (peer.token(), rig.agent.free_bytes());
    drop(peer);
    let mut peer = Peer::open(rig.address, Some(token), &[]);
    peer.begin_as(2, Method::MemAlloc, &Alloc { size_bytes: 4096 }, None, &[]);
    let (again, _) = answer::<OneHandle>(&peer.end_of(2, |_, _| {})).unwrap();
    assert_eq!(again.handle, buffer);
    assert_eq!(rig.agent.free_bytes(), free);
    peer.begin_as(4, Method::MemAlloc, &Alloc { size_bytes: 0 }, None, &[]);
    for _ in 0..2 {
        assert_eq!(
            code(answer::<OneHandle>(&peer.end_of(4, |_, _| {}))),
            ErrorCode::BadArgument
        );
        peer.begin_as(4, Method::MemAlloc, &Alloc { size_bytes: 4096 }, None, &[]);
    }
}

#[test]
fn an_unknown_method_is_unsupported_and_the_session_goes_on() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    peer.send(&frame(FrameType::Call, 0x7fff, 2, &[0xa1, 0x00, 0xa0], &[]));
    let fail = answer::<Nothing>(&peer.end_of(2, |_, _| {})).unwrap_err();
    assert_eq!(
        (fail.code, fail.cause.as_str()),
        (ErrorCode::Unsupported, "no method 0x7fff")
    );
    peer.next_call = 4;
    peer.alloc(1);
}

#[test]
fn arguments_that_do_not_decode_are_a_bad_argument() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    for (id, meta) in [
        (2, &[0xa1, 0x00, 0x01][..]),
        (4, &[0xff]),
        (6, &[]),
        (8, &[0xa1, 0x00, 0xa1, 0x00, 0x20]),
    ] {
        peer.send(&frame(FrameType::Call, Method::MemAlloc as u16, id, meta, &[]));
        assert_eq!(
            code(answer::<Nothing>(&peer.end_of(id, |_, _| {}))),
            ErrorCode::BadArgument
        );
    }
    for id in [0, 3] {
        peer.send(&frame(
            FrameType::Call,
            Method::SysInfo as u16,
            id,
            &[0xa1, 0x00, 0xa0],
            &[],
        ));
        assert_eq!(
            code(answer::<Nothing>(&peer.end_of(id, |_, _| {}))),
            ErrorCode::BadArgument
        );
    }
}

#[test]
fn a_ping_is_answered_with_the_hosts_time_and_the_boards() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    rig.clock.advance_ms(5);
    peer.send(&frame(FrameType::Ping, 0, 0, &to_vec(&Ping { host_us: 77 }), &[]));
    let pong: Pong = link::cbor::from_slice(peer.receive().unwrap().view().meta).unwrap();
    assert_eq!(
        pong,
        Pong {
            host_us: 77,
            received_ticks: 5_000_000,
            sent_ticks: 5_000_000
        }
    );
}

#[test]
fn garbage_closes_only_its_own_connection() {
    let rig = Rig::new();
    let mut good = rig.peer();
    for seed in 0..20 {
        let mut bad = if seed % 2 == 0 {
            rig.peer()
        } else {
            Peer::raw(rig.address)
        };
        let mut bytes = noise(200, seed);
        bytes[3] = 0xff;
        bad.wire.stream.write_all(&bytes).unwrap();
        while bad.receive().is_some() {}
    }
    let buffer = good.alloc(4);
    good.write(buffer, 0, b"fine").unwrap();
    assert_eq!(good.read(buffer, 0, 4).unwrap(), b"fine");
}

#[test]
fn half_a_frame_then_silence_and_a_close_only_suspends_the_session() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let token = peer.token();
    let buffer = peer.alloc(4);
    let call = frame(FrameType::Call, Method::MemFree as u16, 100, &[0xa1, 0x00, 0xa0], &[]);
    let mut bytes = (call.bytes().len() as u32).to_le_bytes().to_vec();
    bytes.extend_from_slice(&call.bytes()[..10]);
    peer.wire.stream.write_all(&bytes).unwrap();
    drop(peer);
    let mut peer = Peer::open(rig.address, Some(token), &[]);
    assert!(peer.hello.resumed);
    peer.next_call = 200;
    assert_eq!(peer.read(buffer, 0, 4).unwrap(), [0; 4]);
}

#[test]
fn a_call_before_hello_and_a_protocol_of_the_future_are_refused_with_a_reason() {
    let rig = Rig::new();
    let mut peer = Peer::raw(rig.address);
    peer.send(&frame(FrameType::Call, 1, 2, &[0xa1, 0x00, 0xa0], &[]));
    let bye = peer.receive().unwrap();
    assert_eq!(bye.view().head.kind, FrameType::Bye);
    let mut peer = Peer::raw(rig.address);
    peer.send(&frame(
        FrameType::Hello,
        0,
        0,
        &[0xa4, 0, 9, 1, 9, 2, 0x61, b'x', 3, 0],
        &[],
    ));
    let bye: link::message::hello::Bye = link::cbor::from_slice(peer.receive().unwrap().view().meta).unwrap();
    assert!(
        bye.reason.contains("the host speaks 9 to 9, the board 1 to 1"),
        "{}",
        bye.reason
    );
}

#[test]
fn the_board_says_what_it_is() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let info: BoardInfo = peer.call(Method::SysInfo, &Nothing {}).unwrap();
    assert_eq!(
        (info.soc.as_str(), info.backend.as_str(), info.modelled),
        ("host", "cpu", false)
    );
    assert_eq!(info.kernel_isa, npu_kernels::isa::active().name());
    assert_eq!(info.parameters, []);
    let devices: Vec<Device> = peer.call(Method::SysDevices, &Nothing {}).unwrap();
    let names: Vec<_> = devices
        .iter()
        .map(|d| (d.name.as_str(), d.kind.as_str(), d.irq.0))
        .collect();
    assert_eq!(names, [("npu0", "npu", None), ("tcp://test", "network", None)]);
}

#[test]
fn seventeen_calls_at_once_are_one_too_many() {
    let (rig, gate) = hung_rig();
    let mut peer = rig.peer();
    let job = submit_any(&mut peer);
    for _ in 0..16 {
        peer.begin(Method::TaskWait, &OneHandle { handle: job }, None, &[]);
    }
    assert_eq!(
        code(peer.call::<Nothing>(Method::SysInfo, &Nothing {})),
        ErrorCode::Busy
    );
    drop(gate);
}
