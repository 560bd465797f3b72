//! Between f32 and int8: dynamic symmetric quantization per row, and scaling of int32 products back.
//!
//! Knows one scheme: scale = absmax / 127, round half to even, clamp to ±127 (−128 is never produced). The surprising
//! point: the quotient is a true division, not a product with 1/scale, so that a plain loop elsewhere gives the same bytes.

use crate::dispatch::dispatch;
use crate::isa;
use crate::math::ROUND32;

/// Quantizes each row of `x [m, k]`: `scales[r] = absmax(row) / 127`, `q = round_half_even(x / scale)` in ±127.
/// A row of zeros gets scale 0 and q 0; NaN counts as 0.
///
/// # Panics
/// When a slice does not have the length its shape says.
pub fn rows_int8(x: &[f32], m: usize, k: usize, q: &mut [i8], scales: &mut [f32]) {
    assert!(
        x.len() == m * k && q.len() == m * k && scales.len() == m,
        "x and q are [m, k], scales [m]"
    );
    rows_int8_on(isa::active(), x, k, q, scales);
}

dispatch! {
    /// [`rows_int8`] on a given instruction set.
    pub(crate) fn rows_int8_on(x: &[f32], k: usize, q: &mut [i8], scales: &mut [f32]) = rows_int8_body
}

#[inline(always)]
fn rows_int8_body(x: &[f32], k: usize, q: &mut [i8], scales: &mut [f32]) {
    for ((row, q), scale) in x
        .chunks_exact(k.max(1))
        .zip(q.chunks_exact_mut(k.max(1)))
        .zip(scales.iter_mut())
    {
        let largest = absmax(row);
        *scale = largest / 127.0;
        round_row(row, *scale, 127.0, q);
    }
    if k == 0 {
        scales.fill(0.0);
    }
}

/// Largest magnitude; NaN never wins; 0 for an empty slice.
#[inline(always)]
fn absmax(row: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (blocks, tail) = row.as_chunks::<16>();
    for block in blocks {
        for i in 0..16 {
            let magnitude = block[i].abs();
            lanes[i] = if magnitude > lanes[i] { magnitude } else { lanes[i] };
        }
    }
    lanes
        .into_iter()
        .chain(tail.iter().map(|v| v.abs()))
        .fold(0.0, |m, v| if v > m { v } else { m })
}

/// `q = clamp(round_half_even(x / scale), ±limit)`; zeros where scale is 0 or the quotient is NaN.
#[inline(always)]
pub(crate) fn round_row(row: &[f32], scale: f32, limit: f32, q: &mut [i8]) {
    if scale == 0.0 {
        q.fill(0);
        return;
    }
    for (value, q) in row.iter().zip(q) {
        *q = round_one(*value, scale, limit) as i8;
    }
}

/// One quantized value, as an integer-valued f32 in ±limit.
#[inline(always)]
pub(crate) fn round_one(value: f32, scale: f32, limit: f32) -> i32 {
    let t = value / scale;
    let t = if t > limit { limit } else { t };
    let t = if t < -limit { -limit } else { t };
    let t = if t.is_nan() { 0.0 } else { t };
    ((t + ROUND32).to_bits() as i32).wrapping_sub(ROUND32.to_bits() as i32)
}

/// `out[r, c] = (acc[r, c] as f32) · row_scales[r] · column_scales[c]`, in this order; `acc` and `out` are `[m, n]`.
///
/// # Panics
/// When a slice does not have the length its shape says.
pub fn dequantize(acc: &[i32], row_scales: &[f32], column_scales: &[f32], m: usize, n: usize, out: &mut [f32]) {
    assert!(acc.len() == m * n && out.len() == m * n, "acc and out are [m, n]");
    assert!(
        row_scales.len() == m && column_scales.len() == n,
        "row_scales is [m], column_scales [n]"
    );
    dequantize_on(isa::active(), acc, row_scales, column_scales, out);
}

dispatch! {
    /// [`dequantize`] on a given instruction set.
    pub(crate) fn dequantize_on(acc: &[i32], row_scales: &[f32], column_scales: &[f32], out: &mut [f32]) = dequantize_body
}

#[inline(always)]
fn dequantize_body(acc: &[i32], row_scales: &[f32], column_scales: &[f32], out: &mut [f32]) {
    let n = column_scales.len().max(1);
    for ((acc, out), &row) in acc.chunks_exact(n).zip(out.chunks_exact_mut(n)).zip(row_scales) {
        for ((acc, out), &column) in acc.iter().zip(out).zip(column_scales) {
            *out = (*acc as f32) * row * column;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_round_to_even_and_the_largest_value_becomes_127() {
        let x = [127.0, 0.5, 1.5, 2.5, -0.5, -1.5, -127.0, 0.0];
        let (mut q, mut scales) = ([0i8; 8], [0.0f32]);
        rows_int8(&x, 1, 8, &mut q, &mut scales);
        assert_eq!(scales, [1.0]);
        assert_eq!(q, [127, 0, 2, 2, 0, -2, -127, 0]);
    }

    #[test]
    fn a_row_of_zeros_has_scale_zero_and_quantizes_to_zeros() {
        let (mut q, mut scales) = ([7i8; 6], [9.0f32; 2]);
        rows_int8(&[0.0, 0.0, 0.0, 2.0, f32::NAN, -1.0], 2, 3, &mut q, &mut scales);
        assert_eq!(scales, [0.0, 2.0 / 127.0]);
        assert_eq!(q, [0, 0, 0, 127, 0, -64]);
    }

    #[test]
    fn products_are_scaled_by_row_then_by_column() {
        let mut out = [0.0f32; 4];
        dequantize(&[3, -5, 16_777_217, 7], &[0.1, 0.3], &[0.7, 1e-3], 2, 2, &mut out);
        assert_eq!(
            out,
            [
                3.0 * 0.1 * 0.7,
                -5.0 * 0.1 * 1e-3,
                16_777_217i32 as f32 * 0.3 * 0.7,
                7.0 * 0.3 * 1e-3
            ]
        );
    }
}
