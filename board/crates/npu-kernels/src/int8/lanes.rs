//! Products lane by lane, no sum over channels: what a depthwise convolution is. Knows rows of taps; refuses to know windows.

use crate::dispatch::dispatch;

/// Lanes computed together: one slice of channels.
const LANES: usize = super::SLICE;

/// On int8 bytes: `c[row][lane] = Σ_tap rows[row][tap][lane] · weights[tap][lane]` for `lanes` lanes (at most 32), written in the order
/// `(lanes/4, M, 4)`.
///
/// Row `r` starts at `r * row_stride`, its taps lie `row_tap` apart; the taps of the weights lie `weight_tap` apart.
///
/// # Panics
/// When `lanes` is no multiple of 4 or above 32, or a slice is shorter than its shape says.
#[allow(clippy::too_many_arguments)]
pub fn lane_products(
    rows: &[u8],
    (row_stride, row_tap): (usize, usize),
    weights: &[u8],
    weight_tap: usize,
    (m, taps, lanes): (usize, usize, usize),
    c: &mut [i32],
) {
    assert!(
        lanes <= LANES && lanes.is_multiple_of(4),
        "lanes are a multiple of 4, at most 32"
    );
    assert!(c.len() == lanes * m, "C is (lanes/4, M, 4)");
    #[cfg(feature = "std")]
    let isa = crate::isa::active();
    #[cfg(not(feature = "std"))]
    let isa = crate::isa::Isa::Scalar;
    on(isa, rows, row_stride, row_tap, weights, weight_tap, m, taps, lanes, c);
}

dispatch! {
    fn on(
        rows: &[u8],
        row_stride: usize,
        row_tap: usize,
        weights: &[u8],
        weight_tap: usize,
        m: usize,
        taps: usize,
        lanes: usize,
        c: &mut [i32],
    ) = body
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn body(
    rows: &[u8],
    row_stride: usize,
    row_tap: usize,
    weights: &[u8],
    weight_tap: usize,
    m: usize,
    taps: usize,
    lanes: usize,
    c: &mut [i32],
) {
    for row in 0..m {
        let mut sums = [0i32; LANES];
        for tap in 0..taps {
            let x = &rows[row * row_stride + tap * row_tap..];
            let w = &weights[tap * weight_tap..];
            if let (Some(x), Some(w), LANES) = (x.first_chunk::<LANES>(), w.first_chunk::<LANES>(), lanes) {
                for ((sum, x), w) in sums.iter_mut().zip(x).zip(w) {
                    *sum += i32::from(i16::from(*x as i8) * i16::from(*w as i8));
                }
            } else {
                for ((sum, x), w) in sums.iter_mut().zip(&x[..lanes]).zip(&w[..lanes]) {
                    *sum += i32::from(i16::from(*x as i8) * i16::from(*w as i8));
                }
            }
        }
        for (quad, sums) in sums[..lanes].as_chunks::<4>().0.iter().enumerate() {
            c[(quad * m + row) * 4..][..4].copy_from_slice(sums);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::tests::each_available;

    #[test]
    fn each_lane_sums_its_own_taps() {
        let (m, taps) = (3, 5);
        for lanes in [8, 16, 24, 32] {
            let (row_stride, weight_tap) = (taps * lanes + 8, lanes + 4);
            let value = |at: usize, seed: usize| (at * 73 + seed * 31 + 128) as u8;
            let rows: Vec<u8> = (0..m * row_stride).map(|at| value(at, 1)).collect();
            let weights: Vec<u8> = (0..taps * weight_tap).map(|at| value(at, 2)).collect();
            for isa in each_available("int8 lanes") {
                let mut c = vec![-1; lanes * m];
                on(
                    isa, &rows, row_stride, lanes, &weights, weight_tap, m, taps, lanes, &mut c,
                );
                for row in 0..m {
                    for lane in 0..lanes {
                        let product = |tap: usize| {
                            i32::from(rows[row * row_stride + tap * lanes + lane] as i8)
                                * i32::from(weights[tap * weight_tap + lane] as i8)
                        };
                        let expected: i32 = (0..taps).map(product).sum();
                        assert_eq!(c[(lane / 4 * m + row) * 4 + lane % 4], expected);
                    }
                }
            }
        }
    }
}
