//! A serial line in virtual time that does everything a bad one does. Knows bytes; refuses to know the protocol.

use super::random::Random;

/// What may go wrong; nothing does by default. Probabilities are per write unless said otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Bytes per second the line carries; more waits.
    pub bytes_per_s: u64,
    /// Time on the way, µs.
    pub latency_us: u64,
    /// Per byte.
    pub drop: f64,
    /// Per byte.
    pub flip: f64,
    pub duplicate: f64,
    /// It comes after the next one.
    pub reorder: f64,
    /// Bytes of a burst above 256 bytes overtake each other, as on StarryOS.
    pub overtake: f64,
    /// Its end is cut off.
    pub truncate: f64,
    /// A log line appears before or within it.
    pub text: f64,
    /// Nothing is delivered for a while, then all at once.
    pub stall: f64,
    /// Everything is lost for a while.
    pub silence: f64,
    /// Bytes that may wait while the reader stalls; more is lost.
    pub queue_bytes: usize,
    /// Cuts `ESC [ 6 n` out, as StarryOS's terminal does.
    pub eats_cursor_requests: bool,
}

impl Default for Faults {
    fn default() -> Self {
        Self {
            bytes_per_s: 150_000,
            latency_us: 1_000,
            drop: 0.0,
            flip: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            overtake: 0.0,
            truncate: 0.0,
            text: 0.0,
            stall: 0.0,
            silence: 0.0,
            queue_bytes: usize::MAX,
            eats_cursor_requests: false,
        }
    }
}

/// Writes nearer than this belong to one burst, µs.
const BURST_GAP_US: u64 = 4_000;
/// The log line that it puts in.
pub const LOG_LINE: &[u8] = b"[    4.711] npu: a log line of the kernel\r\n";

/// One direction.
pub struct FaultyWire {
    random: Random,
    pub faults: Faults,
    parcels: Vec<(u64, Vec<u8>)>,
    free_us: u64,
    stalled_until_us: u64,
    silent_until_us: u64,
    held: Option<Vec<u8>>,
    burst: usize,
    burst_ends_us: u64,
    /// Bytes written to it.
    pub written_bytes: u64,
}

impl FaultyWire {
    pub fn new(seed: u64, faults: Faults) -> Self {
        Self {
            random: Random(seed),
            faults,
            parcels: Vec::new(),
            free_us: 0,
            stalled_until_us: 0,
            silent_until_us: 0,
            held: None,
            burst: 0,
            burst_ends_us: 0,
            written_bytes: 0,
        }
    }

    pub fn write(&mut self, bytes: &[u8], now_us: u64) {
        let f = self.faults;
        self.written_bytes += bytes.len() as u64;
        if self.random.chance(f.silence) {
            self.silent_until_us = now_us + 50_000 + self.random.below(400_000) as u64;
        }
        if self.random.chance(f.stall) {
            let until_us = now_us + 20_000 + self.random.below(1_500_000) as u64;
            self.stalled_until_us = self.stalled_until_us.max(until_us);
        }
        let mut out = self.damage(bytes);
        // A burst grows while writes follow each other at once; a pause ends it.
        let follows = now_us <= self.burst_ends_us + BURST_GAP_US;
        self.burst = if follows { self.burst + bytes.len() } else { bytes.len() };
        let start = now_us.max(self.free_us);
        self.free_us = start + bytes.len() as u64 * 1_000_000 / f.bytes_per_s;
        self.burst_ends_us = self.free_us;
        if now_us < self.silent_until_us {
            return;
        }
        if self.burst > 256 && self.random.chance(f.overtake) {
            for index in (1..out.len()).rev() {
                let other = self.random.below(index + 1);
                out.swap(index, other);
            }
        }
        if self.random.chance(f.text) {
            let at = if self.random.chance(0.5) {
                0
            } else {
                self.random.below(out.len() + 1)
            };
            out.splice(at..at, LOG_LINE.iter().copied());
        }
        let waiting: usize = self.parcels.iter().map(|(_, bytes)| bytes.len()).sum();
        if now_us < self.stalled_until_us && waiting + out.len() > f.queue_bytes {
            out.truncate(f.queue_bytes.saturating_sub(waiting));
        }
        let at = (self.free_us + f.latency_us).max(self.stalled_until_us);
        let mut deliver = vec![out];
        deliver.extend(self.held.take());
        if self.random.chance(f.duplicate) {
            deliver.push(deliver[0].clone());
        }
        if self.random.chance(f.reorder) {
            self.held = deliver.pop();
        }
        self.parcels.extend(deliver.into_iter().map(|bytes| (at, bytes)));
    }

    /// When the next bytes come out.
    pub fn next_us(&self) -> Option<u64> {
        self.parcels.iter().map(|(at, _)| *at).min()
    }

    /// The bytes that are due.
    pub fn take(&mut self, now_us: u64) -> Vec<Vec<u8>> {
        let (due, later) = std::mem::take(&mut self.parcels)
            .into_iter()
            .partition(|(at, _)| *at <= now_us);
        self.parcels = later;
        let due: Vec<(u64, Vec<u8>)> = due;
        due.into_iter().map(|(_, bytes)| bytes).collect()
    }

    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let (f, random) = (self.faults, &mut self.random);
        let mut out = if f.eats_cursor_requests {
            without_cursor_requests(bytes)
        } else {
            bytes.to_vec()
        };
        if f.drop > 0.0 {
            out.retain(|_| !random.chance(f.drop));
        }
        if f.flip > 0.0 {
            for byte in &mut out {
                if random.chance(f.flip) {
                    *byte ^= 1 << random.below(8);
                }
            }
        }
        if random.chance(f.truncate) {
            out.truncate(random.below(out.len() + 1));
        }
        out
    }
}

/// What StarryOS's terminal leaves of one write.
pub fn without_cursor_requests(bytes: &[u8]) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::with_capacity(bytes.len()), bytes);
    while let Some((&byte, after)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(b"\x1b[6n") {
            rest = behind;
        } else {
            out.push(byte);
            rest = after;
        }
    }
    out
}
