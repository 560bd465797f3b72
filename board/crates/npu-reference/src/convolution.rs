//! int8 convolutions up to the accumulator (§2.4, §2.5, §12.14). Padding comes after the input converter, so maps given
//! here are what the array sees. Right and bottom padding are implied by the output size (§2.4).

use crate::{Kernels, Map, saturate_i32};

/// How windows move over the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Rows and columns between windows.
    pub stride: (usize, usize),
    /// Rows and columns between taps; 1 is no dilation.
    pub step: (usize, usize),
    /// Padding above and to the left.
    pub pad: (usize, usize),
    /// Rows and columns of the output.
    pub output: (usize, usize),
}

impl Geometry {
    /// Input position of a tap of the window at an output position; may lie outside.
    pub(crate) fn position(&self, (row, column): (usize, usize), (ky, kx): (usize, usize)) -> (i64, i64) {
        let y = (row * self.stride.0 + ky * self.step.0) as i64 - self.pad.0 as i64;
        let x = (column * self.stride.1 + kx * self.step.1) as i64 - self.pad.1 as i64;
        (y, x)
    }
}

fn taps(height: usize, width: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..height).flat_map(move |ky| (0..width).map(move |kx| (ky, kx)))
}

/// Dense convolution: `[kernels.count][output]` accumulators, saturated to int32 (§2.5).
pub fn convolve(input: &Map<i8>, kernels: &Kernels<i8>, geometry: Geometry, pad: i8) -> Map<i32> {
    assert_eq!(input.channels, kernels.channels);
    Map::from_fn(
        kernels.count,
        geometry.output.0,
        geometry.output.1,
        |kernel, row, column| {
            let mut sum = 0i64;
            for channel in 0..input.channels {
                for (ky, kx) in taps(kernels.height, kernels.width) {
                    let (y, x) = geometry.position((row, column), (ky, kx));
                    let feature = input.padded(channel, y, x, pad);
                    sum += i64::from(feature) * i64::from(kernels.at(kernel, channel, ky, kx));
                }
            }
            saturate_i32(sum)
        },
    )
}

/// Depthwise convolution: kernel `c` sees channel `c` only.
pub fn depthwise(input: &Map<i8>, kernels: &Kernels<i8>, geometry: Geometry, pad: i8) -> Map<i32> {
    assert_eq!((input.channels, 1), (kernels.count, kernels.channels));
    Map::from_fn(
        input.channels,
        geometry.output.0,
        geometry.output.1,
        |channel, row, column| {
            let mut sum = 0i64;
            for (ky, kx) in taps(kernels.height, kernels.width) {
                let (y, x) = geometry.position((row, column), (ky, kx));
                let feature = input.padded(channel, y, x, pad);
                sum += i64::from(feature) * i64::from(kernels.at(channel, 0, ky, kx));
            }
            saturate_i32(sum)
        },
    )
}

/// Σx of every window, pad pixels included, one map per input channel (§12.14). A dense convolution's compensation uses
/// the sum of all of them, a depthwise one each channel's own.
pub fn window_sums(input: &Map<i8>, kernel: (usize, usize), geometry: Geometry, pad: i8) -> Map<i64> {
    Map::from_fn(
        input.channels,
        geometry.output.0,
        geometry.output.1,
        |channel, row, column| {
            taps(kernel.0, kernel.1)
                .map(|tap| geometry.position((row, column), tap))
                .map(|(y, x)| i64::from(input.padded(channel, y, x, pad)))
                .sum()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: Geometry = Geometry {
        stride: (2, 1),
        step: (1, 2),
        pad: (1, 0),
        output: (2, 2),
    };

    fn counted() -> Map<i8> {
        Map::from_fn(2, 3, 4, |c, y, x| (c * 12 + y * 4 + x) as i8)
    }

    #[test]
    fn strides_dilation_and_padding_select_the_taps_worked_out_by_hand() {
        // One 2x2 kernel of ones per channel: rows 2*row-1 and 2*row, columns column and column+2.
        let kernels = Kernels::from_fn((1, 2), (2, 2), || 1);
        let out = convolve(&counted(), &kernels, THREE, 5);
        // Row 0: the pad row gives 2 * 5 per channel, the first row x and x+2 of both channels.
        assert_eq!(out.at(0, 0, 0), 20 + 2 + 12 + 14);
        assert_eq!(out.at(0, 0, 1), 20 + 1 + 3 + 13 + 15);
        // Row 1: input rows 1 and 2.
        assert_eq!(out.at(0, 1, 1), 5 + 7 + 9 + 11 + 17 + 19 + 21 + 23);
    }

    #[test]
    fn a_depthwise_convolution_is_the_diagonal_of_a_dense_one() {
        let mut seed = 3i32;
        let kernels = Kernels::from_fn((2, 1), (2, 2), || {
            seed = (seed * 29 + 7) % 127;
            seed as i8
        });
        let separate = depthwise(&counted(), &kernels, THREE, -3);
        let mut at = 0;
        let dense = Kernels::from_fn((2, 2), (2, 2), || {
            let (kernel, channel, tap) = (at / 8, at / 4 % 2, at % 4);
            at += 1;
            if kernel == channel {
                kernels.at(kernel, 0, tap / 2, tap % 2)
            } else {
                0
            }
        });
        assert_eq!(separate, convolve(&counted(), &dense, THREE, -3));
    }

    #[test]
    fn window_sums_are_a_convolution_with_ones() {
        let ones = Kernels::from_fn((2, 1), (2, 2), || 1);
        let sums = window_sums(&counted(), (2, 2), THREE, -128);
        assert_eq!(sums.map(|sum| sum as i32), depthwise(&counted(), &ones, THREE, -128));
    }
}
