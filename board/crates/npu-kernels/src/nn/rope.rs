//! Rotary position embedding, Hugging Face pairing: element `i` of a head turns with element `i + head_dim/2`.
//!
//! The surprising point: angles are computed in f64 and only sine and cosine are rounded to f32, so late positions lose
//! nothing to the angle itself.

use crate::dispatch::dispatch;
use crate::isa;
use crate::math::{exp64, ln64, sin_cos};

/// Rotates every head of `x [m, heads, head_dim]` in place; row `r` has position `first_position + r`, pair `i` the
/// frequency `theta^(−2i/head_dim)`.
///
/// # Panics
/// When `x` is not `[m, heads, head_dim]` or `head_dim` is odd.
pub fn rope(x: &mut [f32], m: usize, heads: usize, head_dim: usize, first_position: usize, theta: f32) {
    assert!(x.len() == m * heads * head_dim, "x is [m, heads, head_dim]");
    assert!(head_dim.is_multiple_of(2), "head_dim is even");
    rope_on(isa::active(), x, heads, head_dim, first_position, theta);
}

dispatch! {
    /// [`rope`] on a given instruction set.
    pub(crate) fn rope_on(x: &mut [f32], heads: usize, head_dim: usize, first_position: usize, theta: f32) = body
}

#[inline(always)]
fn body(x: &mut [f32], heads: usize, head_dim: usize, first_position: usize, theta: f32) {
    let width = heads * head_dim;
    if width == 0 {
        return;
    }
    let half = head_dim / 2;
    let log_theta = ln64(f64::from(theta));
    let frequencies: Vec<f64> = (0..half)
        .map(|i| exp64(-log_theta * (2 * i) as f64 / head_dim as f64))
        .collect();
    let mut turns = vec![(0.0f32, 0.0f32); half];
    for (row, x) in x.chunks_exact_mut(width).enumerate() {
        let position = (first_position + row) as f64;
        for (turn, frequency) in turns.iter_mut().zip(&frequencies) {
            let (sin, cos) = sin_cos(position * frequency);
            *turn = (sin as f32, cos as f32);
        }
        for head in x.chunks_exact_mut(head_dim) {
            let (first, second) = head.split_at_mut(half);
            for ((a, b), (sin, cos)) in first.iter_mut().zip(second).zip(&turns) {
                let (x, y) = (*a, *b);
                *a = x.mul_add(*cos, -(y * sin));
                *b = y.mul_add(*cos, x * sin);
            }
        }
    }
}
