//! `board/link/vectors/noise.json` against this crate. If a vector fails, do not edit the vector.
//!
//! The handshake with payloads in it is the Noise project's own (cacophony set, pattern NNpsk0).

mod vector_file;

use link::secure::{self, Initiator};
use link::uart::pdu::Channel;
use serde_json::{Value, json};
use vector_file::{hex, path, read, unhex};

fn noise_json() -> Value {
    let key: [u8; 32] = core::array::from_fn(|i| i as u8 * 3 + 1);
    let host: [u8; 32] = core::array::from_fn(|i| 0x40 + i as u8);
    let board: [u8; 32] = core::array::from_fn(|i| 0xc0 - i as u8);
    let (initiator, first) = Initiator::with(&key, Some(&host)).unwrap();
    let (mut at_board, second) = secure::respond_with(&key, &first, Some(&board)).unwrap();
    let mut at_host = initiator.finish(&second).unwrap();
    let mut records = Vec::new();
    for (from, channel, plain) in [
        ("host", Channel::Control, &b"first control"[..]),
        ("host", Channel::Bulk, b"first bulk"),
        ("board", Channel::Bulk, b""),
        ("host", Channel::Control, b"second control"),
        ("board", Channel::Control, b"an answer"),
    ] {
        let (mut record, mut back) = (Vec::new(), Vec::new());
        let (sealer, opener) = if from == "host" {
            (&mut at_host, &mut at_board)
        } else {
            (&mut at_board, &mut at_host)
        };
        sealer.sealer.seal(channel, plain, &mut record).unwrap();
        opener.opener.open(channel, &record, &mut back).unwrap();
        assert_eq!(back, plain);
        records
            .push(json!({ "from": from, "channel": channel as u8, "plainHex": hex(plain), "recordHex": hex(&record) }));
    }
    json!({
        "keyHex": hex(&key), "keyIdHex": hex(&secure::key_id(&key)), "prefaceHex": hex(&secure::preface(secure::key_id(&key))),
        "hostEphemeralHex": hex(&host), "boardEphemeralHex": hex(&board),
        "firstHex": hex(&first), "secondHex": hex(&second), "records": records,
    })
}

#[test]
fn the_handshake_and_the_records_of_both_channels_are_the_vectors() {
    assert_eq!(noise_json(), read("noise.json")["link"]);
}

#[test]
fn the_noise_projects_own_vector_holds() {
    let vector = &read("noise.json")["cacophony"];
    let field = |name: &str| unhex(vector[name].as_str().unwrap());
    let psk: [u8; 32] = field("psk").try_into().unwrap();
    let (prologue, host, board) = (field("prologue"), field("initEphemeral"), field("respEphemeral"));
    let build = |ephemeral| {
        snow::Builder::new("Noise_NNpsk0_25519_ChaChaPoly_SHA256".parse().unwrap())
            .psk(0, &psk)
            .unwrap()
            .prologue(&prologue)
            .unwrap()
            .fixed_ephemeral_key_for_testing_only(ephemeral)
    };
    let (mut init, mut resp) = (
        build(&host).build_initiator().unwrap(),
        build(&board).build_responder().unwrap(),
    );
    let messages = vector["messages"].as_array().unwrap();
    let texts: Vec<(Vec<u8>, Vec<u8>)> = messages
        .iter()
        .map(|m| {
            (
                unhex(m["payload"].as_str().unwrap()),
                unhex(m["ciphertext"].as_str().unwrap()),
            )
        })
        .collect();
    let mut buffer = vec![0; 1024];
    for (index, (payload, ciphertext)) in texts[..2].iter().enumerate() {
        let (from, to) = if index == 0 {
            (&mut init, &mut resp)
        } else {
            (&mut resp, &mut init)
        };
        let length = from.write_message(payload, &mut buffer).unwrap();
        assert_eq!(&buffer[..length], ciphertext);
        let mut plain = vec![0; 1024];
        let length = to.read_message(ciphertext, &mut plain).unwrap();
        assert_eq!(&plain[..length], payload);
    }
    let (mut init, mut resp) = (init.into_transport_mode().unwrap(), resp.into_transport_mode().unwrap());
    for (index, (payload, ciphertext)) in texts[2..].iter().enumerate() {
        let from = if index % 2 == 0 { &mut init } else { &mut resp };
        let length = from.write_message(payload, &mut buffer).unwrap();
        assert_eq!(&buffer[..length], ciphertext);
    }
}

#[test]
fn another_key_an_old_record_and_a_changed_one_are_refused() {
    let (key, other) = ([1u8; 32], [2u8; 32]);
    let (_, first) = Initiator::begin(&other).unwrap();
    assert!(secure::respond(&key, &first).is_err());
    assert!(secure::respond(&key, &first[..47]).is_err());
    let (initiator, first) = Initiator::begin(&key).unwrap();
    let (mut board, second) = secure::respond(&key, &first).unwrap();
    let mut host = initiator.finish(&second).unwrap();
    let (mut record, mut plain) = (Vec::new(), Vec::new());
    host.sealer.seal(Channel::Control, b"once", &mut record).unwrap();
    assert!(board.opener.open(Channel::Bulk, &record, &mut plain).is_err());
    board.opener.open(Channel::Control, &record, &mut plain).unwrap();
    assert!(board.opener.open(Channel::Control, &record, &mut plain).is_err());
    let mut next = Vec::new();
    host.sealer.seal(Channel::Control, b"next", &mut next).unwrap();
    let mut changed = next.clone();
    changed[2] ^= 1;
    assert!(board.opener.open(Channel::Control, &changed, &mut plain).is_err());
    board.opener.open(Channel::Control, &next, &mut plain).unwrap();
    assert_eq!(plain, b"oncenext");
    assert!(board.opener.open(Channel::Control, &[0; 15], &mut plain).is_err());
    assert!(board.opener.open(Channel::Control, &[0; 65_536], &mut plain).is_err());
}

/// Adds our own handshake where the file has none yet; never touches one that is there.
#[test]
#[ignore = "writes the vectors file"]
fn write_the_vectors_where_they_are_missing() {
    let mut noise = read("noise.json");
    if noise["link"].is_null() {
        noise["link"] = noise_json();
        let text = serde_json::to_string_pretty(&noise).unwrap();
        std::fs::write(path("noise.json"), format!("{text}\n")).unwrap();
    }
}
