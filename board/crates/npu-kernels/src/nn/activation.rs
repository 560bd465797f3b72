//! Element-wise operators and softmax.

use crate::dispatch::dispatch;
use crate::isa;
use crate::math::{exp, max, tree};

/// `out = gate / (1 + exp(−gate)) · up`, element by element.
///
/// # Panics
/// When the slices differ in length.
pub fn silu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) {
    assert!(
        gate.len() == up.len() && gate.len() == out.len(),
        "gate, up and out have one length"
    );
    silu_mul_on(isa::active(), gate, up, out);
}

/// `out = a + b`, element by element.
///
/// # Panics
/// When the slices differ in length.
pub fn add(a: &[f32], b: &[f32], out: &mut [f32]) {
    assert!(
        a.len() == b.len() && a.len() == out.len(),
        "a, b and out have one length"
    );
    add_on(isa::active(), a, b, out);
}

/// Softmax of each row of `x [m, n]`, in place: `exp(x − max) / Σ`, the sum in sixteen lanes.
///
/// # Panics
/// When `x` is not `[m, n]`.
pub fn softmax_rows(x: &mut [f32], m: usize, n: usize) {
    assert!(x.len() == m * n, "x is [m, n]");
    softmax_rows_on(isa::active(), x, n);
}

dispatch! {
    /// [`silu_mul`] on a given instruction set.
    pub(crate) fn silu_mul_on(gate: &[f32], up: &[f32], out: &mut [f32]) = silu_mul_body
}
dispatch! {
    /// [`add`] on a given instruction set.
    pub(crate) fn add_on(a: &[f32], b: &[f32], out: &mut [f32]) = add_body
}
dispatch! {
    /// [`softmax_rows`] on a given instruction set.
    pub(crate) fn softmax_rows_on(x: &mut [f32], n: usize) = softmax_rows_body
}

#[inline(always)]
fn silu_mul_body(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((gate, up), out) in gate.iter().zip(up).zip(out) {
        *out = gate / (1.0 + exp(-gate)) * up;
    }
}

#[inline(always)]
fn add_body(a: &[f32], b: &[f32], out: &mut [f32]) {
    for ((a, b), out) in a.iter().zip(b).zip(out) {
        *out = a + b;
    }
}

#[inline(always)]
fn softmax_rows_body(x: &mut [f32], n: usize) {
    for row in x.chunks_exact_mut(n.max(1)) {
        let sum = exp_minus_max(row);
        for x in row {
            *x /= sum;
        }
    }
}

/// Replaces each element by `exp(x − max)` and returns their sum.
#[inline(always)]
pub(super) fn exp_minus_max(row: &mut [f32]) -> f32 {
    let largest = max(row);
    let mut lanes = [0.0f32; 16];
    let (blocks, tail) = row.as_chunks_mut::<16>();
    for block in blocks {
        for i in 0..16 {
            block[i] = exp(block[i] - largest);
            lanes[i] += block[i];
        }
    }
    for (lane, x) in lanes.iter_mut().zip(tail) {
        *x = exp(*x - largest);
        *lane += *x;
    }
    tree(lanes)
}
