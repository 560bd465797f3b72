//! Uploads: interrupted at every chunk border, damaged, over quota, and after a kill of a real `npulabd`.

mod support;

use std::process::Command;

use link::cbor::Nothing;
use link::message::blob::{HasArgs, HasResult, ListResult};
use link::message::mem::OneDigest;
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
        chunk_list: None,
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
            chunk_list: None,
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

fn agent_in(folder: &Folder) -> (Process, Peer) {
    let (store, log) = (&folder.0, folder.0.join("agent.log"));
    let (process, ready) = start(&mut npulabd(), "tcp://127.0.0.1:0", store, &log);
    assert_eq!(
        (&ready["npulabd"], &ready["protocol"]["current"]),
        (&1.into(), &1.into())
    );
    let peer = Peer::open(address(&ready), None, &[]);
    assert_eq!(
        agent::store::hex(&*peer.hello.boot_id),
        ready["bootId"].as_str().unwrap()
    );
    (process, peer)
}

#[test]
fn an_upload_goes_on_after_a_kill_of_the_agent() {
    let (folder, data) = (Folder::new(), noise(5500, 9));
    let (mut first, mut peer) = agent_in(&folder);
    peer.blob_begin(&data, CHUNK).unwrap();
    for index in [0, 3, 5] {
        peer.blob_put(sha(&data), index, data.chunks(1000).nth(index as usize).unwrap())
            .unwrap();
    }
    let boot_id = peer.hello.boot_id;
    first.0.kill().unwrap();
    first.0.wait().unwrap();
    let (mut second, mut peer) = agent_in(&folder);
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
    let (mut process, mut peer) = agent_in(&folder);
    let pid = rustix::process::Pid::from_child(&process.0);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(peer.receive().unwrap().view().head.kind, link::FrameType::Bye);
    assert!(process.0.wait().unwrap().success());
}

#[test]
fn a_full_disk_is_told_at_the_beginning_and_what_was_there_stays() {
    let folder = Folder::new();
    let store = folder.0.join("store");
    std::fs::create_dir_all(&store).unwrap();
    let script = "mount -t tmpfs -o size=512k none \"$0\" && exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["-rm", "sh", "-c", script])
        .arg(&store)
        .arg(env!("CARGO_BIN_EXE_npulabd"));
    if !Command::new("unshare")
        .args(["-rm", "true"])
        .status()
        .is_ok_and(|status| status.success())
    {
        println!("no mount name space here: a full disk cannot be made");
        return;
    }
    let (_process, ready) = start(&mut command, "tcp://127.0.0.1:0", &store, &folder.0.join("agent.log"));
    let mut peer = Peer::open(address(&ready), None, &[]);
    let small = peer.upload(&noise(100_000, 1));
    assert_eq!(
        code(peer.blob_begin(&noise(600_000, 2), CHUNK * 100)),
        ErrorCode::NoSpace
    );
    let has: HasResult = peer.call(Method::BlobHas, &HasArgs { digests: vec![small] }).unwrap();
    assert_eq!(has.present, [true]);
    peer.upload(&noise(200_000, 3));
}

#[test]
fn what_was_longest_unused_goes_first_and_what_is_pinned_stays_over_a_restart() {
    let rig = Rig::with(Setup {
        quota_bytes: 20_000,
        ..Setup::default()
    });
    let mut peer = rig.peer();
    let [a, b, c] = [1, 2, 3].map(|seed| peer.upload(&noise(5_000, seed)));
    let pin = |digest, pinned| link::message::blob::PinArgs { digest, pinned };
    peer.call::<Nothing>(Method::BlobPin, &pin(a, true)).unwrap();
    assert_eq!(
        code(peer.call::<Nothing>(Method::BlobRemove, &OneDigest { digest: a })),
        ErrorCode::Busy
    );
    // Asking for it again is using it.
    peer.blob_begin(&noise(5_000, 2), CHUNK).unwrap();
    let d = peer.upload(&noise(9_000, 4));
    let present = |peer: &mut Peer, ids: &[link::cbor::Digest]| {
        let args = HasArgs { digests: ids.to_vec() };
        peer.call::<HasResult>(Method::BlobHas, &args).unwrap().present
    };
    assert_eq!(present(&mut peer, &[a, b, c, d]), [true, true, false, true]);
    let again = agent::store::BlobStore::open(&rig.folder.0, 20_000).unwrap();
    assert!(again.list().unwrap().0.iter().any(|blob| blob.id == *a && blob.kept));
    let gc = link::message::blob::GcArgs { free_bytes: 20_000 };
    let result: link::message::blob::GcResult = peer.call(Method::BlobGc, &gc).unwrap();
    assert_eq!(result.freed_bytes, 14_000);
    assert_eq!(present(&mut peer, &[a, b, c, d]), [true, false, false, false]);
    peer.call::<Nothing>(Method::BlobPin, &pin(a, false)).unwrap();
    peer.call::<Nothing>(Method::BlobRemove, &OneDigest { digest: a })
        .unwrap();
    assert_eq!(
        code(peer.call::<Nothing>(Method::BlobRemove, &OneDigest { digest: a })),
        ErrorCode::NotFound
    );
    assert_eq!(
        code(peer.call::<Nothing>(Method::BlobPin, &pin(a, true))),
        ErrorCode::NotFound
    );
}

#[test]
fn a_file_of_the_import_folder_becomes_a_blob_and_no_path_leads_elsewhere() {
    use link::message::blob::{ImportArgs, ImportResult, ImportableResult};
    let imports = Folder::new();
    let rig = Rig::with(Setup {
        imports: Some(imports.0.clone()),
        ..Setup::default()
    });
    let data = noise(3 << 20, 5);
    std::fs::write(imports.0.join("model.bin"), &data).unwrap();
    std::fs::write(imports.0.join(".hidden"), b"x").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", imports.0.join("link")).unwrap();
    let mut peer = rig.peer();
    let files: ImportableResult = peer.call(Method::BlobImportable, &Nothing {}).unwrap();
    let names: Vec<_> = files
        .files
        .iter()
        .map(|file| (file.name.as_str(), file.size_bytes))
        .collect();
    assert!(names.contains(&("model.bin", 3 << 20)) && !names.iter().any(|(name, _)| *name == ".hidden"));
    for name in [
        "/etc/passwd",
        "../secret",
        ".",
        "..",
        "",
        ".hidden",
        "a/b",
        "model.bin/",
        "./model.bin",
        "link",
    ] {
        let refused = peer.call::<ImportResult>(Method::BlobImport, &ImportArgs { name: name.into() });
        assert_eq!(code(refused), ErrorCode::Denied, "{name}");
    }
    let missing = peer.call::<ImportResult>(Method::BlobImport, &ImportArgs { name: "none".into() });
    assert_eq!(code(missing), ErrorCode::NotFound);
    let args = ImportArgs {
        name: "model.bin".into(),
    };
    let id = peer.begin(Method::BlobImport, &args, None, &[]);
    let mut items = 0;
    let end = peer.end_of(id, |_, frame| {
        items += usize::from(frame.view().head.kind == link::FrameType::Item)
    });
    let result: ImportResult = answer(&end).unwrap().0;
    assert_eq!((result.digest, result.size_bytes), (sha(&data), 3 << 20));
    assert!(items >= 1, "progress was reported");
    assert!(!imports.0.join("model.bin").exists(), "it moved");
    assert_eq!(peer.blob_begin(&data, 1 << 19).unwrap(), [0x3f]);
}

#[test]
fn digests_that_fit_no_frame_are_a_blob_of_their_own_and_the_upload_outlives_it() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    // 39 063 chunks: 1.2 MB of digests, more than a serial line's frame and its meta take.
    let (data, chunk_bytes) = (noise(40_000_000, 8), 1024u32);
    let digests: Vec<u8> = data.chunks(chunk_bytes as usize).flat_map(|c| *sha(c)).collect();
    let mut begin = link::message::blob::BeginArgs {
        digest: sha(&data),
        size_bytes: data.len() as u64,
        chunk_bytes,
        chunk_digests: Vec::new().into(),
        chunk_list: Some(sha(&digests)),
    };
    let begun = |peer: &mut Peer, begin: &_| {
        peer.call::<link::message::blob::BeginResult>(Method::BlobBegin, begin)
            .map(|result| result.bitmap.to_vec())
    };
    assert_eq!(
        code(begun(&mut peer, &begin)),
        ErrorCode::NotFound,
        "the list is not there yet"
    );
    let list = peer.upload(&digests);
    assert_eq!(begun(&mut peer, &begin).unwrap(), vec![0; 39_063usize.div_ceil(8)]);
    peer.call::<Nothing>(Method::BlobRemove, &OneDigest { digest: list })
        .unwrap();
    let last = data.chunks(chunk_bytes as usize).count() - 1;
    for index in [0, 1, last] {
        let at = index * chunk_bytes as usize;
        let chunk = &data[at..data.len().min(at + chunk_bytes as usize)];
        peer.blob_put(sha(&data), index as u32, chunk).unwrap();
    }
    // The session is lost; the list comes again, and what was sent is still there.
    drop(peer);
    let mut peer = rig.peer();
    peer.upload(&digests);
    let bitmap = begun(&mut peer, &begin).unwrap();
    let there: Vec<usize> = (0..=last).filter(|&index| bitmap_has(&bitmap, index)).collect();
    assert_eq!(there, [0, 1, last]);
    begin.chunk_digests = digests[..32].to_vec().into();
    assert_eq!(
        code(begun(&mut peer, &begin)),
        ErrorCode::BadArgument,
        "digests in two ways"
    );
    begin.chunk_digests = Vec::new().into();
    begin.chunk_bytes = 2048;
    assert_eq!(
        code(begun(&mut peer, &begin)),
        ErrorCode::BadArgument,
        "a list of other chunks"
    );
}
