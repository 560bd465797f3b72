//! fp16 convolutions with fp32 sums in the order of §12.19 (slice of 16 channels, tap, channel), and in f64 for the
//! tolerance: agreement of fp16 results is a bound on the difference, never equality.

use crate::half::to_f32;
use crate::{Geometry, Kernels, Map};

/// Channels of one slice of 16-bit weights (§4.3).
const SLICE: usize = 16;

/// Calls `tap` with every (feature, weight) pair of a window in the order of §12.19.
fn visit(
    (input, kernels): (&Map<u16>, &Kernels<u16>),
    (geometry, pad): (Geometry, u16),
    (kernel, row, column): (usize, usize, usize),
    mut tap: impl FnMut(u16, u16),
) {
    for first in (0..input.channels).step_by(SLICE) {
        for ky in 0..kernels.height {
            for kx in 0..kernels.width {
                for channel in first..input.channels.min(first + SLICE) {
                    let (y, x) = geometry.position((row, column), (ky, kx));
                    tap(input.padded(channel, y, x, pad), kernels.at(kernel, channel, ky, kx));
                }
            }
        }
    }
}

/// Dense convolution of fp16 bits, padded with `pad`; every sum is rounded to f32 after each product, which is exact.
pub fn convolve(input: &Map<u16>, kernels: &Kernels<u16>, geometry: Geometry, pad: u16) -> Map<f32> {
    assert_eq!(input.channels, kernels.channels);
    Map::from_fn(
        kernels.count,
        geometry.output.0,
        geometry.output.1,
        |kernel, row, column| {
            let mut sum = 0f32;
            visit(
                (input, kernels),
                (geometry, pad),
                (kernel, row, column),
                |feature, weight| {
                    sum += to_f32(feature) * to_f32(weight);
                },
            );
            sum
        },
    )
}

/// A sum in f64, and the bound on how far an f32 sum of the same terms, in any order, may lie from it: Higham's
/// `γ(n) · Σ|x·w|` with n additions of relative error 2⁻²⁴ each (products are exact).
struct Bounded {
    sum: f64,
    size: f64,
    terms: f64,
}

impl Bounded {
    const ZERO: Self = Self {
        sum: 0.0,
        size: 0.0,
        terms: 0.0,
    };

    fn add(&mut self, feature: u16, weight: u16) {
        let product = f64::from(to_f32(feature)) * f64::from(to_f32(weight));
        self.sum += product;
        self.size += product.abs();
        self.terms += 1.0;
    }

    fn finish(&self) -> (f64, f64) {
        let unit = self.terms * 2f64.powi(-24);
        (self.sum, self.size * unit / (1.0 - unit))
    }
}

/// [`convolve`] in f64, and the bound of each value.
pub fn convolve_bounded(input: &Map<u16>, kernels: &Kernels<u16>, geometry: Geometry, pad: u16) -> Map<(f64, f64)> {
    let (rows, columns) = geometry.output;
    Map::from_fn(kernels.count, rows, columns, |kernel, row, column| {
        let mut sum = Bounded::ZERO;
        visit(
            (input, kernels),
            (geometry, pad),
            (kernel, row, column),
            |feature, weight| {
                sum.add(feature, weight);
            },
        );
        sum.finish()
    })
}

/// Depthwise convolution of fp16 bits in f64, and the bound of each value: every channel has its own kernel.
pub fn depthwise_bounded(input: &Map<u16>, kernels: &Kernels<u16>, geometry: Geometry, pad: u16) -> Map<(f64, f64)> {
    assert_eq!((kernels.count, kernels.channels), (input.channels, 1));
    let (rows, columns) = geometry.output;
    Map::from_fn(input.channels, rows, columns, |channel, row, column| {
        let mut sum = Bounded::ZERO;
        for (ky, kx) in (0..kernels.height).flat_map(|ky| (0..kernels.width).map(move |kx| (ky, kx))) {
            let (y, x) = geometry.position((row, column), (ky, kx));
            sum.add(input.padded(channel, y, x, pad), kernels.at(channel, 0, ky, kx));
        }
        sum.finish()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::half::from_f32;

    #[test]
    fn the_ordered_sum_lies_within_the_bound_of_the_exact_one() {
        let mut seed = 1u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            from_f32(((seed >> 8) as f32 / 16_777_216.0 - 0.5) * 8.0)
        };
        let input = Map::from_fn(37, 5, 4, |_, _, _| next());
        let kernels = Kernels::from_fn((3, 37), (3, 2), &mut next);
        let geometry = Geometry {
            stride: (1, 2),
            step: (1, 1),
            pad: (1, 0),
            output: (5, 2),
        };
        let sums = convolve(&input, &kernels, geometry, 0);
        let bounds = convolve_bounded(&input, &kernels, geometry, 0);
        let mut differ = 0;
        for (&sum, &(exact, bound)) in sums.values.iter().zip(&bounds.values) {
            assert!((f64::from(sum) - exact).abs() <= bound);
            assert!(bound < 0.02);
            differ += usize::from(f64::from(sum) != exact);
        }
        assert!(differ > 0, "an f32 sum of 222 products is rounded");
    }

    #[test]
    fn order_matters_and_is_slice_tap_channel() {
        // 2^24 + 1 is lost when the large term comes first: channel 0 of tap 1 before channel 16 of tap 0.
        let input = Map::from_fn(17, 1, 2, |_, _, _| from_f32(1.0));
        let at = std::cell::Cell::new(0);
        let kernels = Kernels::from_fn((1, 17), (1, 2), || {
            let (channel, tap) = (at.get() / 2, at.get() % 2);
            at.set(at.get() + 1);
            match (channel, tap) {
                (0, 1) => 32768.0,
                (16, 0) => 2f32.powi(-12),
                (16, 1) => -32768.0,
                _ => 0.0,
            }
        });
        let kernels = Kernels {
            values: kernels.values.into_iter().map(from_f32).collect(),
            count: 1,
            channels: 17,
            height: 1,
            width: 2,
        };
        let geometry = Geometry {
            stride: (1, 1),
            step: (1, 1),
            pad: (0, 0),
            output: (1, 1),
        };
        assert_eq!(convolve(&input, &kernels, geometry, 0).values, [0.0]);
        assert_eq!(
            convolve_bounded(&input, &kernels, geometry, 0).values[0].0,
            2f64.powi(-12)
        );
    }

    #[test]
    fn depthwise_channels_see_their_own_kernel_and_the_pad_value() {
        let input = Map::from_fn(2, 1, 1, |channel, _, _| from_f32([3.0, 5.0][channel]));
        let weights = [1.0, 10.0, 100.0, 1000.0];
        let mut next = weights.iter();
        let kernels = Kernels::from_fn((2, 1), (1, 2), || from_f32(*next.next().unwrap()));
        let geometry = Geometry {
            stride: (1, 1),
            step: (1, 1),
            pad: (0, 1),
            output: (1, 2),
        };
        let sums = depthwise_bounded(&input, &kernels, geometry, from_f32(-1.0));
        let values: Vec<f64> = sums.values.iter().map(|(sum, _)| *sum).collect();
        assert_eq!(values, [-1.0 + 30.0, 3.0 - 10.0, -100.0 + 5000.0, 500.0 - 1000.0]);
    }
}
