//! Two ends of a serial line over everything that can go wrong, in virtual time: no wrong byte is taken, nothing hangs.
//!
//! A failing run prints its seed; `NPULAB_SEED=n cargo test -p link --test line_faults` runs that one alone.

#[allow(dead_code)]
mod faulty;

use faulty::{End, Faults, FaultyWire, Random, many, run};
use link::uart::line::{Line, LineAction, Role};
use link::uart::pdu::Channel;

/// A few hundred; `npulab bench faults` makes ten thousand.
#[test]
fn three_hundred_bad_lines_take_no_wrong_byte_and_do_not_hang() {
    let alone = std::env::var("NPULAB_SEED")
        .ok()
        .map(|seed| seed.parse::<u64>().unwrap());
    let seeds = alone.map_or(0..300, |seed| seed..seed + 1);
    println!("seeds {seeds:?}");
    let tally = many(seeds);
    assert_eq!((tally.wrong_frames, tally.hangs), (vec![], vec![]));
}

/// Goodput of 2 MB of bulk in shares of the line's bytes per second.
fn goodput(faults: Faults, seed: u64) -> f64 {
    let mut random = Random(seed);
    let total = 2_000_000;
    let bulk: Vec<Vec<u8>> = (0..total / 16_000)
        .map(|_| (0..16_000).map(|_| random.next() as u8).collect())
        .collect();
    let mut ends = [
        End::new(Role::Host, 7, [Vec::new(), bulk]),
        End::new(Role::Board, 9, [Vec::new(), Vec::new()]),
    ];
    let mut wires = [FaultyWire::new(seed, faults), FaultyWire::new(seed + 1, faults)];
    let us = run(&mut ends, &mut wires, &[], &mut random).unwrap();
    total as f64 / (us as f64 / 1e6) / faults.bytes_per_s as f64
}

#[test]
fn the_line_is_used_as_well_as_it_promises() {
    for latency_us in [1_000, 16_000] {
        for (flip, least) in [(0.0, 0.97), (1e-5, 0.94), (1e-4, 0.84)] {
            let share = goodput(
                Faults {
                    latency_us,
                    flip,
                    ..Faults::default()
                },
                11,
            );
            println!(
                "latency {latency_us} µs, byte errors {flip}: {:.1} % of the line",
                share * 100.0
            );
            assert!(share >= least, "latency {latency_us} µs, byte errors {flip}: {share}");
        }
    }
}

#[test]
fn where_bursts_above_256_bytes_are_permuted_every_time_the_line_finds_the_size_that_works() {
    let share = goodput(
        Faults {
            overtake: 1.0,
            ..Faults::default()
        },
        5,
    );
    println!("all long bursts permuted: {:.1} % of the line", share * 100.0);
    // One PDU of 224 bytes per round trip of about 4 ms plus the pause between bursts.
    assert!(share >= 0.12, "{share}");
}

#[test]
fn a_control_frame_waits_for_one_pdu_of_bulk_at_most() {
    let mut random = Random(3);
    let (mut host, mut board) = (
        Line::new(Role::Host, 1, Some(150_000)),
        Line::new(Role::Board, 2, Some(150_000)),
    );
    host.start(0);
    let mut now_us = 0;
    while !(host.is_open() && board.is_open()) {
        now_us += 1_000;
        while let Some(bytes) = host.poll(now_us) {
            board.receive(&bytes, now_us);
        }
        while let Some(bytes) = board.poll(now_us) {
            host.receive(&bytes, now_us);
        }
    }
    // A long frame goes both through the small beginning and to the full size.
    host.send(Channel::Bulk, (0..60_000).map(|_| random.next() as u8).collect());
    while host.sizes().0 < 1024 {
        now_us += 500;
        while let Some(bytes) = host.poll(now_us) {
            board.receive(&bytes, now_us);
        }
        while let Some(bytes) = board.poll(now_us) {
            host.receive(&bytes, now_us);
        }
    }
    let mut sent = Vec::new();
    while sent.len() < 3 {
        now_us += 500;
        if let Some(bytes) = host.poll(now_us) {
            // Nobody acknowledges: the window of bulk is full after two.
            sent.push(bytes.len());
            if sent.len() == 1 {
                host.send(Channel::Control, b"urgent".to_vec());
            }
        }
    }
    assert!(sent[0] > 1_000, "bulk was under way");
    assert_eq!(sent[1], 1 + 1 + 1 + 10 + 6 + 4 + 1, "the control frame is the next PDU");
}

#[test]
fn text_between_pdus_reaches_the_console_and_a_mute_peer_gets_one_greeting_a_second() {
    let mut host = Line::new(Role::Host, 1, None);
    assert_eq!(
        host.receive(b"\0[ 1.5] npu: up\r\n\0", 0),
        [LineAction::Console("[ 1.5] npu: up\r\n".into())]
    );
    host.start(0);
    let mut sent_us = Vec::new();
    for ms in 0..5_000u64 {
        if host.poll(ms * 1_000).is_some() {
            sent_us.push(ms);
        }
    }
    assert_eq!(sent_us, [0, 100, 300, 700, 1_500, 2_500, 3_500, 4_500]);
}

#[test]
fn a_terminal_that_echoes_everything_opens_nothing() {
    let mut host = Line::new(Role::Host, 5, None);
    host.start(0);
    for ms in 0..3_000u64 {
        while let Some(bytes) = host.poll(ms * 1_000) {
            assert_eq!(host.receive(&bytes, ms * 1_000), []);
        }
    }
    assert!(!host.is_open());
}

#[test]
fn a_reader_without_room_stops_the_peer_and_goes_on_where_it_was() {
    let (mut host, mut board) = (Line::new(Role::Host, 1, None), Line::new(Role::Board, 2, None));
    host.start(0);
    let (mut now_us, mut got) = (0, 0);
    let mut step = |host: &mut Line, board: &mut Line, got: &mut usize| {
        now_us += 1_000;
        let mut written = 0;
        while let Some(bytes) = host.poll(now_us) {
            written += bytes.len();
            let frames = board.receive(&bytes, now_us).into_iter();
            *got += frames.filter(|action| matches!(action, LineAction::Frame(..))).count();
        }
        while let Some(bytes) = board.poll(now_us) {
            host.receive(&bytes, now_us);
        }
        written
    };
    for _ in 0..10 {
        step(&mut host, &mut board, &mut got);
    }
    board.set_room(0);
    step(&mut host, &mut board, &mut got);
    (0..10).for_each(|_| host.send(Channel::Bulk, vec![7; 5_000]));
    let written: usize = (0..5_000).map(|_| step(&mut host, &mut board, &mut got)).sum();
    assert_eq!(got, 0);
    // Five seconds of one small probe a second, fewer bytes than one frame.
    assert!(written < 1_000, "{written}");
    board.set_room(64);
    for _ in 0..2_000 {
        step(&mut host, &mut board, &mut got);
    }
    assert_eq!(got, 10);
}
