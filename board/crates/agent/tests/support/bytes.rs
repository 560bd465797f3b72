//! Bytes for tests, and what they are called.

use link::cbor::Digest;
use sha2::Digest as _;

pub fn sha(bytes: &[u8]) -> Digest {
    let digest: [u8; 32] = sha2::Sha256::digest(bytes).into();
    digest.into()
}

pub fn bitmap_has(bitmap: &[u8], index: usize) -> bool {
    bitmap[index / 8] >> (index % 8) & 1 == 1
}

/// Bytes that look random and are the same every time.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}
