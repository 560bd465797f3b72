//! How long to wait for an acknowledgement: RFC 6298 within this line's bounds. Knows round trips only.

/// Before the first round trip, µs.
const INITIAL_US: u64 = 250_000;
/// Shortest wait, µs.
pub const MIN_US: u64 = 20_000;
/// Longest wait, µs.
pub const MAX_US: u64 = 1_000_000;
/// What a timer of either side may be late: the least spread.
const SPREAD_US: u64 = 20_000;
/// Doublings at most.
const LARGEST_BACKOFF: u32 = 6;

/// Smoothed round trip, its spread, and the back-off of timeouts in a row.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rto {
    smoothed_us: Option<u64>,
    spread_us: u64,
    backoff: u32,
}

impl Rto {
    /// srtt + max(20 ms, 4·rttvar), doubled by every timeout in a row.
    pub fn wait_us(&self) -> u64 {
        let plain = self
            .smoothed_us
            .map_or(INITIAL_US, |us| us.saturating_add(SPREAD_US.max(4 * self.spread_us)));
        (plain.max(MIN_US) << self.backoff).min(MAX_US)
    }

    /// Smoothed round trip.
    pub fn round_trip_us(&self) -> Option<u64> {
        self.smoothed_us
    }

    /// A round trip of something that was sent once.
    pub fn sample(&mut self, us: u64) {
        // A clock that jumps must not make the sums wrap.
        let us = us.min(60 * MAX_US);
        let Some(smoothed) = self.smoothed_us else {
            (self.smoothed_us, self.spread_us) = (Some(us), us / 2);
            return;
        };
        self.spread_us = (3 * self.spread_us + smoothed.abs_diff(us)) / 4;
        self.smoothed_us = Some((7 * smoothed + us) / 8);
    }

    /// Nothing came in time.
    pub fn timed_out(&mut self) {
        self.backoff = (self.backoff + 1).min(LARGEST_BACKOFF);
    }

    /// Something was acknowledged.
    pub fn progressed(&mut self) {
        self.backoff = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_round_trips_and_doubles_without_them() {
        let mut rto = Rto::default();
        assert_eq!(rto.wait_us(), 250_000);
        rto.sample(40_000);
        assert_eq!(rto.wait_us(), 120_000);
        (0..100).for_each(|_| rto.sample(40_000));
        assert_eq!((rto.wait_us(), rto.round_trip_us()), (60_000, Some(40_000)));
        rto.timed_out();
        assert_eq!(rto.wait_us(), 120_000);
        (0..10).for_each(|_| rto.timed_out());
        assert_eq!(rto.wait_us(), MAX_US);
        rto.progressed();
        (0..200).for_each(|_| rto.sample(10));
        assert_eq!(rto.wait_us(), 20_010);
    }
}
