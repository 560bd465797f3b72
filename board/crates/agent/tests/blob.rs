//! Uploads: interrupted at every chunk border, damaged, over quota, and after a kill of a real `npulabd`.

mod support;

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use link::cbor::Nothing;
use link::message::blob::{HasArgs, HasResult, ListResult};
use link::{ErrorCode, Method};
use support::*;

const CHUNK: u32 = 1000;

#[test]
fn an_upload_interrupted_at_every_chunk_border_is_resumed_where_it_stopped() {
    let rig = Rig::new();
    let chunks = 10;
    for stop_after in 0..=chunks {
        let data = noise(9 * CHUNK as usize + 17, 100 + stop_after as u64);
        let mut peer = rig.peer();
        assert_eq!(peer.blob_begin(&data, CHUNK).unwrap(), [0, 0]);
        for (index, chunk) in data.chunks(CHUNK as usize).enumerate().take(stop_after) {
            peer.blob_put(sha(&data), index as u32, chunk).unwrap();
        }
        drop(peer);
        let mut peer = rig.peer();
        let bitmap = peer.blob_begin(&data, CHUNK).unwrap();
        for (index, chunk) in data.chunks(CHUNK as usize).enumerate() {
            assert_eq!(bitmap_has(&bitmap, index), index < stop_after);
            if !bitmap_has(&bitmap, index) {
                peer.blob_put(sha(&data), index as u32, chunk).unwrap();
            }
        }
        peer.blob_commit(sha(&data)).unwrap();
        peer.blob_commit(sha(&data)).unwrap();
        let stored = std::fs::read(rig.folder.0.join(format!("{}.blob", agent::store::hex(&*sha(&data))))).unwrap();
        assert_eq!(stored, data);
        assert_eq!(peer.blob_begin(&data, CHUNK).unwrap(), [0xff, 0x03]);
    }
    let files = std::fs::read_dir(&rig.folder.0).unwrap().count();
    assert_eq!(files, chunks + 2, "no part and no journal stays beside the index");
}

#[test]
fn a_wrong_chunk_is_rejected_and_not_marked() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let data = noise(2500, 1);
    peer.blob_begin(&data, CHUNK).unwrap();
    assert_eq!(
        code(peer.blob_put(sha(&data), 0, &data[1000..2000])),
        ErrorCode::Corrupt
    );
    assert_eq!(
        code(peer.blob_put(sha(&data), 2, &data[..1000])),
        ErrorCode::BadArgument
    );
    assert_eq!(
        code(peer.blob_put(sha(&data), 3, &data[..1000])),
        ErrorCode::BadArgument
    );
    assert_eq!(
        code(peer.blob_put(sha(b"other"), 0, &data[..1000])),
        ErrorCode::NotFound
    );
    assert_eq!(peer.blob_begin(&data, CHUNK).unwrap(), [0]);
    assert_eq!(code(peer.blob_commit(sha(&data))), ErrorCode::NotFound);
}

#[test]
fn chunks_that_add_up_to_another_blob_are_found_at_commit() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let (data, name) = (noise(1500, 1), sha(b"something else"));
    let digests: Vec<u8> = data.chunks(1000).flat_map(|c| *sha(c)).collect();
    let begin = link::message::blob::BeginArgs {
        digest: name,
        size_bytes: 1500,
        chunk_bytes: CHUNK,
        chunk_digests: digests.into(),
    };
    peer.call::<link::message::blob::BeginResult>(Method::BlobBegin, &begin)
        .unwrap();
    peer.blob_put(name, 0, &data[..1000]).unwrap();
    peer.blob_put(name, 1, &data[1000..]).unwrap();
    assert_eq!(code(peer.blob_commit(name)), ErrorCode::Corrupt);
    let has: HasResult = peer.call(Method::BlobHas, &HasArgs { digests: vec![name] }).unwrap();
    assert_eq!(has.present, [false]);
}

#[test]
fn a_chunk_damaged_on_disk_is_forgotten_and_can_be_sent_again() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let data = noise(3000, 2);
    peer.blob_begin(&data, CHUNK).unwrap();
    for (index, chunk) in data.chunks(1000).enumerate() {
        peer.blob_put(sha(&data), index as u32, chunk).unwrap();
    }
    let part = rig.folder.0.join(format!("{}.part", agent::store::hex(&*sha(&data))));
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[1500] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    assert_eq!(code(peer.blob_commit(sha(&data))), ErrorCode::Corrupt);
    assert_eq!(peer.blob_begin(&data, CHUNK).unwrap(), [0b101]);
    peer.blob_put(sha(&data), 1, &data[1000..2000]).unwrap();
    peer.blob_commit(sha(&data)).unwrap();
}

#[test]
fn the_store_has_a_quota_and_says_what_it_holds() {
    let rig = Rig::with(Setup {
        quota_bytes: 10_000,
        ..Setup::default()
    });
    let mut peer = rig.peer();
    let small = peer.upload(&noise(6000, 1));
    let pin = link::message::blob::PinArgs {
        digest: small,
        pinned: true,
    };
    peer.call::<Nothing>(Method::BlobPin, &pin).unwrap();
    let fail = peer.blob_begin(&noise(6000, 2), CHUNK).unwrap_err();
    assert_eq!(fail.code, ErrorCode::NoSpace);
    assert!(fail.remedy.contains("--quota-mib"));
    let list: ListResult = peer.call(Method::BlobList, &Nothing {}).unwrap();
    assert_eq!((list.quota_bytes, list.used_bytes), (10_000, 6_000));
    assert_eq!(
        list.blobs
            .iter()
            .map(|b| (b.digest, b.size_bytes, b.pins))
            .collect::<Vec<_>>(),
        [(small, 6000, 0)]
    );
}

#[test]
fn chunk_lists_that_do_not_fit_the_size_are_refused() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    for (size_bytes, chunk_bytes, digests) in [
        (10, 0, 32),
        (10, 10, 64),
        (u64::MAX, 1, 32),
        (10, u32::MAX, 32),
        (0, 1, 32),
    ] {
        let args = link::message::blob::BeginArgs {
            digest: sha(b"x"),
            size_bytes,
            chunk_bytes,
            chunk_digests: vec![0; digests].into(),
        };
        let refused = peer.call::<link::message::blob::BeginResult>(Method::BlobBegin, &args);
        assert_eq!(code(refused), ErrorCode::BadArgument, "{size_bytes} {chunk_bytes}");
    }
}

#[test]
fn an_empty_blob_can_be_stored() {
    let rig = Rig::new();
    assert_eq!(rig.peer().upload(b""), sha(b""));
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn npulabd(folder: &Folder) -> (Process, Peer) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_npulabd"))
        .args([
            "--listen",
            "tcp://127.0.0.1:0",
            "--backend",
            "cpu",
            "--until-stdin-closes",
            "--store",
        ])
        .arg(&folder.0)
        .arg("--log")
        .arg(folder.0.join("agent.log"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(
        (&ready["npulabd"], &ready["protocol"]["current"]),
        (&1.into(), &1.into())
    );
    let address = ready["listen"]
        .as_str()
        .unwrap()
        .strip_prefix("tcp://")
        .unwrap()
        .parse()
        .unwrap();
    let peer = Peer::open(address, None, &[]);
    assert_eq!(
        agent::store::hex(&*peer.hello.boot_id),
        ready["bootId"].as_str().unwrap()
    );
    (Process(child), peer)
}

#[test]
fn an_upload_goes_on_after_a_kill_of_the_agent() {
    let (folder, data) = (Folder::new(), noise(5500, 9));
    let (mut first, mut peer) = npulabd(&folder);
    peer.blob_begin(&data, CHUNK).unwrap();
    for index in [0, 3, 5] {
        peer.blob_put(sha(&data), index, data.chunks(1000).nth(index as usize).unwrap())
            .unwrap();
    }
    let boot_id = peer.hello.boot_id;
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let (mut second, mut peer) = npulabd(&folder);
    assert_ne!(peer.hello.boot_id, boot_id);
    assert_eq!(peer.blob_begin(&data, CHUNK).unwrap(), [0b10_1001]);
    for index in [1, 2, 4] {
        peer.blob_put(sha(&data), index, data.chunks(1000).nth(index as usize).unwrap())
            .unwrap();
    }
    peer.blob_commit(sha(&data)).unwrap();
    drop(second.0.stdin.take());
    assert!(
        second.0.wait().unwrap().success(),
        "the agent ends well when its input closes"
    );
}

#[test]
fn a_signal_ends_the_agent_cleanly_with_a_goodbye() {
    let folder = Folder::new();
    let (mut process, mut peer) = npulabd(&folder);
    let pid = rustix::process::Pid::from_child(&process.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(peer.receive().unwrap().view().head.kind, link::FrameType::Bye);
    assert!(process.0.wait().unwrap().success());
}
