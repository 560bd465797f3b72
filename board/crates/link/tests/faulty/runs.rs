//! Runs by their seeds: messages, faults and restarts of a run all come from its seed.

use std::ops::Range;

use link::uart::line::Role;

use super::ends::Messages;
use super::{Broken, End, Faults, FaultyWire, Random, run};

/// What came of many runs.
#[derive(Debug, Default)]
pub struct Tally {
    pub runs: u64,
    /// Seeds of runs that took a frame nobody sent, with where it stood.
    pub wrong_frames: Vec<(u64, String)>,
    /// Seeds of runs that came to no end.
    pub hangs: Vec<(u64, String)>,
    /// Data PDUs, repeats included; of an end that was restarted only those after it.
    pub sent_pdus: u64,
    pub repeated_pdus: u64,
    /// Virtual time of the longest run, and its seed.
    pub longest_us: (u64, u64),
}

fn messages(random: &mut Random, count: usize, largest: usize) -> Messages {
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

fn one(seed: u64, tally: &mut Tally) {
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
    tally.runs += 1;
    match run(&mut ends, &mut wires, &restarts, &mut random) {
        Ok(us) => tally.longest_us = tally.longest_us.max((us, seed)),
        Err(Broken::WrongFrame(which)) => tally.wrong_frames.push((seed, which)),
        Err(Broken::Hang(state)) => tally.hangs.push((seed, state)),
    }
    for end in &ends {
        let counts = end.line.counts();
        tally.sent_pdus += counts.sent_pdus;
        tally.repeated_pdus += counts.repeated_pdus;
    }
}

/// A run of every seed.
pub fn many(seeds: Range<u64>) -> Tally {
    let mut tally = Tally::default();
    seeds.for_each(|seed| one(seed, &mut tally));
    tally
}
