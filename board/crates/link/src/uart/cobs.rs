//! Consistent Overhead Byte Stuffing (Cheshire and Baker, 1999): bytes without zeros, at most one more in 254.
//!
//! Knows no frame and no mask. Surprising: a run of 254 bytes that ends the data needs no further code byte.

use alloc::vec::Vec;

/// Largest encoding of `size_bytes` bytes.
pub const fn bound(size_bytes: usize) -> usize {
    size_bytes + size_bytes / 254 + 1
}

/// Appends the encoding of `source` to `target`.
pub fn encode(source: impl ExactSizeIterator<Item = u8>, target: &mut Vec<u8>) {
    let mut code_at = target.len();
    target.push(1);
    let mut left = source.len();
    for byte in source {
        left -= 1;
        if byte != 0 {
            target.push(byte);
            target[code_at] += 1;
        }
        if byte == 0 || (target[code_at] == 255 && left > 0) {
            code_at = target.len();
            target.push(1);
        }
    }
}

/// Decodes `source` to the end of `target`; false where it is no encoding (a zero, or a code that points past the end).
pub fn decode(source: &[u8], target: &mut Vec<u8>) -> bool {
    let mut rest = source;
    while let Some((&code, after)) = rest.split_first() {
        let run = usize::from(code).wrapping_sub(1);
        if code == 0 || run > after.len() || after[..run].contains(&0) {
            return false;
        }
        target.extend_from_slice(&after[..run]);
        rest = &after[run..];
        if code != 255 && !rest.is_empty() {
            target.push(0);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        encode(bytes.iter().copied(), &mut out);
        out
    }

    #[test]
    fn the_examples_of_the_paper_hold() {
        assert_eq!(encoded(&[]), [1]);
        assert_eq!(encoded(&[0]), [1, 1]);
        assert_eq!(encoded(&[0, 0]), [1, 1, 1]);
        assert_eq!(encoded(&[0x11, 0x22, 0, 0x33]), [3, 0x11, 0x22, 2, 0x33]);
        let run: Vec<u8> = (1..=254).collect();
        assert_eq!(encoded(&run), [&[255][..], &run].concat());
        let longer: Vec<u8> = (1..=255).collect();
        assert_eq!(encoded(&longer), [&[255][..], &run, &[2, 255]].concat());
        assert_eq!(
            encoded(&[&run[..], &[0]].concat()),
            [&[255][..], &run, &[1, 1]].concat()
        );
    }

    #[test]
    fn what_is_encoded_decodes_and_holds_no_zero() {
        for length in [0usize, 1, 2, 253, 254, 255, 256, 507, 508, 509, 1039] {
            for period in [1usize, 2, 3, 254, 255, 300] {
                let bytes: Vec<u8> = (0..length).map(|i| (i % period) as u8).collect();
                let wire = encoded(&bytes);
                assert!(!wire.contains(&0) && wire.len() <= bound(length));
                let mut back = Vec::new();
                assert!(decode(&wire, &mut back));
                assert_eq!(back, bytes);
            }
        }
    }

    #[test]
    fn zeros_and_codes_past_the_end_are_no_encoding() {
        for wrong in [&[0][..], &[2], &[3, 1], &[3, 1, 0], &[255, 1, 2]] {
            assert!(!decode(wrong, &mut Vec::new()), "{wrong:?}");
        }
    }
}
