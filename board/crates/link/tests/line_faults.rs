//! Two ends of a serial line over everything that can go wrong, in virtual time: no wrong byte is taken, nothing hangs.
//!
//! A failing run prints its seed; `NPULAB_SEED=n cargo test -p link --test line_faults` runs that one alone.

mod faulty;

use faulty::{Faults, FaultyWire, Random};
use link::uart::line::{Line, LineAction, Role};
use link::uart::pdu::Channel;

const PING: &[u8] = b"ping";
const PING_US: u64 = 1_000_000;
const LIMIT_US: u64 = 3_600_000_000;

/// One end with an application: it sends numbered messages and checks those it gets.
struct End {
    line: Line,
    /// What this end has to send, by channel.
    messages: [Vec<Vec<u8>>; 2],
    /// How many messages of each channel came in over this connection.
    got: [usize; 2],
    ping_us: u64,
    console: String,
    opened: bool,
}

impl End {
    fn new(role: Role, epoch: u32, messages: [Vec<Vec<u8>>; 2]) -> Self {
        let line = Line::new(role, epoch, Some(150_000));
        Self {
            line,
            messages,
            got: [0; 2],
            ping_us: 0,
            console: String::new(),
            opened: false,
        }
    }

    fn take(&mut self, bytes: &[u8], now_us: u64, expected: &[Vec<Vec<u8>>; 2]) {
        for action in self.line.receive(bytes, now_us) {
            match action {
                LineAction::Open { again } => {
                    assert_eq!(again, self.opened);
                    (self.opened, self.got) = (true, [0; 2]);
                    for (channel, messages) in [Channel::Control, Channel::Bulk].into_iter().zip(&self.messages) {
                        messages
                            .iter()
                            .for_each(|message| self.line.send(channel, message.clone()));
                    }
                }
                LineAction::Frame(_, frame) if frame == PING => {}
                LineAction::Frame(channel, frame) => {
                    let got = &mut self.got[channel as usize];
                    assert_eq!(
                        Some(&frame),
                        expected[channel as usize].get(*got),
                        "a wrong frame was taken"
                    );
                    *got += 1;
                }
                LineAction::Console(text) => self.console.push_str(&text),
                LineAction::Broken(error) => panic!("the line broke: {error}"),
            }
        }
    }

    fn done(&self, expected: &[Vec<Vec<u8>>; 2]) -> bool {
        self.got == [expected[0].len(), expected[1].len()]
    }
}

fn messages(random: &mut Random, count: usize, largest: usize) -> [Vec<Vec<u8>>; 2] {
    let mut out = [Vec::new(), Vec::new()];
    for number in 0..count {
        let channel = random.below(2);
        let size = 1 + random.below(if channel == 0 { 80 } else { largest });
        // Some hold what the terminal cuts, again and again.
        let hostile = random.chance(0.2);
        let mut message: Vec<u8> = (0..size)
            .map(|i| {
                if hostile {
                    b"\x1b[6n"[i % 4]
                } else {
                    random.next() as u8
                }
            })
            .collect();
        message.extend_from_slice(&(number as u32).to_le_bytes());
        out[channel].push(message);
    }
    out
}

/// Runs both ends until everything has arrived; returns the virtual time it took and the wires.
fn run(ends: &mut [End; 2], wires: &mut [FaultyWire; 2], restarts: &[(u64, usize)], random: &mut Random) -> u64 {
    let expected = [ends[1].messages.clone(), ends[0].messages.clone()];
    let mut restarts = restarts.to_vec();
    let mut now_us = 0;
    ends.iter_mut().for_each(|end| end.line.start(0));
    loop {
        for end in 0..2 {
            for bytes in wires[1 - end].take(now_us) {
                ends[end].take(&bytes, now_us, &expected[end]);
            }
            while let Some(bytes) = ends[end].line.poll(now_us) {
                wires[end].write(&bytes, now_us);
            }
            if now_us >= ends[end].ping_us {
                ends[end].ping_us = now_us + PING_US;
                if ends[end].line.is_open() && ends[end].line.idle() {
                    ends[end].line.send(Channel::Control, PING.to_vec());
                }
            }
        }
        if restarts.first().is_some_and(|(at, _)| *at <= now_us) {
            let (_, which) = restarts.remove(0);
            let role = if which == 0 { Role::Host } else { Role::Board };
            let mut fresh = End::new(role, random.next() as u32, ends[which].messages.clone());
            fresh.line.start(now_us);
            fresh.ping_us = now_us;
            ends[which] = fresh;
        }
        if restarts.is_empty() && ends[0].done(&expected[0]) && ends[1].done(&expected[1]) {
            return now_us;
        }
        let next = (0..2)
            .flat_map(|i| [wires[i].next_us(), ends[i].line.wake_us(), Some(ends[i].ping_us)])
            .flatten()
            .chain(restarts.first().map(|(at, _)| *at))
            .min()
            .unwrap();
        assert!(next < LIMIT_US, "it hangs: {:?}", state(ends, wires, &expected));
        now_us = next.max(now_us + 1);
    }
}

fn state(ends: &[End; 2], wires: &[FaultyWire; 2], expected: &[[Vec<Vec<u8>>; 2]; 2]) -> String {
    let of = |i: usize| {
        let (end, wanted) = (&ends[i], [expected[i][0].len(), expected[i][1].len()]);
        format!(
            "got {:?} of {wanted:?}, {:?} {:?}, {:?}",
            end.got,
            end.line.counts(),
            end.line.sizes(),
            wires[i].faults
        )
    };
    format!("host {}; board {}", of(0), of(1))
}

fn faults(random: &mut Random) -> Faults {
    let mut faults = Faults {
        latency_us: [0, 1_000, 16_000][random.below(3)],
        bytes_per_s: [11_520, 150_000, 10_000_000][random.below(3)],
        ..Faults::default()
    };
    // One to three faults at a time, each at a strength of its own.
    for _ in 0..1 + random.below(3) {
        let strength = [0.01, 0.1, 0.3][random.below(3)];
        match random.below(12) {
            0 => faults.drop = strength / 100.0,
            1 => faults.flip = strength / 100.0,
            2 => faults.duplicate = strength,
            3 => faults.reorder = strength,
            4 => faults.overtake = [0.1, 0.5, 1.0][random.below(3)],
            5 => faults.truncate = strength,
            6 => faults.text = strength,
            7 => (faults.stall, faults.queue_bytes) = (strength / 4.0, 4096),
            8 => faults.silence = strength / 4.0,
            9 => faults.eats_cursor_requests = true,
            10 => faults.queue_bytes = 4096,
            _ => {}
        }
    }
    faults
}

fn one(seed: u64) -> u64 {
    let mut random = Random(seed);
    let count = 4 + random.below(20);
    let largest = [300, 3_000, 12_000][random.below(3)];
    let (up, down) = (
        messages(&mut random, count, largest),
        messages(&mut random, count, largest),
    );
    let mut ends = [
        End::new(Role::Host, random.next() as u32, up),
        End::new(Role::Board, random.next() as u32, down),
    ];
    let mut wires = [0, 1].map(|_| FaultyWire::new(random.next(), faults(&mut random)));
    let mut restarts: Vec<(u64, usize)> = (0..[0, 0, 1, 3][random.below(4)])
        .map(|_| (random.below(4_000_000) as u64, random.below(2)))
        .collect();
    restarts.sort_unstable();
    run(&mut ends, &mut wires, &restarts, &mut random)
}

fn many(seeds: std::ops::Range<u64>) {
    let alone = std::env::var("NPULAB_SEED")
        .ok()
        .map(|seed| seed.parse::<u64>().unwrap());
    let seeds = alone.map_or(seeds, |seed| seed..seed + 1);
    let mut longest = (0, 0);
    for seed in seeds.clone() {
        let outcome = std::panic::catch_unwind(|| one(seed));
        let us = outcome.unwrap_or_else(|_| panic!("seed {seed}"));
        longest = longest.max((us, seed));
    }
    println!(
        "seeds {seeds:?}: 0 wrong frames, 0 hangs; longest {} s of line time, seed {}",
        longest.0 / 1_000_000,
        longest.1
    );
}

#[test]
fn three_hundred_bad_lines_take_no_wrong_byte_and_do_not_hang() {
    many(0..300);
}

/// `cargo test --release -p link --test line_faults -- --ignored --nocapture`
#[test]
#[ignore = "takes minutes"]
fn ten_thousand_bad_lines_take_no_wrong_byte_and_do_not_hang() {
    many(0..10_000);
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
    let us = run(&mut ends, &mut wires, &[], &mut random);
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
