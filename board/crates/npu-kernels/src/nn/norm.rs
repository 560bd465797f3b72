//! Root-mean-square norm. The factor is 1/√ by IEEE division and square root: exact rounding needs no Newton steps.

use crate::dispatch::dispatch;
use crate::isa;
use crate::math::dot;

/// `out[r] = x[r] / √(mean(x[r]²) + eps) · w` for each row of `x [m, d]`: `(x · factor) · w`, in this order.
///
/// # Panics
/// When a slice does not have the length its shape says.
pub fn rms_norm(x: &[f32], w: &[f32], eps: f32, m: usize, d: usize, out: &mut [f32]) {
    assert!(
        x.len() == m * d && out.len() == m * d && w.len() == d,
        "x and out are [m, d], w [d]"
    );
    rms_norm_on(isa::active(), x, w, eps, out);
}

dispatch! {
    /// [`rms_norm`] on a given instruction set.
    pub(crate) fn rms_norm_on(x: &[f32], w: &[f32], eps: f32, out: &mut [f32]) = body
}

#[inline(always)]
fn body(x: &[f32], w: &[f32], eps: f32, out: &mut [f32]) {
    let d = w.len().max(1);
    for (x, out) in x.chunks_exact(d).zip(out.chunks_exact_mut(d)) {
        let factor = 1.0 / (dot(x, x) / d as f32 + eps).sqrt();
        for ((x, w), out) in x.iter().zip(w).zip(out) {
            *out = x * factor * w;
        }
    }
}
