//! Bytes nobody promised anything about: byte by byte, mutated, cut, with lengths that lie.

use link::cbor::from_slice;
use link::frame::{Flags, Frame, FrameType, FrameView, Head};
use link::message::call::{CallView, Fail};
use link::message::hello::HelloHost;
use link::message::infer::OpenArgs;
use link::message::task::SubmitArgs;
use link::trace::{TRACE_RECORD_BYTES, TraceRecord};
use link::{DeframeError, Deframer};
use serde_json::Value;

const MAX: usize = 64 * 1024;

fn vectors() -> Vec<Vec<u8>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../link/vectors/v1.json");
    let vectors: Vec<Value> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let unhex = |hex: &str| {
        (0..hex.len() / 2)
            .map(|i| u8::from_str_radix(&hex[i * 2..i * 2 + 2], 16).unwrap())
            .collect()
    };
    vectors.iter().map(|v| unhex(v["hex"].as_str().unwrap())).collect()
}

fn stream(frames: &[Vec<u8>]) -> Vec<u8> {
    frames
        .iter()
        .flat_map(|f| [&(f.len() as u32).to_le_bytes()[..], f].concat())
        .collect()
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
    fn below(&mut self, n: usize) -> usize {
        self.next() as usize % n
    }
}

#[test]
fn frames_cut_anywhere_come_out_whole() {
    let frames = vectors();
    let bytes = stream(&frames);
    for piece in [1, 2, 3, 7, 16, 1000, bytes.len()] {
        let (mut deframer, mut out) = (Deframer::new(MAX), Vec::new());
        for mut part in bytes.chunks(piece) {
            while let Some(frame) = deframer.feed(&mut part).unwrap() {
                out.push(frame.bytes().to_vec());
            }
        }
        assert_eq!(out, frames);
        assert!(deframer.at_border());
    }
}

#[test]
fn a_length_above_the_cap_or_below_a_header_is_refused_before_anything_is_reserved() {
    for announced in [0u32, 15, MAX as u32 + 1, u32::MAX] {
        let mut deframer = Deframer::new(MAX);
        let expected = DeframeError::Length {
            announced,
            max_frame_bytes: MAX,
        };
        assert_eq!(deframer.feed(&mut &announced.to_le_bytes()[..]), Err(expected));
        assert_eq!(deframer.reserved_bytes(), 0);
    }
}

#[test]
fn a_long_frame_may_be_read_straight_into_its_place_and_reserves_no_more_than_twice_what_came() {
    let head = Head {
        kind: FrameType::Call,
        flags: Flags(0),
        method: 0x12,
        call_id: 2,
    };
    let body: Vec<u8> = (0..500_000u32).map(|n| n as u8).collect();
    let frame = Frame::build(head, &[0xa0], &body).unwrap();
    let wire = stream(&[frame.bytes().to_vec(), frame.bytes().to_vec()]);
    let (mut deframer, mut rest, mut out) = (Deframer::new(1 << 20), wire.as_slice(), Vec::new());
    while !rest.is_empty() {
        if let Some(room) = deframer.underway(1000) {
            let count = (room.capacity() - room.len()).min(rest.len());
            room.extend_from_slice(&rest[..count]);
            rest = &rest[count..];
            out.extend(deframer.feed(&mut &[][..]).unwrap());
        } else {
            let (mut some, left) = rest.split_at(rest.len().min(1500));
            while let Some(whole) = deframer.feed(&mut some).unwrap() {
                out.push(whole);
            }
            rest = left;
        }
        let came = wire.len() - rest.len() - out.len() * (frame.bytes().len() + 4);
        assert!(deframer.reserved_bytes() <= 2 * came.max(64 * 1024), "{came}");
    }
    assert_eq!(out, [frame.clone(), frame]);
    assert!(deframer.at_border());
}

#[test]
fn a_reader_never_gets_room_beyond_the_frame_under_way_nor_at_a_border() {
    let mut deframer = Deframer::new(1 << 20);
    assert!(deframer.underway(1).is_none());
    deframer.feed(&mut &100_000u32.to_le_bytes()[..]).unwrap();
    assert!(deframer.underway(100_001).is_none());
    assert!(
        deframer
            .underway(100_000)
            .is_some_and(|room| room.capacity() <= 100_000)
    );
}

#[test]
fn mutated_streams_never_panic_and_never_reserve_more_than_the_cap() {
    let frames = vectors();
    let (mut random, mut parsed, mut refused) = (Random(7), 0, 0);
    for _ in 0..20_000 {
        let mut bytes = stream(&frames[random.below(frames.len())..][..1]);
        for _ in 0..=random.below(4) {
            match random.below(4) {
                0 => bytes.truncate(random.below(bytes.len()) + 1),
                1 => bytes.insert(random.below(bytes.len()), random.next() as u8),
                2 => {
                    let at = random.below(bytes.len());
                    bytes[at] = random.next() as u8;
                }
                _ => {
                    let at = random.below(bytes.len());
                    bytes[at] ^= 1 << random.below(8);
                }
            }
        }
        let (mut deframer, mut input) = (Deframer::new(MAX), bytes.as_slice());
        loop {
            let fed = deframer.feed(&mut input);
            assert!(deframer.reserved_bytes() <= MAX);
            match fed {
                Ok(Some(frame)) => {
                    parsed += 1;
                    decode_all(frame.view().meta);
                }
                Ok(None) => break,
                Err(_) => {
                    refused += 1;
                    break;
                }
            }
        }
    }
    assert!(parsed > 1000 && refused > 1000, "{parsed} {refused}");
}

/// The decoders with lists, text, floats and open maps; only that they return matters.
fn decode_all(meta: &[u8]) {
    let _ = from_slice::<HelloHost>(meta);
    let _ = from_slice::<Fail>(meta);
    if let Ok(call) = CallView::parse(meta) {
        let _ = from_slice::<OpenArgs>(call.args);
        let _ = from_slice::<SubmitArgs>(call.args);
    }
}

#[test]
fn deeply_nested_and_endless_cbor_is_an_error_or_skipped() {
    for byte in [0x81, 0x9f, 0xa1, 0xbf, 0xc1, 0x5f, 0x7f] {
        let mut meta = vec![0xa1, 0x00];
        meta.resize(60_000, byte);
        assert!(CallView::parse(&meta).is_err(), "{byte:02x}");
    }
    assert!(CallView::parse(&[0xa1, 0x00, 0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
    assert!(CallView::parse(&[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
}

#[test]
fn padding_reserved_bytes_version_and_type_are_checked() {
    let head = Head {
        kind: FrameType::Call,
        flags: Flags(0),
        method: 1,
        call_id: 2,
    };
    let good = Frame::build(head, &[0xa0], b"body").unwrap().bytes().to_vec();
    assert_eq!(good[10], 7);
    assert_eq!(FrameView::parse(&good).unwrap().body, b"body");
    for (at, value) in [
        (0, 0x20),
        (1, 0),
        (1, 13),
        (10, 6),
        (10, 8),
        (11, 1),
        (12, 5),
        (17, 1),
        (23, 9),
    ] {
        let mut bad = good.clone();
        bad[at] = value;
        assert!(FrameView::parse(&bad).is_err(), "byte {at} = {value}");
    }
    for length in 0..good.len() {
        assert!(FrameView::parse(&good[..length]).is_err());
    }
    assert!(Frame::build(head, &[0; 65_536], &[]).is_none());
}

#[test]
fn trace_records_are_seventy_two_bytes_and_round_trip() {
    let record = TraceRecord {
        operator: 1,
        end_ticks: u64::MAX,
        modelled_ns: None,
        macs: 5,
        ..Default::default()
    };
    let mut bytes = Vec::new();
    record.encode_to(&mut bytes);
    assert_eq!(bytes.len(), TRACE_RECORD_BYTES);
    assert_eq!(bytes[32..40], [0xff; 8]);
    assert_eq!(TraceRecord::decode_all(&bytes), Some(vec![record]));
    assert_eq!(TraceRecord::decode_all(&bytes[..71]), None);
}
