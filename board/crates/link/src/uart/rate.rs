//! How large a payload and how much of it in flight, found by measuring (link-protocol.md §3.4, §3.16).
//!
//! Knows counts of sent, lost and acknowledged PDUs; refuses to know sequence numbers and time. Surprising: single losses
//! shrink the payload, never the window, since bit errors and overrun queues want opposite cures. Where long bursts do not
//! get through at all (StarryOS permutes those above 256 bytes), one small PDU at a time is what works.

use super::pdu::{MAX_PAYLOAD_BYTES, OVERHEAD_BYTES};

/// Payload in flight at the start, bytes: half of StarryOS's smallest queue.
pub const START_WINDOW_BYTES: usize = 2048;
/// Payload in flight at most, bytes, where the receiver grants the credit: a repeat must not idle the line for a round trip.
pub const MAX_WINDOW_BYTES: usize = 16_384;
/// PDUs in flight at most: what the bitmap can name.
pub const MAX_WINDOW_PDUS: usize = 32;
/// Smallest payload, bytes.
pub const MIN_PAYLOAD_BYTES: usize = 64;
/// One PDU of this payload stays below 256 bytes on the wire.
pub const SMALL_PAYLOAD_BYTES: usize = 224;

/// Bytes over which losses are remembered.
const MEMORY_BYTES: f64 = 131_072.0;
/// Share of PDUs lost above which the window is halved.
const HEAVY_LOSS: f64 = 0.30;
/// Share up to which it grows.
const LIGHT_LOSS: f64 = 0.12;
/// Good intervals that growing waits for at most.
const LONGEST_PATIENCE: u32 = 64;

/// Payload and window of one sender.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    largest_payload: usize,
    /// Payload that has proved itself; a PDU cannot be parted once it went out, so the first ones are small.
    proved_payload: usize,
    window_bytes: usize,
    sent_bytes: f64,
    lost_pdus: f64,
    acked: u32,
    lost: u32,
    good_intervals: u32,
    patience: u32,
    small: bool,
    /// Long PDUs that failed again and again since one got through.
    stuck: u32,
}

impl Rate {
    /// At the start; `largest_payload` is what a slow line should not exceed.
    pub fn new(largest_payload: usize) -> Self {
        Self {
            largest_payload: largest_payload.clamp(MIN_PAYLOAD_BYTES, MAX_PAYLOAD_BYTES),
            proved_payload: SMALL_PAYLOAD_BYTES,
            window_bytes: START_WINDOW_BYTES,
            sent_bytes: 0.0,
            lost_pdus: 0.0,
            acked: 0,
            lost: 0,
            good_intervals: 0,
            patience: 1,
            small: false,
            stuck: 0,
        }
    }

    /// Payload of the next new PDU: √(overhead / p) for byte loss p makes the most of a line.
    pub fn payload_bytes(&self) -> usize {
        let loss = self.lost_pdus / self.sent_bytes.max(1.0);
        let best = if self.lost_pdus < 0.5 {
            f64::INFINITY
        } else {
            square_root(OVERHEAD_BYTES as f64 / loss)
        };
        let most = if self.small {
            SMALL_PAYLOAD_BYTES
        } else {
            self.proved_payload
        };
        let most = most.min(self.largest_payload);
        (best as usize).clamp(MIN_PAYLOAD_BYTES, most)
    }

    /// Payload bytes that may be in flight; one PDU always may.
    pub fn window_bytes(&self) -> usize {
        if self.small { 0 } else { self.window_bytes }
    }

    /// True where bursts must stay below 256 bytes.
    pub fn small(&self) -> bool {
        self.small
    }

    /// A PDU of so many wire bytes went out.
    pub fn sent(&mut self, wire_bytes: usize) {
        self.sent_bytes += wire_bytes as f64;
        if self.sent_bytes >= MEMORY_BYTES {
            self.sent_bytes /= 2.0;
            self.lost_pdus /= 2.0;
        }
    }

    /// One arrived; `long` where it passed 256 bytes and went out in one burst.
    pub fn acked(&mut self, long: bool) {
        self.acked += 1;
        if long {
            self.stuck = 0;
        }
        self.measure();
    }

    /// One did not.
    pub fn lost(&mut self) {
        self.lost += 1;
        self.lost_pdus += 1.0;
        self.measure();
    }

    /// A PDU above 256 bytes failed again and again. Twice without one that got through: such bursts do not, here.
    pub fn stuck(&mut self) {
        self.stuck += 1;
        if !self.small && self.stuck >= 2 {
            (self.small, self.stuck) = (true, 0);
            self.be_patient();
        }
    }

    fn measure(&mut self) {
        let outcomes = self.acked + self.lost;
        let window_pdus = self.window_bytes() / self.payload_bytes();
        if (outcomes as usize) < (2 * window_pdus).max(4) {
            return;
        }
        let loss = f64::from(self.lost) / f64::from(outcomes);
        (self.acked, self.lost) = (0, 0);
        if loss > HEAVY_LOSS {
            if self.window_bytes / 2 >= SMALL_PAYLOAD_BYTES {
                self.window_bytes /= 2;
            } else {
                self.small = true;
            }
            self.proved_payload = (self.proved_payload / 2).max(SMALL_PAYLOAD_BYTES);
            self.be_patient();
        } else if loss <= LIGHT_LOSS {
            self.grow();
        } else {
            self.good_intervals = 0;
        }
    }

    fn be_patient(&mut self) {
        self.patience = (self.patience * 2).min(LONGEST_PATIENCE);
        self.good_intervals = 0;
    }

    fn grow(&mut self) {
        self.good_intervals += 1;
        if self.good_intervals < self.patience {
            return;
        }
        self.good_intervals = 0;
        self.proved_payload = (self.proved_payload * 2).min(MAX_PAYLOAD_BYTES);
        if self.small {
            // Try long bursts again; they fail at once where they still do.
            self.small = false;
            self.window_bytes = START_WINDOW_BYTES / 2;
            self.proved_payload = 2 * SMALL_PAYLOAD_BYTES;
        } else {
            self.window_bytes = (self.window_bytes * 2).min(MAX_WINDOW_BYTES);
            self.patience = (self.patience / 2).max(1);
        }
    }
}

/// Newton's square root: `core` has none.
fn square_root(value: f64) -> f64 {
    let mut root = value.max(1.0);
    (0..32).for_each(|_| root = (root + value / root) / 2.0);
    root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_line_grows_from_two_to_sixteen_kib() {
        let mut rate = Rate::new(MAX_PAYLOAD_BYTES);
        assert_eq!((rate.payload_bytes(), rate.window_bytes()), (224, 2048));
        for _ in 0..100 {
            rate.sent(1046);
            rate.acked(true);
        }
        assert_eq!((rate.payload_bytes(), rate.window_bytes()), (1024, 16_384));
    }

    #[test]
    fn the_payload_follows_the_byte_loss() {
        let mut rate = Rate::new(MAX_PAYLOAD_BYTES);
        for round in 0..2000 {
            rate.sent(500);
            if round % 20 == 0 { rate.lost() } else { rate.acked(true) }
        }
        // One PDU of 500 bytes in 20: p = 1e-4, √(18 / 1e-4) = 424.
        assert!((400..=450).contains(&rate.payload_bytes()), "{}", rate.payload_bytes());
        assert_eq!(rate.window_bytes(), 16_384);
    }

    #[test]
    fn heavy_loss_ends_with_one_small_pdu_and_good_times_end_that() {
        let mut rate = Rate::new(MAX_PAYLOAD_BYTES);
        for _ in 0..100 {
            rate.sent(500);
            rate.lost();
        }
        assert!(rate.small() && rate.payload_bytes() <= SMALL_PAYLOAD_BYTES && rate.window_bytes() == 0);
        for _ in 0..2000 {
            rate.sent(242);
            rate.acked(true);
        }
        assert!(!rate.small());
    }
}
