//! Calls whose arguments are made to hurt: every method is offered nesting without end, counts beyond memory, other types, handles
//! and lengths of others, names that are paths. Each gets an answer of its own, and the agent takes no memory for it.

mod support;

use link::cbor::{Nothing, from_slice, to_vec};
use link::message::call::Fail;
use link::message::sys::BoardInfo;
use link::{ErrorCode, FrameType, Method};
use support::*;

/// What a few KiB of nonsense may cost.
const MOST_BYTES: u64 = 16 << 20;

/// CBOR of every kind that a map of five keys may hold where numbers, handles, digests or names are due.
fn values() -> Vec<Vec<u8>> {
    let head = |byte: u8| [vec![byte], vec![0xff; 8]].concat();
    let mut values = vec![
        vec![0x00],
        vec![0x20],
        vec![0x61, b'x'],
        vec![0x40],
        vec![0x80],
        vec![0xa0],
        vec![0xf4],
        vec![0xf6],
        vec![0xf9, 0x7e, 0x00],
        // The largest numbers, and counts of bytes, letters, elements and pairs that never come.
        head(0x1b),
        head(0x3b),
        head(0x5b),
        head(0x7b),
        head(0x9b),
        head(0xbb),
        to_vec(&"../../../etc/passwd"),
        to_vec(&"/etc/passwd"),
        to_vec(&"a\0b"),
        vec![0x81; 5_000],
        vec![0x9f; 5_000],
        vec![0xc1; 5_000],
    ];
    // A handle of nobody, and a digest of nothing.
    values.push(vec![0xa3, 0x00, 0x00, 0x01, 0x01, 0x02, 0x01]);
    values.push([vec![0x58, 32], vec![7; 32]].concat());
    values
}

/// Arguments with the value everywhere, with it behind a handle, and in place of all arguments.
fn arguments(value: &[u8]) -> [Vec<u8>; 3] {
    let map = |first: &[u8]| {
        let rest = (1..5u8).flat_map(|key| [&[key], value].concat());
        [&[0xa5, 0x00], first].concat().into_iter().chain(rest).collect()
    };
    [
        map(value),
        map(&[0xa3, 0x00, 0x00, 0x01, 0x01, 0x02, 0x01]),
        value.to_vec(),
    ]
}

/// Largest resident size of this process so far.
fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn every_method_answers_arguments_that_are_made_to_hurt_and_takes_no_memory_for_them() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let before = peak_bytes();
    let (mut asked, mut refused) = (0, 0);
    for &method in Method::ALL {
        for value in values() {
            for args in arguments(&value) {
                let (id, meta) = (peer.next_call, [&[0xa1, 0x00][..], &args].concat());
                peer.next_call += 2;
                peer.send(&frame(FrameType::Call, method as u16, id, &meta, &[0xff; 40]));
                let end = peer.end_of(id, |_, _| {});
                asked += 1;
                if end.view().head.kind == FrameType::Fail {
                    refused += 1;
                    let fail: Fail = from_slice(end.view().meta).unwrap();
                    assert_ne!(fail.code, ErrorCode::Internal, "{}: {}", method.name(), fail.cause);
                    assert!(!fail.remedy.is_empty(), "{}: {}", method.name(), fail.cause);
                }
            }
        }
    }
    // What takes no arguments, or asks for nothing, is answered well; there are few of those.
    assert!(refused * 10 > asked * 9, "{refused} of {asked}");
    assert!(
        peak_bytes() - before < MOST_BYTES,
        "{} bytes more",
        peak_bytes() - before
    );
    peer.call::<BoardInfo>(Method::SysInfo, &Nothing {}).unwrap();
    let handle = peer.alloc(8);
    peer.write(handle, 0, b"as usual").unwrap();
    assert_eq!(peer.read(handle, 0, 8).unwrap(), b"as usual");
}
