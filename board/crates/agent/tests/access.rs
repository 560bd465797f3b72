//! Who gets in, and who may change the board: keys, rights, the lease.

mod support;

use std::process::{Command, Stdio};

use agent::access::{Keys, Rights};
use link::cbor::{Nothing, from_slice};
use link::message::call::{Fail, OneHandle};
use link::message::hello::Bye;
use link::message::lease::LeaseState;
use link::message::mem::{Alloc, OneDigest};
use link::message::sys::{EchoArgs, LinkCounts, echo_pattern};
use link::{ErrorCode, FrameType, Method};
use support::*;

const KEY: [u8; 32] = [7; 32];
const READ_KEY: [u8; 32] = [8; 32];

fn keyed() -> Rig {
    let mut keys = Keys::default();
    keys.add(KEY, Rights::Full);
    keys.add(READ_KEY, Rights::ReadOnly);
    Rig::with(Setup {
        keys,
        ..Setup::default()
    })
}

#[test]
fn with_the_key_everything_goes_through_sealed_records() {
    let rig = keyed();
    let mut peer = Peer::with_key(rig.address, &KEY).unwrap();
    assert_eq!(peer.hello.read_only, None);
    let buffer = peer.alloc(300_000);
    let data = noise(300_000, 1);
    peer.write(buffer, 0, &data).unwrap();
    assert_eq!(peer.read(buffer, 0, 300_000).unwrap(), data);
    assert!(peer.call::<LinkCounts>(Method::SysLink, &Nothing {}).unwrap().secured);
}

#[test]
fn without_a_key_a_peer_is_told_so_and_with_a_wrong_one_it_is_not() {
    let rig = keyed();
    let mut plain = Peer::raw(rig.address);
    plain.send(&frame(FrameType::Hello, 0, 0, &[0xa0], &[]));
    let bye: Bye = from_slice(plain.receive().unwrap().view().meta).unwrap();
    assert_eq!(
        (bye.code, bye.reason.as_str()),
        (Some(ErrorCode::Denied), "this board serves only who shows its key")
    );
    assert!(bye.remedy.unwrap().contains("?key=NAME"));
    assert!(plain.receive().is_none());
    assert!(Peer::with_key(rig.address, &[9; 32]).is_none());
    assert_eq!(rig.agent.session_count(), 0);
}

#[test]
fn guessing_is_slowed_down_and_the_right_key_waits_with_the_wrong_ones() {
    let rig = keyed();
    for _ in 0..8 {
        assert!(Peer::with_key(rig.address, &[9; 32]).is_none());
    }
    assert!(
        Peer::with_key(rig.address, &KEY).is_none(),
        "the door is shut for this address"
    );
    rig.clock.advance_ms(2_000);
    assert!(Peer::with_key(rig.address, &KEY).is_some());
}

#[test]
fn a_key_that_reads_reads_and_changes_nothing() {
    let rig = keyed();
    let mut reader = Peer::with_key(rig.address, &READ_KEY).unwrap();
    assert_eq!(reader.hello.read_only, Some(true));
    reader.call::<LeaseState>(Method::LeaseState, &Nothing {}).unwrap();
    for denied in [
        code(reader.call::<OneHandle>(Method::MemAlloc, &Alloc { size_bytes: 1 })),
        code(reader.blob_begin(b"x", 1)),
        code(reader.call::<LeaseState>(Method::LeaseTake, &lease("reader", 0))),
    ] {
        assert_eq!(denied, ErrorCode::Denied);
    }
}

/// Methods that change nothing. A method that is in neither list makes the two tests below fail until it is put in one.
const READS: [&str; 22] = [
    "sys.info",
    "sys.devices",
    "sys.echo",
    "sys.link",
    "lease.state",
    "mem.read",
    "mem.summary",
    "mem.digest",
    "task.wait",
    "blob.has",
    "blob.list",
    "blob.importable",
    "model.operators",
    "infer.tensor",
    "infer.summary",
    "npu.registers",
    "npu.mixes",
    "npu.address",
    "npu.counters",
    "npu.disassemble",
    "npu.listing",
    "npu.captureFile",
];
/// Methods that ask for the lease or give back what the session has.
const GIVES_BACK_OR_ASKS: [&str; 6] = [
    "lease.acquire",
    "lease.release",
    "lease.take",
    "mem.free",
    "model.unload",
    "infer.close",
];

/// Names of the methods whose call, without arguments, is not refused with `code`; in the order of their numbers.
fn not_refused(peer: &mut Peer, code: ErrorCode) -> Vec<&'static str> {
    let mut admitted = Vec::new();
    for &method in Method::ALL {
        let id = peer.begin(method, &Nothing {}, None, &[]);
        let frame = peer.end_of(id, |_, _| {});
        let view = frame.view();
        let refused = view.head.kind == FrameType::Fail && from_slice::<Fail>(view.meta).unwrap().code == code;
        if !refused {
            admitted.push(method.name());
        }
    }
    admitted
}

fn by_number(names: &[&'static str]) -> Vec<&'static str> {
    let known = Method::ALL.iter().map(|method| method.name());
    known.filter(|name| names.contains(name)).collect()
}

#[test]
fn a_key_that_reads_is_refused_every_method_but_the_ones_that_change_nothing() {
    let rig = keyed();
    let mut reader = Peer::with_key(rig.address, &READ_KEY).unwrap();
    assert_eq!(not_refused(&mut reader, ErrorCode::Denied), by_number(&READS));
    assert_eq!(by_number(&READS).len(), READS.len());
}

#[test]
fn without_the_lease_every_method_is_refused_but_reading_giving_back_and_asking() {
    let rig = Rig::new();
    let (mut ann, mut bob) = (rig.peer(), rig.peer());
    ann.call::<LeaseState>(Method::LeaseAcquire, &lease("ann", 0)).unwrap();
    let admitted = by_number(&[&READS[..], &GIVES_BACK_OR_ASKS[..]].concat());
    assert_eq!(not_refused(&mut bob, ErrorCode::LeaseHeld), admitted);
    assert_eq!(admitted.len(), READS.len() + GIVES_BACK_OR_ASKS.len());
}

#[test]
fn a_record_that_is_repeated_or_changed_ends_the_connection() {
    let rig = keyed();
    let mut peer = Peer::with_key(rig.address, &KEY).unwrap();
    let mut garbage = 40u32.to_le_bytes().to_vec();
    garbage.extend_from_slice(&[0x5a; 40]);
    std::io::Write::write_all(&mut peer.wire.stream, &garbage).unwrap();
    assert!(peer.receive().is_none());
    let mut peer = Peer::with_key(rig.address, &KEY).unwrap();
    std::io::Write::write_all(&mut peer.wire.stream, &u32::MAX.to_le_bytes()).unwrap();
    assert!(
        peer.receive().is_none(),
        "a length is checked before memory is taken for it"
    );
}

#[test]
fn beyond_loopback_the_real_agent_refuses_to_listen_without_a_key_and_makes_one() {
    let folder = Folder::new();
    let npulabd = |args: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_npulabd"))
            .args(args)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    };
    let refused = npulabd(&["--listen", "tcp://0.0.0.0:0", "--backend", "cpu"]);
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("npulabd key new"));
    let key = folder.0.join("key");
    let made = npulabd(&["key", "new", key.to_str().unwrap()]);
    assert!(made.status.success());
    let told: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap();
    let store = folder.0.join("store");
    let args = [
        "--listen",
        "tcp://0.0.0.0:0",
        "--backend",
        "cpu",
        "--until-stdin-closes",
        "--key",
    ];
    let served = Command::new(env!("CARGO_BIN_EXE_npulabd"))
        .args(args)
        .args([key.to_str().unwrap(), "--store", store.to_str().unwrap()])
        .arg("--log")
        .arg(folder.0.join("log"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(served.status.success(), "{}", String::from_utf8_lossy(&served.stderr));
    let ready: serde_json::Value = serde_json::from_slice(&served.stdout).unwrap();
    assert_eq!(ready["keys"][0]["id"], told["id"]);
    assert_eq!(ready["keys"][0]["readOnly"], false);
}

#[test]
fn the_line_test_sends_back_what_was_asked_for_and_the_digest_of_what_came() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let pattern = echo_pattern(70_000);
    let (digest, body) = peer
        .call_body::<OneDigest>(Method::SysEcho, &EchoArgs { reply_bytes: 1_000 }, &pattern)
        .unwrap();
    assert_eq!((digest.digest, body), (sha(&pattern), echo_pattern(1_000)));
    assert_eq!(
        code(peer.call::<OneDigest>(Method::SysEcho, &EchoArgs { reply_bytes: u32::MAX })),
        ErrorCode::BadArgument
    );
    let counts: LinkCounts = peer.call(Method::SysLink, &Nothing {}).unwrap();
    assert_eq!(
        (counts.transport.as_str(), counts.secured, counts.sent_pdus),
        ("tcp", false, 0)
    );
}
