//! The serial line: raw bytes at a closed and at an open line, and a peer whose sums are right and whose words are not.

use link::uart::line::{Line, LineAction, Role};
use link::uart::pdu::{Channel, Epochs, Kind, Pdu};
use link::uart::receiver::MAX_LINE_FRAME_BYTES;

use crate::Target;

/// Input: one byte that says which (0 raw bytes, else forged PDUs), then raw bytes, or forged PDUs as `Forged` reads them.
pub const TARGET: Target = Target {
    name: "lines",
    word_bytes: 1,
    max_bytes: 8192,
    run,
};

const HOST: u32 = 1;
const BOARD: u32 = 2;
const EPOCHS: Epochs = Epochs {
    sender: HOST,
    receiver: BOARD,
};

fn run(input: &[u8]) {
    let Some((&which, rest)) = input.split_first() else {
        return;
    };
    if which == 0 {
        check(&mut Line::new(Role::Host, 3, None), rest, 0);
        check(&mut open(), rest, 0);
    } else {
        forge(rest);
    }
}

/// A board's line with a host that has acknowledged its greeting, and two frames to send.
fn open() -> Line {
    let mut line = Line::new(Role::Board, BOARD, Some(150_000));
    let payload = [HOST.to_le_bytes(), 0u32.to_le_bytes()].concat();
    let syn = Pdu {
        kind: Kind::Syn,
        payload,
        ..Pdu::ack(0, 0, 64)
    };
    for (pdu, epochs) in [(syn, Epochs::ZERO), (Pdu::ack(0, 0, 64), EPOCHS)] {
        let wire = pdu.encode(epochs, 1, None).expect("a short PDU has a mask");
        line.receive(&wire.bytes, 0);
    }
    assert!(line.is_open());
    line.send(Channel::Bulk, vec![0x5a; 5000]);
    line.send(Channel::Control, vec![0xa5; 20]);
    line
}

fn check(line: &mut Line, bytes: &[u8], now_us: u64) {
    for action in line.receive(bytes, now_us) {
        if let LineAction::Frame(_, frame) = action {
            assert!(frame.len() <= MAX_LINE_FRAME_BYTES);
        }
    }
    // A line says at most a window at a time, whatever it was told.
    let said = (0..200).take_while(|_| line.poll(now_us).is_some()).count();
    assert!(said < 200, "the line talks without end");
}

/// PDUs with right sums: ctl, seq, ack, sack, credit, length of the payload, payload.
fn forge(mut input: &[u8]) {
    let (mut line, mut now_us) = (open(), 0);
    while let Some((head, rest)) = input.split_first_chunk::<12>() {
        let length = usize::from(u16::from_le_bytes([head[10], head[11]]) % 1025).min(rest.len());
        let kind = [Kind::Data, Kind::Ack, Kind::Syn, Kind::SynAck][usize::from(head[0] & 3)];
        let channel = if head[0] & 0x40 == 0 {
            Channel::Control
        } else {
            Channel::Bulk
        };
        let pdu = Pdu {
            kind,
            first: head[0] & 0x10 != 0,
            last: head[0] & 0x20 != 0,
            channel,
            seq: u16::from_le_bytes([head[1], head[2]]),
            ack: u16::from_le_bytes([head[3], head[4]]),
            sack: u32::from_le_bytes([head[5], head[6], head[7], head[8]]),
            credit: head[9],
            payload: rest[..length].to_vec(),
        };
        let greets = matches!(kind, Kind::Syn | Kind::SynAck);
        if let Some(wire) = pdu.encode(if greets { Epochs::ZERO } else { EPOCHS }, head[9], None) {
            check(&mut line, &wire.bytes, now_us);
        }
        now_us += 50_000;
        input = &rest[length..];
    }
}
