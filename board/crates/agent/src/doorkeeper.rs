//! How often somebody may fail to show a key. Pure: an address and a time go in, yes or no comes out.

use std::collections::HashMap;
use std::net::IpAddr;

/// Failures in a row that are let pass.
const BURST: u32 = 8;
/// Time after which one failure is forgotten, ms.
const FORGET_MS: u64 = 2_000;
/// Addresses remembered at most; beyond that the oldest is forgotten.
const ADDRESSES: usize = 1_024;

/// Failures by address.
#[derive(Default)]
pub struct Doorkeeper(HashMap<IpAddr, (u32, u64)>);

impl Doorkeeper {
    fn now(&self, from: IpAddr, now_ms: u64) -> u32 {
        let Some((failures, at_ms)) = self.0.get(&from) else {
            return 0;
        };
        let forgotten = now_ms.saturating_sub(*at_ms) / FORGET_MS;
        failures.saturating_sub(u32::try_from(forgotten).unwrap_or(u32::MAX))
    }

    /// True where a handshake from this address may be tried.
    pub fn admits(&self, from: IpAddr, now_ms: u64) -> bool {
        self.now(from, now_ms) < BURST
    }

    /// A handshake from this address failed.
    pub fn failed(&mut self, from: IpAddr, now_ms: u64) {
        let failures = self.now(from, now_ms) + 1;
        if self.0.len() >= ADDRESSES && !self.0.contains_key(&from) {
            let oldest = self
                .0
                .iter()
                .min_by_key(|(_, (_, at_ms))| *at_ms)
                .map(|(address, _)| *address);
            oldest.map(|address| self.0.remove(&address));
        }
        self.0.insert(from, (failures, now_ms));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_failures_in_a_row_shut_the_door_and_each_is_forgotten_in_two_seconds() {
        let (mut door, one, other) = (Doorkeeper::default(), [10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        for _ in 0..8 {
            assert!(door.admits(one, 1_000));
            door.failed(one, 1_000);
        }
        assert!(!door.admits(one, 2_999) && door.admits(other, 1_000));
        assert!(door.admits(one, 3_000));
        door.failed(one, 3_000);
        assert!(!door.admits(one, 3_001));
        assert!(door.admits(one, 1_000_000));
    }

    #[test]
    fn a_flood_of_addresses_takes_bounded_memory() {
        let mut door = Doorkeeper::default();
        (0..5_000u32).for_each(|n| door.failed(IpAddr::from(n.to_be_bytes()), u64::from(n)));
        assert_eq!(door.0.len(), ADDRESSES);
    }
}
