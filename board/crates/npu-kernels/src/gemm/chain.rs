//! Products in which every output is one unbroken chain `acc = fma(a[k], b[k], acc)` over ascending k, from 0: what an
//! accumulator that adds one product after another computes. No blocks of k, so the order is the caller's.

use super::driver::Matrix;
use super::pack::pack;
use super::tile::{self, MAX_TILE};
use crate::dispatch::dispatch;
use crate::isa::{self, Isa};
use crate::run::{Cancelled, Run, SharedMut};

/// Products below this stay on the calling thread.
const SMALL: usize = 1 << 19;

/// C = A `[m, k]` · B `[n, k]`ᵀ with C in the order `(N/4, M, 4)`; `n` is a multiple of 4.
///
/// # Errors
/// [`Cancelled`] when the flag of `run` was raised.
///
/// # Panics
/// When a slice does not have the length its shape says.
#[allow(clippy::too_many_arguments)]
pub fn chain_products(
    a: &[f32],
    b: &[f32],
    m: usize,
    k: usize,
    n: usize,
    c: &mut [f32],
    run: &Run,
) -> Result<(), Cancelled> {
    assert!(
        a.len() == m * k && b.len() == n * k && c.len() == m * n && n.is_multiple_of(4),
        "A is [m, k], B [n, k], C (N/4, M, 4)"
    );
    if m == 0 || k == 0 {
        c.fill(0.0);
        return Ok(());
    }
    products_on(isa::active(), a, b, m, k, n, c, run)
}

/// [`chain_products`] on an instruction set, for checked shapes that are not empty.
#[allow(clippy::too_many_arguments)]
fn products_on(
    isa: Isa,
    a: &[f32],
    b: &[f32],
    m: usize,
    k: usize,
    n: usize,
    c: &mut [f32],
    run: &Run,
) -> Result<(), Cancelled> {
    let kernel = tile::kernel(isa);
    let (mr, nr) = (kernel.rows, kernel.columns);
    let mut packed_a = vec![0.0; m.next_multiple_of(mr) * k];
    // SAFETY: rows 0..m of k neighbours each were checked; the buffer holds whole tiles; `kernel` found the processor able.
    unsafe { pack(Matrix::rows(a, k), 0, m, 0, k, mr, isa, &mut packed_a) };
    let shared = SharedMut::new(c);
    let run = if m * n * k < SMALL { run.single() } else { *run };
    run.for_each(n.div_ceil(nr), |panel| {
        let first = panel * nr;
        let width = nr.min(n - first);
        let mut packed_b = vec![0.0; nr * k];
        // SAFETY: as above, for B.
        unsafe { pack(Matrix::rows(b, k), first, width, 0, k, nr, isa, &mut packed_b) };
        // SAFETY: panels cover disjoint quads of C, since `nr` is a multiple of 4.
        let c = unsafe { shared.slice(first * m..(first + width) * m) };
        for (tile, a) in packed_a.chunks_exact(mr * k).enumerate() {
            let mut sums = [0.0f32; MAX_TILE];
            // SAFETY: `a` and `packed_b` hold k steps of `mr` and `nr` values; `kernel` matches the processor.
            unsafe { (kernel.run)(k, a.as_ptr(), packed_b.as_ptr(), sums.as_mut_ptr()) };
            for (row, sums) in sums.chunks_exact(nr).take(mr.min(m - tile * mr)).enumerate() {
                for (quad, sums) in sums[..width].as_chunks::<4>().0.iter().enumerate() {
                    c[(quad * m + tile * mr + row) * 4..][..4].copy_from_slice(sums);
                }
            }
        }
    })
}

/// `c[row][lane]` = chain over the taps of `rows[row][tap][lane] · weights[tap][lane]`, in the order `(lanes/4, M, 4)`.
///
/// Row `r` starts at `r * row_stride`, its taps lie `row_tap` apart; the taps of the weights lie `weight_tap` apart.
///
/// # Panics
/// When `lanes` is no multiple of 4 or above 16, or a slice is shorter than its shape says.
pub fn chain_lanes(
    rows: &[f32],
    (row_stride, row_tap): (usize, usize),
    weights: &[f32],
    weight_tap: usize,
    (m, taps, lanes): (usize, usize, usize),
    c: &mut [f32],
) {
    assert!(
        lanes <= LANES && lanes.is_multiple_of(4),
        "lanes are a multiple of 4, at most 16"
    );
    assert!(c.len() == lanes * m, "C is (lanes/4, M, 4)");
    let isa = isa::active();
    lanes_on(isa, rows, row_stride, row_tap, weights, weight_tap, m, taps, lanes, c);
}

/// Lanes computed together: one slice of 16-bit channels.
const LANES: usize = 16;

dispatch! {
    fn lanes_on(
        rows: &[f32],
        row_stride: usize,
        row_tap: usize,
        weights: &[f32],
        weight_tap: usize,
        m: usize,
        taps: usize,
        lanes: usize,
        c: &mut [f32],
    ) = lanes_body
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn lanes_body(
    rows: &[f32],
    row_stride: usize,
    row_tap: usize,
    weights: &[f32],
    weight_tap: usize,
    m: usize,
    taps: usize,
    lanes: usize,
    c: &mut [f32],
) {
    for row in 0..m {
        let mut sums = [0.0f32; LANES];
        for tap in 0..taps {
            let x = &rows[row * row_stride + tap * row_tap..][..lanes];
            let w = &weights[tap * weight_tap..][..lanes];
            for ((sum, x), w) in sums.iter_mut().zip(x).zip(w) {
                *sum = x.mul_add(*w, *sum);
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

    fn values(seed: usize, count: usize) -> Vec<f32> {
        (0..count)
            .map(|at| ((at * 7919 + seed * 104_729) % 1999) as f32 / 37.0 - 27.0)
            .collect()
    }

    #[test]
    fn every_output_is_one_chain_whatever_the_length_and_the_threads() {
        for (m, k, n) in [(1, 16, 8), (7, 300, 24), (13, 1111, 8), (200, 600, 36)] {
            let (a, b) = (values(1, m * k), values(2, n * k));
            let mut want = vec![0; m * n];
            for (at, want) in want.iter_mut().enumerate() {
                let (row, column) = (at / 4 % m, at / 4 / m * 4 + at % 4);
                let chain = (0..k).fold(0.0f32, |sum, i| a[row * k + i].mul_add(b[column * k + i], sum));
                *want = chain.to_bits();
            }
            for isa in each_available("chain products") {
                let mut c = vec![f32::NAN; m * n];
                products_on(isa, &a, &b, m, k, n, &mut c, &Run::threads(2)).unwrap();
                let got: Vec<u32> = c.iter().map(|v| v.to_bits()).collect();
                assert!(got == want, "{m} x {k} x {n} on {}", isa.name());
            }
        }
    }

    #[test]
    fn every_lane_is_a_chain_over_its_taps() {
        let (m, taps, lanes) = (5, 9, 12);
        let (rows, weights) = (values(3, m * taps * lanes), values(4, taps * 16));
        for isa in each_available("chain lanes") {
            let mut c = vec![f32::NAN; lanes * m];
            lanes_on(isa, &rows, taps * lanes, lanes, &weights, 16, m, taps, lanes, &mut c);
            for row in 0..m {
                for lane in 0..lanes {
                    let x = |tap: usize| rows[(row * taps + tap) * lanes + lane];
                    let chain = (0..taps).fold(0.0f32, |sum, tap| x(tap).mul_add(weights[tap * 16 + lane], sum));
                    assert_eq!(c[(lane / 4 * m + row) * 4 + lane % 4].to_bits(), chain.to_bits());
                }
            }
        }
    }
}
