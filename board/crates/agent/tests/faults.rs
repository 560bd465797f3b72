//! What goes wrong around an agent, on every way to it: kills, peers that die or fall silent, readers that take nothing, a
//! disk that fills up, a clock in 1970. Seeds of bad lines are printed.

mod support;

use std::fs::FileTimes;
use std::time::SystemTime;

use link::cbor::{Nothing, to_vec};
use link::message::blob::{HasArgs, HasResult, PutArgs};
use link::message::hello::HelloHost;
use link::message::mem::RangeArgs;
use link::message::sys::BoardInfo;
use link::session::keepalive::{LINK_DOWN_MS, SILENT_PEER_MS};
use link::{ErrorCode, FrameType, Method};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use support::*;

const CHUNK: u32 = 1000;

fn chunks(data: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    (0..).zip(data.chunks(CHUNK as usize))
}

/// Runs a test on every way, each with a seed of its own.
fn on_every_way(seed: u64, test: impl Fn(Way, u64)) {
    for (way, seed) in Way::ALL.into_iter().zip(seed..) {
        println!("{way:?}");
        test(way, seed);
    }
}

#[test]
fn an_agent_killed_at_every_chunk_border_resumes_there_and_the_digest_is_equal() {
    on_every_way(100, |way, seed| {
        let mut board = RealBoard::on(way, seed);
        let data = noise(5 * CHUNK as usize + 17, seed);
        let mut boots = Vec::new();
        for stop_after in 0..=6 {
            let mut peer = board.peer();
            boots.push(peer.hello.boot_id);
            let bitmap = peer.blob_begin(&data, CHUNK).unwrap();
            for (index, chunk) in chunks(&data) {
                assert_eq!(bitmap_has(&bitmap, index as usize), index + 1 < stop_after);
                if index + 1 == stop_after {
                    peer.blob_put(sha(&data), index, chunk).unwrap();
                }
            }
            board.kill();
            board.switch_on();
        }
        let mut peer = board.peer();
        assert_eq!(peer.blob_begin(&data, CHUNK).unwrap(), [0b11_1111]);
        peer.blob_commit(sha(&data)).unwrap();
        let stored = board
            .folder
            .0
            .join(format!("store/{}.blob", agent::store::hex(&*sha(&data))));
        assert_eq!(sha(&std::fs::read(stored).unwrap()), sha(&data));
        boots.sort();
        boots.dedup();
        assert_eq!(boots.len(), 7, "every start has a boot id of its own");
    });
}

#[test]
fn an_agent_killed_within_a_chunk_has_none_of_it() {
    on_every_way(200, |way, seed| {
        let mut board = RealBoard::on(way, seed);
        let data = noise(3 * 16_000, seed);
        let mut peer = board.peer();
        peer.blob_begin(&data, 16_000).unwrap();
        peer.blob_put(sha(&data), 0, &data[..16_000]).unwrap();
        // The next chunk is on its way when the agent dies: it may have come, whole and checked, or not at all.
        let args = PutArgs {
            digest: sha(&data),
            index: 1,
        };
        peer.begin(Method::BlobPut, &args, None, &data[16_000..32_000]);
        board.kill();
        board.switch_on();
        let mut peer = board.peer();
        let bitmap = peer.blob_begin(&data, 16_000).unwrap();
        assert!(bitmap == [0b01] || bitmap == [0b11], "{bitmap:?}");
        for (index, chunk) in (0..).zip(data.chunks(16_000)) {
            peer.blob_put(sha(&data), index, chunk).unwrap();
        }
        peer.blob_commit(sha(&data)).unwrap();
    });
}

#[test]
fn a_host_that_dies_without_a_word_leaves_nothing_behind_after_the_grace_time() {
    on_every_way(300, |way, seed| {
        let mut board = Live::on(way, seed, Setup::default());
        let free_bytes = board.agent.free_bytes();
        let mut peer = board.peer(None);
        peer.alloc(1 << 20);
        let grace_ms = peer.hello.grace_ms;
        assert_eq!(grace_ms, if way == Way::Tcp { 30_000 } else { 120_000 });
        let half = frame(FrameType::Call, Method::MemFree as u16, 100, &[0xa1, 0x00, 0xa0], &[]);
        peer.die_within(&half);
        // TCP tells at once; on a line only silence does.
        if way != Way::Tcp {
            board.clock.skip_ms(SILENT_PEER_MS);
        }
        board.until(|agent| agent.suspended_count() == 1);
        assert_eq!(board.agent.free_bytes(), free_bytes - (1 << 20));
        board.clock.skip_ms(grace_ms);
        board.until(|agent| agent.session_count() == 0 && agent.free_bytes() == free_bytes);
    });
}

#[test]
fn a_half_open_link_is_suspended_and_the_session_goes_on_over_the_next_one() {
    on_every_way(400, |way, seed| {
        let mut board = Live::on(way, seed, Setup::default());
        let mut peer = board.peer(None);
        let token = peer.token();
        let buffer = peer.alloc(8);
        peer.write(buffer, 0, b"lasting!").unwrap();
        peer.ping();
        // The link stays open on this side and carries nothing more.
        board.clock.skip_ms(LINK_DOWN_MS);
        board.until(|agent| agent.suspended_count() == 1);
        let mut again = board.peer(Some(token));
        assert!(again.hello.resumed);
        again.next_call = 100;
        assert_eq!(again.read(buffer, 0, 8).unwrap(), b"lasting!");
        assert_eq!(board.agent.session_count(), 1);
    });
}

#[test]
fn a_reader_that_takes_nothing_for_a_while_gets_every_byte_afterwards() {
    on_every_way(500, |way, seed| {
        let mut board = RealBoard::on(way, seed);
        let mut peer = board.peer();
        // On TCP more than the sockets hold; on a line everything, since it gives no credit.
        let length_bytes = if way == Way::Tcp { 900_000 } else { 16_000 };
        let data = noise(length_bytes as usize, seed);
        let handle = peer.alloc(length_bytes);
        peer.write(handle, 0, &data).unwrap();
        peer.stop_reading();
        let range = RangeArgs {
            handle,
            offset_bytes: 0,
            length_bytes,
        };
        let calls: Vec<u32> = (0..16)
            .map(|_| peer.begin(Method::MemRead, &range, None, &[]))
            .collect();
        peer.read_again();
        for call in calls {
            let got = peer.end_of(call, |_, other| assert_ne!(other.view().head.kind, FrameType::Reply));
            assert_eq!(got.view().body, data);
        }
    });
}

/// The largest file the agent may write: the disk is full beyond it.
fn limit_files(board: &RealBoard, largest_bytes: Option<u64>) {
    let pid = Pid::from_child(&board.process.as_ref().unwrap().0);
    let limit = Rlimit {
        current: largest_bytes,
        ..getrlimit(Resource::Fsize)
    };
    prlimit(Some(pid), Resource::Fsize, limit).unwrap();
}

#[test]
fn a_disk_that_fills_up_within_an_upload_costs_that_chunk_and_no_other() {
    on_every_way(600, |way, seed| {
        let mut board = RealBoard::on(way, seed);
        let data = noise(5 * CHUNK as usize, seed);
        let mut peer = board.peer();
        let small = peer.upload_in(&noise(900, seed), CHUNK);
        peer.blob_begin(&data, CHUNK).unwrap();
        limit_files(&board, Some(3 * u64::from(CHUNK)));
        for (index, chunk) in chunks(&data) {
            let put = peer.blob_put(sha(&data), index, chunk);
            match index {
                0..3 => put.unwrap(),
                _ => {
                    let fail = put.unwrap_err();
                    assert_eq!(fail.code, ErrorCode::NoSpace);
                    assert!(fail.remedy.contains("store folder"), "{}", fail.remedy);
                }
            }
        }
        // What was there stays, and smaller things still fit.
        let has: HasResult = peer.call(Method::BlobHas, &HasArgs { digests: vec![small] }).unwrap();
        assert_eq!(has.present, [true]);
        peer.upload_in(&noise(2_000, seed + 1), CHUNK);
        assert_eq!(
            code(peer.blob_begin(&noise(9_000, seed), CHUNK)),
            ErrorCode::NoSpace,
            "it is told at the beginning"
        );
        limit_files(&board, None);
        assert_eq!(peer.blob_begin(&data, CHUNK).unwrap(), [0b00111]);
        for (index, chunk) in chunks(&data).skip(3) {
            peer.blob_put(sha(&data), index, chunk).unwrap();
        }
        peer.blob_commit(sha(&data)).unwrap();
    });
}

#[test]
fn a_clock_in_1970_changes_neither_what_is_dropped_first_nor_what_the_log_says() {
    on_every_way(700, |way, seed| {
        let mut board = Live::on(
            way,
            seed,
            Setup {
                quota_bytes: 20_000,
                ..Setup::default()
            },
        );
        let mut peer = board.peer(None);
        let [a, b, c] = [1, 2, 3].map(|seed| peer.upload_in(&noise(5_000, seed), CHUNK));
        // What a board without a clock writes: every file dates from the same second.
        for entry in std::fs::read_dir(&board.folder.0).unwrap() {
            let file = std::fs::File::options()
                .write(true)
                .open(entry.unwrap().path())
                .unwrap();
            file.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH))
                .unwrap();
        }
        peer.blob_begin(&noise(5_000, 1), CHUNK).unwrap();
        let d = peer.upload_in(&noise(9_000, 4), CHUNK);
        let digests = vec![a, b, c, d];
        let has: HasResult = peer.call(Method::BlobHas, &HasArgs { digests }).unwrap();
        assert_eq!(has.present, [true, false, true, true]);
    });
    on_every_way(800, |way, seed| {
        let mut board = RealBoard::on(way, seed);
        let mut peer = board.reach.connect(board.address);
        let hello = HelloHost {
            protocol_min: 1,
            protocol_current: 1,
            client: "test".into(),
            wall_us: 1_795_000_000_000_000,
            token: None,
            streams: None,
            capabilities: None,
        };
        peer.send(&frame(FrameType::Hello, 0, 0, &to_vec(&hello), &[]));
        peer.receive().unwrap();
        peer.call::<BoardInfo>(Method::SysInfo, &Nothing {}).unwrap();
        let log = std::fs::read_to_string(board.folder.0.join("agent.log")).unwrap();
        let dated: Vec<(bool, bool)> = log
            .lines()
            .map(|line| {
                (
                    line.contains(" 2026-11-18T11:06:4"),
                    line.contains("session 1 from test"),
                )
            })
            .collect();
        let told = dated.iter().position(|(_, hello)| *hello).unwrap();
        assert!(dated[..told].iter().all(|(date, _)| !date), "before a host came: {log}");
        assert!(
            dated[told..].iter().all(|(date, _)| *date),
            "after it told the time: {log}"
        );
    });
}
