//! Causal attention with grouped key/value heads. Knows one row of queries at a time; memory is one row of scores.
//!
//! Order: score = dot(q, k) · (1/√head_dim); e = exp(score − max); out = (Σ_t e_t · v_t) / Σ e, keys ascending.

use crate::dispatch::dispatch;
use crate::isa;
use crate::math::dot;

use super::activation::exp_minus_max;

/// `out [m, heads, head_dim]` from `q` of the same shape and `k`, `v` `[t, kv_heads, head_dim]`; query head `h` uses
/// key/value head `h / (heads / kv_heads)`; row `r` sees keys `0..=first_position + r`.
///
/// # Panics
/// When a slice does not fit its shape, `heads` is no multiple of `kv_heads`, or a row would see a key that is not there.
#[allow(clippy::too_many_arguments)]
pub fn attention(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    m: usize,
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    first_position: usize,
    out: &mut [f32],
) {
    assert!(
        q.len() == m * heads * head_dim && out.len() == q.len(),
        "q and out are [m, heads, head_dim]"
    );
    assert!(
        kv_heads > 0 && heads.is_multiple_of(kv_heads),
        "heads is a multiple of kv_heads"
    );
    let seen = if m == 0 { 0 } else { first_position + m };
    assert!(
        k.len() == v.len() && k.len() >= seen * kv_heads * head_dim,
        "k and v hold every key a row sees"
    );
    attention_on(isa::active(), q, k, v, heads, kv_heads, head_dim, first_position, out);
}

dispatch! {
    /// [`attention`] on a given instruction set.
    pub(crate) fn attention_on(q: &[f32], k: &[f32], v: &[f32], heads: usize, kv_heads: usize, head_dim: usize,
        first_position: usize, out: &mut [f32]) = body
}

/// Elements of the output accumulated together in registers.
const LANES: usize = 32;

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn body(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    heads: usize,
    kv_heads: usize,
    head_dim: usize,
    first_position: usize,
    out: &mut [f32],
) {
    let width = heads * head_dim;
    if width == 0 {
        return;
    }
    let kv_width = kv_heads * head_dim;
    let scale = 1.0 / (head_dim as f32).sqrt();
    let mut scores = vec![0.0f32; first_position + q.len() / width];
    for (row, (q, out)) in q.chunks_exact(width).zip(out.chunks_exact_mut(width)).enumerate() {
        let scores = &mut scores[..=first_position + row];
        for (head, (q, out)) in q.chunks_exact(head_dim).zip(out.chunks_exact_mut(head_dim)).enumerate() {
            let at = head / (heads / kv_heads) * head_dim;
            for (score, k) in scores.iter_mut().zip(k.chunks_exact(kv_width)) {
                *score = dot(q, &k[at..at + head_dim]) * scale;
            }
            let sum = exp_minus_max(scores);
            for (part, out) in out.chunks_mut(LANES).enumerate() {
                let at = at + part * LANES;
                let mut lanes = [0.0f32; LANES];
                if out.len() == LANES {
                    for (score, v) in scores.iter().zip(v.chunks_exact(kv_width)) {
                        let v = &v[at..at + LANES];
                        for i in 0..LANES {
                            lanes[i] = score.mul_add(v[i], lanes[i]);
                        }
                    }
                } else {
                    for (score, v) in scores.iter().zip(v.chunks_exact(kv_width)) {
                        for (lane, v) in lanes.iter_mut().zip(&v[at..at + out.len()]) {
                            *lane = score.mul_add(*v, *lane);
                        }
                    }
                }
                for (out, lane) in out.iter_mut().zip(lanes) {
                    *out = lane / sum;
                }
            }
        }
    }
}
