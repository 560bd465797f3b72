//! Convolution weights: row-major `[n, kh, kw, c]` to the orders in which the array reads them (sheet §4.3).

use alloc::vec;
use alloc::vec::Vec;

use super::Element;
use crate::Precision;

/// Channels of a kernel as the hardware counts them: whole surfaces, 8 int8 or 4 fp16 (sheet §2.4). A first layer's one to
/// four channels become one surface, so its taps have 8 bytes.
pub const fn dense_channels(precision: Precision, channels: usize) -> usize {
    channels.next_multiple_of(precision.surface_channels() as usize)
}

/// Bytes of dense or first-layer weights; kernels are not padded (§2.4).
pub const fn dense_bytes(precision: Precision, kernels: usize, taps: usize, channels: usize) -> usize {
    kernels * taps * dense_channels(precision, channels) * precision.bytes() as usize
}

/// Packs `[n, kh, kw, c]`: for each group of 16 kernels (8 for fp16), each slice of 32 channels (16), each tap: the group's
/// kernels, each with the slice's channels. The last group and the last slice are stored compact.
///
/// # Panics
/// When `values` is not exactly `kernels · taps · channels` long.
pub fn pack_dense<T: Element>(values: &[T], kernels: usize, taps: usize, channels: usize) -> Vec<u8> {
    assert_eq!(values.len(), kernels * taps * channels, "weights are [n, kh, kw, c]");
    let (group, slice) = (
        T::PRECISION.kernel_group() as usize,
        T::PRECISION.channel_slice() as usize,
    );
    let element = T::PRECISION.bytes() as usize;
    let padded = dense_channels(T::PRECISION, channels);
    let mut native = vec![0; dense_bytes(T::PRECISION, kernels, taps, channels)];
    let mut at = 0;
    for first_kernel in (0..kernels).step_by(group) {
        for first_channel in (0..padded).step_by(slice) {
            for tap in 0..taps {
                for kernel in first_kernel..kernels.min(first_kernel + group) {
                    for channel in first_channel..padded.min(first_channel + slice) {
                        if channel < channels {
                            values[(kernel * taps + tap) * channels + channel].put(&mut native, at);
                        }
                        at += element;
                    }
                }
            }
        }
    }
    native
}

/// Bytes of depthwise weights: whole groups of 32 channels (16 for fp16).
pub const fn depthwise_bytes(precision: Precision, taps: usize, channels: usize) -> usize {
    channels.next_multiple_of(precision.channel_slice() as usize) * taps * precision.bytes() as usize
}

/// Packs `[kh, kw, c]` of a depthwise convolution: for each group of 32 channels (16), each tap: the group's channels.
///
/// # Panics
/// When `values` is not exactly `taps · channels` long.
pub fn pack_depthwise<T: Element>(values: &[T], taps: usize, channels: usize) -> Vec<u8> {
    assert_eq!(values.len(), taps * channels, "weights are [kh, kw, c]");
    let group = T::PRECISION.channel_slice() as usize;
    let element = T::PRECISION.bytes() as usize;
    let mut native = vec![0; depthwise_bytes(T::PRECISION, taps, channels)];
    for tap in 0..taps {
        for channel in 0..channels {
            let at = (channel / group * taps + tap) * group + channel % group;
            values[tap * channels + channel].put(&mut native, at * element);
        }
    }
    native
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_group_and_the_last_slice_are_compact() {
        let (kernels, taps, channels) = (17, 2, 35);
        let values: Vec<i8> = (0..kernels * taps * channels).map(|i| (i % 127) as i8).collect();
        let native = pack_dense(&values, kernels, taps, channels);
        assert_eq!(native.len(), 17 * 2 * 40);
        let value = |n: usize, tap: usize, c: usize| values[(n * taps + tap) * channels + c] as u8;
        // Group 0: slice 0 has 2 taps of 16 x 32, slice 1 has 2 taps of 16 x 8.
        assert_eq!(native[(16 + 3) * 32 + 5], value(3, 1, 5));
        assert_eq!(native[2 * 16 * 32 + (16 + 4) * 8 + 2], value(4, 1, 34));
        assert_eq!(native[2 * 16 * 32 + (16 + 4) * 8 + 3], 0);
        // Group 1 has one kernel.
        assert_eq!(native[16 * 2 * 40 + 32 + 7], value(16, 1, 7));
    }

    #[test]
    fn one_tap_with_whole_groups_is_the_matrix_layout() {
        let values: Vec<i8> = (0..32 * 64).map(|i| (i % 125) as i8).collect();
        assert_eq!(pack_dense(&values, 32, 1, 64), super::super::pack_b(&values, 32, 64));
    }

    #[test]
    fn three_channels_take_eight_bytes_a_tap() {
        let values: Vec<i8> = (1..=2 * 9 * 3).collect();
        let native = pack_dense(&values, 2, 9, 3);
        assert_eq!(native.len(), 2 * 72); // appendix B.2: 72 bytes a kernel
        assert_eq!(native[..11], [1, 2, 3, 0, 0, 0, 0, 0, 28, 29, 30]);
    }

    #[test]
    fn depthwise_groups_hold_their_taps_one_after_the_other() {
        let values: Vec<i8> = (0..4 * 40).map(|i| (i % 120) as i8).collect();
        let native = pack_depthwise(&values, 4, 40);
        assert_eq!(native.len(), 2 * 4 * 32);
        assert_eq!(native[3 * 32 + 31] as i8, values[3 * 40 + 31]);
        assert_eq!(native[(4 + 2) * 32 + 7] as i8, values[2 * 40 + 39]);
        assert_eq!(native[(4 + 2) * 32 + 8], 0);
    }
}
