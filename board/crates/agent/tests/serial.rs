//! The real `npulabd` on a pty that starts as a terminal does (canonical, echo): sessions, resume, keys, text on the line,
//! and a terminal that edits what it carries.

mod support;

use link::cbor::{Nothing, from_slice, to_vec};
use link::frame::Flags;
use link::message::call::Handle;
use link::message::hello::Bye;
use link::message::infer::{GenerateArgs, OpenArgs, OpenResult, Prompt};
use link::message::mem::{OneDigest, RangeArgs};
use link::message::model::LoadResult;
use link::message::stream::{ConsoleEvent, Credit, Event, ItemSize, TOPIC_CONSOLE};
use link::message::sys::LinkCounts;
use link::trace::TRACE_RECORD_BYTES;
use link::uart::lanes::MAX_LANES;
use link::uart::mask::CUT_SEQUENCE;
use link::{ErrorCode, Frame, FrameType, Method};
use support::*;

fn serve(folder: &Folder, more: &[&str]) -> (Process, Peer<Tty>, Terminal) {
    let terminal = Terminal::new();
    let process = serve_on(&terminal, folder, more);
    let host = Peer::over(Tty::on(&terminal, std::process::id() | 1, None));
    (process, host, terminal)
}

fn serve_on(terminal: &Terminal, folder: &Folder, more: &[&str]) -> Process {
    let (store, log) = (folder.0.join("store"), folder.0.join("agent.log"));
    let listen = format!("serial://{}?baud=4000000", terminal.path);
    start(npulabd().args(more), &listen, &store, &log).0
}

/// Writes and reads back some bytes in a buffer of its own.
fn exercise(host: &mut Peer<Tty>, data: &[u8]) -> Handle {
    let buffer = host.alloc(data.len() as u64);
    for (index, piece) in data.chunks(16 * 1024).enumerate() {
        host.write(buffer, index as u64 * 16 * 1024, piece).unwrap();
    }
    let first = data.len().min(16 * 1024);
    assert_eq!(read(host, buffer, 0, first), data[..first]);
    buffer
}

fn read(host: &mut Peer<Tty>, buffer: Handle, offset_bytes: u64, length: usize) -> Vec<u8> {
    host.read(buffer, offset_bytes, length as u64).unwrap()
}

#[test]
fn a_session_on_a_serial_line_is_the_same_as_on_tcp_and_goes_on_after_the_host_began_anew() {
    let folder = Folder::new();
    let (_process, mut host, _terminal) = serve(&folder, &[]);
    host.wire.open();
    let hello = host.greet(None, &[]);
    assert_eq!(
        (hello.limits.max_body_bytes, hello.grace_ms, hello.resumed),
        (16_384, 120_000, false)
    );
    assert!(
        host.wire.text.contains("\"npulabd\":1"),
        "the hello line: {:?}",
        host.wire.text
    );
    let data = noise(50_000, 3);
    let buffer = exercise(&mut host, &data);
    assert_eq!(read(&mut host, buffer, 30_000, 16_384), data[30_000..46_384]);
    let too_much = RangeArgs {
        handle: buffer,
        offset_bytes: 0,
        length_bytes: 16_385,
    };
    assert_eq!(
        code(host.call_body::<Nothing>(Method::MemRead, &too_much, &[])),
        ErrorCode::TooLarge
    );
    // The host's program dies and starts again: a new epoch, the old token.
    host.wire.begin_anew(0x1234_5678);
    host.wire.open();
    assert!(host.greet(Some(*hello.token), &[]).resumed);
    assert_eq!(read(&mut host, buffer, 0, 16), data[..16]);
    let (counts, _) = host.call_body::<LinkCounts>(Method::SysLink, &Nothing {}, &[]).unwrap();
    assert_eq!((counts.transport.as_str(), counts.secured), ("serial", false));
    assert!(counts.received_pdus > 50 && counts.sent_pdus > 20, "{counts:?}");
}

#[test]
fn bodies_that_shrink_are_deflated_on_the_line() {
    let folder = Folder::new();
    let (_process, mut host, _terminal) = serve(&folder, &[]);
    host.wire.open();
    host.greet(None, &[]);
    let buffer = exercise(&mut host, &[5; 16_384]);
    let before = host.wire.line.counts().received_pdus;
    assert_eq!(read(&mut host, buffer, 0, 16_384), [5; 16_384]);
    assert!(
        host.wire.line.counts().received_pdus - before < 8,
        "16 KiB of one value came in few PDUs"
    );
}

#[test]
fn items_that_shrink_are_deflated_on_the_line_and_count_as_they_were() {
    let folder = Folder::new();
    let (_process, mut host, _terminal) = serve(&folder, &[]);
    host.wire.open();
    host.greet(None, &[]);
    let digest = upload_tiny_model(&mut host);
    let id = host.begin(Method::ModelLoad, &OneDigest { digest }, None, &[]);
    let model = answer::<LoadResult>(&host.end_of(id, |_, _| {})).unwrap().0.handle;
    let args = OpenArgs {
        model,
        prompt: Prompt::Text("Once upon a time".into()),
        sampling: None,
    };
    let handle = host.call::<OpenResult>(Method::InferOpen, &args).unwrap().handle;
    let args = GenerateArgs {
        handle,
        max_tokens: 100,
        sampling: None,
        stop_tokens: Some(Vec::new()),
    };
    let id = host.begin(Method::InferGenerate, &args, None, &[]);
    let (mut wire_bytes, mut whole_bytes, mut items) = (0, 0, 0);
    let method = Method::InferGenerate as u16;
    loop {
        let small = Frame::from_bytes(host.wire.next_bytes().1).unwrap();
        if small.view().head.kind != FrameType::Item {
            assert_eq!(small.view().head.kind, FrameType::End);
            break;
        }
        assert_eq!(small.view().head.flags, Flags::COMPRESSED);
        let item = link::deflate::inflate(small.clone(), 1 << 20).unwrap();
        assert_eq!(item.view().body.len() % TRACE_RECORD_BYTES, 0);
        wire_bytes += small.view().body.len();
        whole_bytes += item.view().body.len();
        items += 1;
        // More than the stream's first credit in all: it ends only where both count alike.
        let size: ItemSize = from_slice(small.view().meta).unwrap();
        let added = 1 + to_vec(&size.inflated_bytes).len();
        let bytes = (small.view().meta.len() - added + item.view().body.len()) as u64;
        host.send(&frame(FrameType::Credit, method, id, &to_vec(&Credit { bytes }), &[]));
    }
    println!("{whole_bytes} bytes of {items} items travelled as {wire_bytes}");
    assert_eq!(items, 100);
    assert!(whole_bytes as u64 > link::limits::INITIAL_STREAM_CREDIT_BYTES);
    assert!(wire_bytes * 2 < whole_bytes, "{wire_bytes} of {whole_bytes}");
}

#[test]
fn a_terminal_that_edits_the_line_costs_nothing_and_text_on_it_becomes_an_event() {
    let folder = Folder::new();
    let (_process, mut host, _terminal) = serve(&folder, &[]);
    host.wire.terminal = true;
    host.wire.open();
    host.greet(None, &[]);
    exercise(&mut host, &CUT_SEQUENCE.repeat(4_000));
    host.wire.write(b"\0[    1.5] npu: up\r\n\0");
    let event = loop {
        let got = host.receive().unwrap();
        if got.view().head.method == TOPIC_CONSOLE {
            break from_slice::<Event<ConsoleEvent>>(got.view().meta).unwrap();
        }
    };
    assert_eq!(event.payload.text, "[    1.5] npu: up\r\n");
}

#[test]
fn with_a_key_the_line_is_sealed_and_without_it_nobody_is_served() {
    let folder = Folder::new();
    let path = folder.0.join("key");
    agent::access::create(&path).unwrap();
    let key = agent::access::read(&path).unwrap();
    let (_process, mut host, _terminal) = serve(&folder, &["--key", path.to_str().unwrap()]);
    host.wire.open();
    host.send(&frame(FrameType::Hello, 0, 0, &[0xa0], &[]));
    let bye: Bye = from_slice(host.receive().unwrap().view().meta).unwrap();
    assert_eq!(bye.code, Some(ErrorCode::Denied), "{}", bye.reason);
    host.wire.begin_anew(0x0bad_cafe);
    host.wire.open();
    host.wire.handshake(&key);
    host.greet(None, &[]);
    exercise(&mut host, &noise(40_000, 4));
    let (counts, _) = host.call_body::<LinkCounts>(Method::SysLink, &Nothing {}, &[]).unwrap();
    assert!(counts.secured);
}

#[test]
fn an_agent_that_was_killed_is_noticed_by_its_new_epoch() {
    let folder = Folder::new();
    let (mut process, mut host, terminal) = serve(&folder, &[]);
    host.wire.open();
    let first = host.greet(None, &[]);
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    // The same pty, a new agent: its first SYN tells of the reset without any timeout of the session.
    let _process = serve_on(&terminal, &folder, &[]);
    host.wire.until(|host| (host.opened == 2).then_some(()));
    host.wire.frames.clear();
    let second = host.greet(Some(*first.token), &[]);
    assert!(!second.resumed);
    assert_ne!(second.boot_id, first.boot_id);
}

#[test]
fn lanes_have_sessions_of_their_own_and_one_that_ends_leaves_the_others() {
    let folder = Folder::new();
    let (_process, mut host, _terminal) = serve(&folder, &[]);
    host.wire.open();
    host.wire.share();
    host.wire.lane = Some(1);
    let first = host.greet(None, &[]);
    let buffer = exercise(&mut host, &noise(20_000, 5));
    host.wire.lane = Some(2);
    let second = host.greet(None, &[]);
    assert_ne!(first.token, second.token);
    // The first lane's handle means nothing here: the sessions share the line, not what they hold.
    let theirs = RangeArgs {
        handle: buffer,
        offset_bytes: 0,
        length_bytes: 16,
    };
    assert_eq!(
        code(host.call_body::<Nothing>(Method::MemRead, &theirs, &[])),
        ErrorCode::StaleHandle
    );
    // The first program dies and comes back on a lane of its own, with its token; the second notices nothing.
    host.wire.end_lane(1);
    let mine = exercise(&mut host, &[9; 4_096]);
    host.wire.lane = Some(3);
    assert!(host.greet(Some(*first.token), &[]).resumed);
    assert_eq!(read(&mut host, buffer, 0, 16), noise(20_000, 5)[..16]);
    host.wire.lane = Some(2);
    assert_eq!(read(&mut host, mine, 0, 4_096), [9; 4_096]);
    // What comes late for a lane that has ended is dropped, and opens nothing.
    host.wire.lane = Some(1);
    host.send(&frame(FrameType::Hello, 0, 0, &[0xa0], &[]));
    host.wire.lane = Some(2);
    assert_eq!(read(&mut host, mine, 0, 16), [9; 16]);
    assert!(host.wire.frames.is_empty(), "{:?}", host.wire.frames);
}

#[test]
fn a_program_that_says_goodbye_and_goes_at_once_leaves_nothing_to_come_back_to() {
    let folder = Folder::new();
    let (_process, mut host, _terminal) = serve(&folder, &[]);
    host.wire.open();
    host.wire.share();
    // The two mostly come in one read, which is what once turned a goodbye into a lost link.
    for lane in (1..20).step_by(2) {
        host.wire.lane = Some(lane);
        let gone = host.greet(None, &[]);
        let bye = to_vec(&Bye {
            reason: "done".into(),
            ..Bye::default()
        });
        host.send(&frame(FrameType::Bye, 0, 0, &bye, &[]));
        host.wire.end_lane(lane);
        host.wire.lane = Some(lane + 1);
        assert!(!host.greet(Some(*gone.token), &[]).resumed, "lane {lane}");
        host.wire.end_lane(lane + 1);
    }
}

#[test]
fn a_lane_that_breaks_the_rules_is_ended_alone_and_one_too_many_at_once() {
    let folder = Folder::new();
    let (_process, mut host, _terminal) = serve(&folder, &[]);
    host.wire.open();
    host.wire.share();
    host.wire.lane = Some(1);
    host.greet(None, &[]);
    let mine = exercise(&mut host, &[9; 4_096]);
    host.wire.lane = Some(2);
    host.send(&frame(FrameType::Ping, 0, 0, &[0xa0], &[]));
    let bye: Bye = from_slice(host.receive().unwrap().view().meta).unwrap();
    assert_eq!(bye.code, Some(ErrorCode::BadArgument), "{}", bye.reason);
    assert!(host.wire.next_bytes().1.is_empty(), "its end follows");
    for lane in 3..=MAX_LANES + 1 {
        host.wire.lane = Some(lane);
        host.greet(None, &[]);
    }
    host.wire.lane = Some(MAX_LANES + 2);
    host.send(&frame(FrameType::Hello, 0, 0, &[0xa0], &[]));
    assert!(host.wire.next_bytes().1.is_empty());
    host.wire.lane = Some(1);
    assert_eq!(read(&mut host, mine, 0, 16), [9; 16]);
}

#[test]
fn each_lane_shows_a_key_of_its_own() {
    let folder = Folder::new();
    let path = folder.0.join("key");
    agent::access::create(&path).unwrap();
    let key = agent::access::read(&path).unwrap();
    let (_process, mut host, _terminal) = serve(&folder, &["--key", path.to_str().unwrap()]);
    host.wire.open();
    host.wire.share();
    host.wire.lane = Some(1);
    host.send(&frame(FrameType::Hello, 0, 0, &[0xa0], &[]));
    let bye: Bye = from_slice(host.receive().unwrap().view().meta).unwrap();
    assert_eq!(bye.code, Some(ErrorCode::Denied), "{}", bye.reason);
    host.wire.lane = Some(2);
    host.wire.handshake(&key);
    host.greet(None, &[]);
    exercise(&mut host, &noise(40_000, 6));
    let sealed = host.wire.secured.take();
    host.wire.lane = Some(3);
    host.wire.handshake(&key);
    host.greet(None, &[]);
    exercise(&mut host, &noise(10_000, 7));
    (host.wire.lane, host.wire.secured) = (Some(2), sealed);
    let (counts, _) = host.call_body::<LinkCounts>(Method::SysLink, &Nothing {}, &[]).unwrap();
    assert!(counts.secured);
}
