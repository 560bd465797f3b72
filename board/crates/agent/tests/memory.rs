//! What a real `npulabd` takes when peers ask for much and read nothing: bounded, as its README states.

mod support;

use link::Method;
use link::cbor::Nothing;
use link::message::mem::{OneDigest, RangeArgs};
use link::message::sys::BoardInfo;
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
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.0.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak_mib = peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap() / 1024;
    println!("peak {peak_mib} MiB with {} peers that read nothing", slow.len());
    let bound_mib = AGENT_MIB + (slow.len() as u64 + 1) * PER_CONNECTION_MIB;
    assert!(peak_mib <= bound_mib, "{peak_mib} MiB, {bound_mib} are stated");
}
