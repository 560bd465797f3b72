//! What a real `npulabd` takes when peers ask for much and read nothing: bounded, as its README states.

mod support;

use link::cbor::{Nothing, to_vec};
use link::message::blob::BeginArgs;
use link::message::mem::{Alloc, Dtype, FillArgs, OneDigest, RangeArgs, SummaryArgs};
use link::message::npu::CaptureFileArgs;
use link::message::sys::{BoardInfo, EchoArgs};
use link::{ErrorCode, Method};
use support::*;

/// 8 MiB of answers that wait, 16 calls of 1 MiB under way, a frame being read and one being written.
const PER_CONNECTION_MIB: u64 = 8 + 16 + 2;
/// The agent itself with its back end.
const AGENT_MIB: u64 = 48;

#[test]
fn peers_that_read_nothing_take_no_more_memory_than_stated() {
    let folder = Folder::new();
    let log = folder.0.join("agent.log");
    let (process, ready) = start(&mut npulabd(), "tcp://127.0.0.1:0", &folder.0, &log);
    let address = address(&ready);
    let length_bytes = 960_000;
    let mut slow: Vec<Peer> = (0..6).map(|_| Peer::open(address, None, &[])).collect();
    for peer in &mut slow {
        let handle = peer.alloc(length_bytes);
        for _ in 0..200 {
            let args = RangeArgs {
                handle,
                offset_bytes: 0,
                length_bytes,
            };
            peer.begin(Method::MemRead, &args, None, &[]);
        }
    }
    // A peer that behaves is served meanwhile, behind what was queued for the device before.
    let mut good = Peer::open(address, None, &[]);
    let handle = good.alloc(1 << 20);
    for _ in 0..20 {
        let args = RangeArgs {
            handle,
            offset_bytes: 0,
            length_bytes: 1 << 20,
        };
        good.call::<OneDigest>(Method::MemDigest, &args).unwrap();
    }
    good.call::<BoardInfo>(Method::SysInfo, &Nothing {}).unwrap();
    let peak_mib = peak_kib(process.0.id()) / 1024;
    println!("peak {peak_mib} MiB with {} peers that read nothing", slow.len());
    let bound_mib = AGENT_MIB + (slow.len() as u64 + 1) * PER_CONNECTION_MIB;
    assert!(peak_mib <= bound_mib, "{peak_mib} MiB, {bound_mib} are stated");
}

/// Largest resident size of a process so far, KiB.
fn peak_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    peak.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn lengths_that_lie_are_refused_before_memory_is_taken_for_them() {
    let folder = Folder::new();
    let log = folder.0.join("agent.log");
    let (process, ready) = start(&mut npulabd(), "tcp://127.0.0.1:0", &folder.0, &log);
    let mut peer = Peer::open(address(&ready), None, &[]);
    let handle = peer.alloc(64);
    let (offset_bytes, length_bytes, count) = (0, u64::MAX, u64::MAX);
    let range = RangeArgs {
        handle,
        offset_bytes,
        length_bytes,
    };
    let at_the_end = RangeArgs {
        offset_bytes: u64::MAX,
        length_bytes: 2,
        ..range
    };
    let fill = FillArgs {
        handle,
        offset_bytes,
        length_bytes,
        byte: 1,
    };
    let summary = SummaryArgs {
        handle,
        offset_bytes,
        count,
        dtype: Dtype::F32,
    };
    let begin = |size_bytes, chunk_bytes| BeginArgs {
        digest: sha(b"x"),
        size_bytes,
        chunk_bytes,
        chunk_digests: vec![0; 32].into(),
        chunk_list: None,
    };
    let file = CaptureFileArgs {
        name: "job.json".into(),
        offset_bytes,
        length_bytes,
    };
    let reply_bytes = u32::MAX;
    let table: Vec<(Method, Vec<u8>, ErrorCode)> = vec![
        (
            Method::MemAlloc,
            to_vec(&Alloc { size_bytes: u64::MAX }),
            ErrorCode::OutOfMemory,
        ),
        (Method::MemRead, to_vec(&range), ErrorCode::BadArgument),
        (Method::MemRead, to_vec(&at_the_end), ErrorCode::BadArgument),
        (Method::MemDigest, to_vec(&range), ErrorCode::BadArgument),
        (Method::MemFill, to_vec(&fill), ErrorCode::BadArgument),
        (Method::MemSummary, to_vec(&summary), ErrorCode::BadArgument),
        (Method::BlobBegin, to_vec(&begin(u64::MAX, 1)), ErrorCode::BadArgument),
        (Method::BlobBegin, to_vec(&begin(1, 0)), ErrorCode::BadArgument),
        (
            Method::BlobBegin,
            to_vec(&begin(u64::MAX, u32::MAX)),
            ErrorCode::BadArgument,
        ),
        (
            Method::SysEcho,
            to_vec(&EchoArgs { reply_bytes }),
            ErrorCode::BadArgument,
        ),
        (Method::NpuCaptureFile, to_vec(&file), ErrorCode::TooLarge),
    ];
    let before = peak_kib(process.0.id());
    for (method, args, expected) in table {
        let refused = peer.call::<Nothing>(method, &link::cbor::Encoded(args));
        assert_eq!(code(refused), expected, "{}", method.name());
    }
    // Lists inside the metadata: an array of 2^32 elements, a text of 2^63 bytes, none of which follow.
    for lie in [
        &b"\xa1\x00\x9a\xff\xff\xff\xff"[..],
        b"\xa1\x00\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
    ] {
        for &method in Method::ALL {
            let mut liar = Peer::open(address(&ready), None, &[]);
            let meta = [&b"\xa1\x00"[..], lie].concat();
            liar.send(&frame(link::FrameType::Call, method as u16, 2, &meta, &[]));
            let end = liar.end_of(2, |_, _| {});
            assert_eq!(end.view().head.kind, link::FrameType::Fail, "{}", method.name());
            liar.bye();
        }
    }
    // Frames on the wire.
    for announced in [0u32, 15, (1 << 20) + 1, u32::MAX] {
        let mut liar = Peer::open(address(&ready), None, &[]);
        std::io::Write::write_all(&mut liar.wire.stream, &announced.to_le_bytes()).unwrap();
        while liar.receive().is_some() {}
    }
    let grown = peak_kib(process.0.id()) - before;
    assert!(grown < 8 * 1024, "{grown} KiB were taken");
    peer.call::<BoardInfo>(Method::SysInfo, &Nothing {}).unwrap();
}
