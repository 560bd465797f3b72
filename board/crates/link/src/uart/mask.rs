//! Which mask byte keeps a StarryOS terminal from editing a PDU (link-protocol.md §3.4).
//!
//! The terminal cuts `1b 5b 36 6e` out of what is written and answers it. Surprising: a payload can defeat all 256 masks;
//! then there is none, and the sender splits it.

use alloc::vec::Vec;

use super::cobs;

/// What the terminal cuts out, wherever it occurs.
pub const CUT_SEQUENCE: [u8; 4] = *b"\x1b[6n";
/// ESC, XON, XOFF, interrupt, end of file: harmless on a raw line, harmful on one that is not raw yet.
const UNCLEAN: [u8; 5] = [0x1b, 0x11, 0x13, 0x03, 0x04];

/// Masked and encoded bytes, without delimiters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Masked {
    /// The mask that was taken.
    pub mask: u8,
    /// COBS of mask and masked bytes.
    pub encoded: Vec<u8>,
}

/// True where the terminal would cut something out.
pub fn holds_cut_sequence(bytes: &[u8]) -> bool {
    bytes.windows(4).any(|window| window == CUT_SEQUENCE)
}

/// Encodes `mask · masked(plain)` with the first mask from `from` on (wrapping) that leaves none of the five unclean bytes,
/// else one without ESC, else one without the sequence; never `not`.
pub fn encode(plain: &[u8], from: u8, not: Option<u8>) -> Option<Masked> {
    let mut seen = [false; 256];
    plain.iter().for_each(|&byte| seen[usize::from(byte)] = true);
    [&UNCLEAN[..], &UNCLEAN[..1], &[]].iter().find_map(|&avoid| {
        (0..=255u8).map(|step| from.wrapping_add(step)).find_map(|mask| {
            if Some(mask) == not || avoid.iter().any(|&b| b == mask || seen[usize::from(b ^ mask)]) {
                return None;
            }
            let mut encoded = Vec::with_capacity(cobs::bound(1 + plain.len()));
            let masked = Once {
                mask,
                rest: plain.iter(),
                first: true,
            };
            cobs::encode(masked, &mut encoded);
            // A code byte of COBS may be one to avoid as well.
            let clean = if avoid.is_empty() {
                !holds_cut_sequence(&encoded)
            } else {
                !encoded.iter().any(|byte| avoid.contains(byte))
            };
            clean.then_some(Masked { mask, encoded })
        })
    })
}

struct Once<'a> {
    mask: u8,
    rest: core::slice::Iter<'a, u8>,
    first: bool,
}

impl Iterator for Once<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if core::mem::take(&mut self.first) {
            return Some(self.mask);
        }
        self.rest.next().map(|&byte| byte ^ self.mask)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let length = self.rest.len() + usize::from(self.first);
        (length, Some(length))
    }
}

impl ExactSizeIterator for Once<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tiers_are_tried_in_order_from_the_given_mask_on() {
        assert_eq!(encode(b"abc", 1, None).map(|m| m.mask), Some(1));
        // 0x1a under 1 is ESC; 3 and 4 are unclean themselves.
        assert_eq!(encode(b"\x1aabc", 1, None).map(|m| m.mask), Some(2));
        // Two bytes and the mask have the COBS code 4, unclean under every mask: the next tier asks for no ESC only.
        assert_eq!(encode(b"ab", 1, None).map(|m| m.mask), Some(1));
        assert_eq!(encode(b"abc", 3, None).map(|m| m.mask), Some(5));
        assert_eq!(encode(b"abc", 5, Some(5)).map(|m| m.mask), Some(6));
        assert_eq!(encode(b"abcd", 255, Some(255)).map(|m| m.mask), Some(0));
    }

    #[test]
    fn bytes_that_hold_every_value_leave_only_the_sequence_to_avoid() {
        let all: Vec<u8> = (0..=255).collect();
        let masked = encode(&all, 1, None).unwrap();
        assert_eq!(masked.mask, 1);
        assert!(!holds_cut_sequence(&masked.encoded));
    }

    #[test]
    fn a_hand_made_payload_defeats_every_mask_and_half_of_it_does_not() {
        let bytes = defeats_every_mask();
        assert!(bytes.len() <= super::super::pdu::MAX_PAYLOAD_BYTES);
        assert_eq!(encode(&bytes, 1, None), None);
        assert!(encode(&bytes[..bytes.len() / 2], 1, None).is_some());
    }

    /// The sequence under every mask: 256 times four bytes. Zeros of a masked piece fall between, never within one.
    fn defeats_every_mask() -> Vec<u8> {
        (0..=255u8)
            .flat_map(|mask| CUT_SEQUENCE.map(|byte| byte ^ mask))
            .collect()
    }
}
