//! `board/link/vectors/uart.json` and `lanes.json` against this crate. If a vector fails, do not edit the vector.

mod vector_file;

use link::uart::lanes::{self, MAX_LANES};
use link::uart::mask::{CUT_SEQUENCE, holds_cut_sequence};
use link::uart::pdu::{Channel, Epochs, Kind, MAX_PAYLOAD_BYTES, Pdu, Unmasked};
use link::uart::split::{Segment, Splitter};
use serde_json::{Value, json};
use vector_file::{hex, path, read, unhex};

const EPOCHS: Epochs = Epochs {
    sender: 0x0102_0304,
    receiver: 0xa1b2_c3d4,
};

struct PduCase {
    name: &'static str,
    pdu: Pdu,
    epochs: Epochs,
    from_mask: u8,
    not_mask: Option<u8>,
}

fn data(seq: u16, payload: &[u8]) -> Pdu {
    Pdu {
        kind: Kind::Data,
        first: true,
        last: true,
        channel: Channel::Control,
        seq,
        ack: 0,
        sack: 0,
        credit: 64,
        payload: payload.to_vec(),
    }
}

fn greeting(kind: Kind, own: u32, echo: u32) -> Pdu {
    Pdu {
        kind,
        payload: [own.to_le_bytes(), echo.to_le_bytes()].concat(),
        ..Pdu::ack(0, 0, 64)
    }
}

fn defeats_every_mask() -> Vec<u8> {
    (0..=255u8)
        .flat_map(|mask| CUT_SEQUENCE.map(|byte| byte ^ mask))
        .collect()
}

fn pdu_cases() -> Vec<PduCase> {
    let case = |name, pdu, epochs, from_mask| PduCase {
        name,
        pdu,
        epochs,
        from_mask,
        not_mask: None,
    };
    let ping = b"\x10\x0a\0\0\0\0\0\0\x03\0\0\0\0\0\0\0\xa1\0\x05";
    let hard = defeats_every_mask();
    let half = |first: bool| Pdu {
        first,
        last: !first,
        channel: Channel::Bulk,
        seq: if first { 65_535 } else { 0 },
        ..data(0, if first { &hard[..512] } else { &hard[512..] })
    };
    vec![
        case("syn of a host", greeting(Kind::Syn, EPOCHS.sender, 0), Epochs::ZERO, 1),
        case(
            "syn-ack of a board",
            greeting(Kind::SynAck, EPOCHS.receiver, EPOCHS.sender),
            Epochs::ZERO,
            1,
        ),
        case("third ack of a host", Pdu::ack(0, 0, 64), EPOCHS, 2),
        case("a whole control frame", data(0, ping), EPOCHS, 3),
        PduCase {
            name: "the same sent again under another mask",
            pdu: data(0, ping),
            epochs: EPOCHS,
            from_mask: 5,
            not_mask: Some(5),
        },
        case(
            "the middle of a bulk frame, with a bitmap",
            Pdu {
                first: false,
                last: false,
                channel: Channel::Bulk,
                seq: 0x1234,
                ack: 0xfffe,
                sack: 0x8000_0005,
                credit: 0,
                ..data(0, &[0xaa; 256])
            },
            EPOCHS,
            250,
        ),
        case("no credit left", Pdu::ack(7, 1, 0), EPOCHS, 9),
        case("a run of 254 bytes without a zero", data(1, &[0x55; 254]), EPOCHS, 1),
        case("the largest payload", data(2, &[0; MAX_PAYLOAD_BYTES]), EPOCHS, 1),
        // The sequence under mask 16, at which the search begins; every other byte value is there too, so tier three decides.
        case(
            "a frame whose first mask would be cut by the terminal",
            data(
                3,
                &[(0..=255).collect::<Vec<u8>>(), CUT_SEQUENCE.map(|b| b ^ 16).to_vec()].concat(),
            ),
            EPOCHS,
            16,
        ),
        case(
            "a frame that avoids only escape",
            data(4, &[0x01, 0x13, 0x11, 0x03, 0x04].repeat(60)),
            EPOCHS,
            0,
        ),
        case("a payload that defeats every mask", data(65_535, &hard), EPOCHS, 1),
        case("its first half", half(true), EPOCHS, 1),
        case("its second half", half(false), EPOCHS, 2),
    ]
}

fn pdu_json(case: &PduCase) -> Value {
    let wire = case.pdu.encode(case.epochs, case.from_mask, case.not_mask);
    let Pdu {
        kind,
        first,
        last,
        channel,
        seq,
        ack,
        sack,
        credit,
        payload,
    } = &case.pdu;
    json!({
        "name": case.name,
        "epochs": { "sender": case.epochs.sender, "receiver": case.epochs.receiver },
        "fromMask": case.from_mask,
        "notMask": case.not_mask,
        "pdu": {
            "kind": *kind as u8, "first": first, "last": last, "channel": *channel as u8, "seq": seq, "ack": ack,
            "sack": sack, "credit": credit, "payloadHex": hex(payload),
        },
        "mask": wire.as_ref().map(|w| w.mask),
        "wireHex": wire.as_ref().map(|w| hex(&w.bytes)),
    })
}

fn segment_cases() -> Vec<(&'static str, Vec<u8>)> {
    let wire = |seq: u16| data(seq, b"frame").encode(EPOCHS, 1, None).unwrap().bytes;
    let mut damaged = wire(2);
    damaged[9] ^= 0x40;
    let mut cut = wire(3);
    cut.truncate(12);
    vec![
        ("two frames", [wire(0), wire(1)].concat()),
        (
            "log text between frames",
            [wire(0), b"[    1.5] npu: up\r\n".to_vec(), wire(1)].concat(),
        ),
        ("log text inside a frame", {
            let bytes = wire(0);
            [&bytes[..10], b"[    1.5] npu: up\r\n", &bytes[10..]].concat()
        }),
        (
            "a cursor report that a terminal injects",
            [wire(0), b"\x1b[1;1R".to_vec(), wire(1)].concat(),
        ),
        ("text with a cursor report in it", b"\0a\x1b[24;80Rb\0".to_vec()),
        ("a damaged frame", [damaged, wire(1)].concat()),
        ("a frame that was cut and the next", [cut, wire(1)].concat()),
        ("bytes that are neither", b"\0\xff\xfe\0\x01\x02\0".to_vec()),
        (
            "UTF-8 text",
            [b"\0".to_vec(), "grün ✓\n".into(), b"\0".to_vec()].concat(),
        ),
    ]
}

/// What a splitter makes of bytes: a PDU counts only where its sum holds under the vector's epochs.
fn told(mut bytes: &[u8]) -> Value {
    let (mut splitter, mut out) = (Splitter::default(), Vec::new());
    while let Some(segment) = splitter.feed(&mut bytes) {
        out.push(match segment {
            Segment::Pdu(unmasked, bytes) => match unmasked.open(EPOCHS) {
                Some(pdu) => json!({ "seq": pdu.seq }),
                None => match link::uart::split::told(link::uart::split::text_of(&bytes)) {
                    Some(Segment::Text(text)) => json!({ "text": text }),
                    _ => json!("damaged"),
                },
            },
            Segment::Text(text) => json!({ "text": text }),
            Segment::Damaged => json!("damaged"),
        });
    }
    Value::Array(out)
}

fn segment_json((name, bytes): &(&str, Vec<u8>)) -> Value {
    json!({ "name": name, "epochs": { "sender": EPOCHS.sender, "receiver": EPOCHS.receiver }, "hex": hex(bytes), "told": told(bytes) })
}

#[test]
fn every_pdu_encodes_to_its_vector_and_decodes_back() {
    let vectors = read("uart.json");
    let pdus = vectors["pdus"].as_array().unwrap();
    assert_eq!(pdus.len(), pdu_cases().len());
    for (case, vector) in pdu_cases().iter().zip(pdus) {
        assert_eq!(&pdu_json(case), vector, "{}", case.name);
        let Some(wire) = vector["wireHex"].as_str().map(unhex) else {
            continue;
        };
        assert!(!holds_cut_sequence(&wire));
        let unmasked = Unmasked::decode(&wire[1..wire.len() - 1]).unwrap();
        assert_eq!(unmasked.open(case.epochs).as_ref(), Some(&case.pdu), "{}", case.name);
        let other = Epochs {
            receiver: case.epochs.receiver ^ 1,
            ..case.epochs
        };
        assert_eq!(unmasked.open(other), None);
    }
}

#[test]
fn every_byte_stream_is_told_apart_as_its_vector_says() {
    let vectors = read("uart.json");
    let segments = vectors["segments"].as_array().unwrap();
    assert_eq!(segments.len(), segment_cases().len());
    for (case, vector) in segment_cases().iter().zip(segments) {
        assert_eq!(&segment_json(case), vector, "{}", case.0);
    }
}

#[test]
fn lanes_are_offered_and_told_apart_in_these_bytes() {
    let vectors = read("lanes.json");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    assert_eq!(vectors["lanes"], MAX_LANES);
    assert_eq!(hex(&lanes::offer(0)), text(&vectors["offerHex"]));
    assert_eq!(hex(&lanes::offer(MAX_LANES)), text(&vectors["answerHex"]));
    assert_eq!(lanes::read_offer(&unhex(&text(&vectors["offerHex"]))), Some(0));
    for other in vectors["noOffers"].as_array().unwrap() {
        assert_eq!(lanes::read_offer(&unhex(&text(other))), None, "{other}");
    }
    for case in vectors["frames"].as_array().unwrap() {
        let lane = case["lane"].as_u64().unwrap() as u32;
        let frame = unhex(&text(&case["frameHex"]));
        let wire = lanes::tag(frame.clone(), lane);
        assert_eq!(hex(&wire), text(&case["wireHex"]), "{}", case["name"]);
        assert_eq!(lanes::untag(wire), Some((lane, frame)));
    }
    assert_eq!(lanes::untag(vec![1, 2, 3]), None);
}

/// Writes the file where it is not there yet; never touches one that is.
#[test]
#[ignore = "writes the vectors file"]
fn write_the_vectors_where_they_are_missing() {
    let lines = |values: Vec<Value>| {
        let lines: Vec<String> = values.iter().map(|value| format!("    {value}")).collect();
        format!("[\n{}\n  ]", lines.join(",\n"))
    };
    if !path("uart.json").exists() {
        let pdus = lines(pdu_cases().iter().map(pdu_json).collect());
        let segments = lines(segment_cases().iter().map(segment_json).collect());
        std::fs::write(
            path("uart.json"),
            format!("{{\n  \"pdus\": {pdus},\n  \"segments\": {segments}\n}}\n"),
        )
        .unwrap();
    }
}
