//! The per-channel parameter stream: groups of four channels (sheet §2.6).

use alloc::vec::Vec;

/// Bytes of a full stream for a channel count that is a multiple of the kernel group.
pub const fn full_bytes(aligned_channels: usize) -> usize {
    aligned_channels * 8
}

/// Bytes of a bias-only stream.
pub const fn bias_bytes(aligned_channels: usize) -> usize {
    aligned_channels * 4
}

/// Packs bias, weight-zero-point factor and multiplier (2^14 = 1), zero for the channels up to `aligned_channels`.
///
/// # Panics
/// When the three have different lengths or more channels than `aligned_channels`.
pub fn pack_full(bias: &[i32], factor: &[i16], multiplier: &[u16], aligned_channels: usize) -> Vec<u8> {
    assert!(bias.len() == factor.len() && bias.len() == multiplier.len() && bias.len() <= aligned_channels);
    let mut stream = Vec::with_capacity(full_bytes(aligned_channels));
    for first in (0..aligned_channels).step_by(4) {
        let group = first..first + 4;
        let at = |channel: usize| bias.get(channel).copied().unwrap_or(0);
        group
            .clone()
            .for_each(|channel| stream.extend(at(channel).to_le_bytes()));
        let at = |channel: usize| factor.get(channel).copied().unwrap_or(0);
        group
            .clone()
            .for_each(|channel| stream.extend(at(channel).to_le_bytes()));
        let at = |channel: usize| multiplier.get(channel).copied().unwrap_or(0);
        group.for_each(|channel| stream.extend(at(channel).to_le_bytes()));
    }
    stream
}

/// Packs the bias alone, zero for the channels up to `aligned_channels`.
///
/// # Panics
/// When there are more channels than `aligned_channels`.
pub fn pack_bias(bias: &[i32], aligned_channels: usize) -> Vec<u8> {
    assert!(bias.len() <= aligned_channels);
    let padding = core::iter::repeat_n(&0, aligned_channels - bias.len());
    bias.iter()
        .chain(padding)
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn four_channels_take_32_bytes_bias_first() {
        let stream = pack_full(&[1, -2, 3, 4, 5], &[6, 7, 8, 9, 10], &[11, 12, 13, 14, 15], 16);
        assert_eq!(stream.len(), 16 * 8); // §9.9: one 8-byte word per channel
        assert_eq!(stream[4..8], (-2i32).to_le_bytes());
        assert_eq!(stream[16..18], 6i16.to_le_bytes());
        assert_eq!(stream[24..26], 11u16.to_le_bytes());
        assert_eq!(stream[32..36], 5i32.to_le_bytes());
        assert_eq!(stream[36..48], [0; 12]);
        assert_eq!(pack_bias(&[1, 2], 16)[4..12], [2, 0, 0, 0, 0, 0, 0, 0]);
    }
}
