//! Causal attention with grouped key/value heads. Memory is one head's keys and four rows of scores. Surprise: keys are
//! scored sixteen at a time and values weighed for four queries at a time, yet each result has the bytes of one by one.
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

/// Keys scored together, and elements of the output accumulated together: two vectors of eight floats.
const LANES: usize = 16;
/// Queries that share one pass over the values.
const QUERIES: usize = 4;

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
    let (rows, group, kv_width) = (q.len() / width, heads / kv_heads, kv_heads * head_dim);
    let keys = first_position + rows;
    let pitch = keys.next_multiple_of(LANES);
    let scale = 1.0 / (head_dim as f32).sqrt();
    let mut scores = vec![0.0f32; QUERIES * pitch];
    // Scoring sixteen keys at once wants them transposed, [head_dim, pitch]; that pays from a few queries on.
    let mut transposed = vec![0.0f32; if rows * group >= QUERIES { head_dim * pitch } else { 0 }];
    for kv_head in 0..kv_heads {
        let at = kv_head * head_dim;
        if !transposed.is_empty() {
            // Sixteen keys at a time: a line of the result is written whole, and the keys stay in the cache meanwhile.
            for (block, k) in k[..keys * kv_width].chunks(LANES * kv_width).enumerate() {
                for (d, to) in transposed.chunks_exact_mut(pitch).enumerate() {
                    let k = k[at + d..].iter().step_by(kv_width);
                    for (to, k) in to[block * LANES..][..LANES].iter_mut().zip(k) {
                        *to = *k;
                    }
                }
            }
        }
        let mut first = 0;
        while first < rows * group {
            let count = (rows * group - first).min(QUERIES);
            let mut lengths = [0; QUERIES];
            let mut starts = [0; QUERIES];
            let mut sums = [1.0f32; QUERIES];
            for (i, scores) in scores.chunks_exact_mut(pitch).take(count).enumerate() {
                let (row, head) = ((first + i) / group, kv_head * group + (first + i) % group);
                starts[i] = row * width + head * head_dim;
                lengths[i] = first_position + row + 1;
                let q = &q[starts[i]..starts[i] + head_dim];
                if transposed.is_empty() {
                    for (score, k) in scores[..lengths[i]].iter_mut().zip(k.chunks_exact(kv_width)) {
                        *score = dot(q, &k[at..at + head_dim]) * scale;
                    }
                } else {
                    let (blocks, _) = scores.as_chunks_mut::<LANES>();
                    for (block, scores) in blocks[..lengths[i].div_ceil(LANES)].iter_mut().enumerate() {
                        *scores = dots(q, &transposed[block * LANES..], pitch, scale);
                    }
                }
                sums[i] = exp_minus_max(&mut scores[..lengths[i]]);
            }
            for part in (0..head_dim).step_by(LANES) {
                let lanes = head_dim.min(part + LANES) - part;
                let values = Values {
                    v,
                    kv_width,
                    at: at + part,
                    lanes,
                };
                let mut sum = [[0.0f32; LANES]; QUERIES];
                // Later rows see further keys; queries that are no full block go one by one.
                let common = if count == QUERIES { lengths[0] } else { 0 };
                if common > 0 {
                    values.weigh(&scores, pitch, 0..common, &mut sum);
                }
                for i in 0..count {
                    let own = core::array::from_mut(&mut sum[i]);
                    values.weigh(&scores[i * pitch..], pitch, common..lengths[i], own);
                    let out = &mut out[starts[i] + part..][..lanes];
                    for (out, lane) in out.iter_mut().zip(sum[i]) {
                        *out = lane / sums[i];
                    }
                }
            }
            first += count;
        }
    }
}

/// Sixteen times [`dot`], in its very order, with sixteen keys of `k [head_dim, pitch]`; each times `scale`.
///
/// From here on functions that must be inlined, no closures: one that stays outside is compiled for the plain processor, where every
/// `mul_add` is a call of the C library's `fmaf`.
#[inline(always)]
fn dots(q: &[f32], k: &[f32], pitch: usize, scale: f32) -> [f32; LANES] {
    let mut all = add(eight(q, k, pitch, 0), eight(q, k, pitch, 1));
    for dot in &mut all {
        *dot *= scale;
    }
    all
}

/// Eight of the lanes of [`dot`], added up as its tree does.
#[inline(always)]
fn eight(q: &[f32], k: &[f32], pitch: usize, first: usize) -> [f32; LANES] {
    add(four(q, k, pitch, first), four(q, k, pitch, first + 2))
}

#[inline(always)]
fn four(q: &[f32], k: &[f32], pitch: usize, first: usize) -> [f32; LANES] {
    let two = add(lane(q, k, pitch, first), lane(q, k, pitch, first + 8));
    let other = add(lane(q, k, pitch, first + 4), lane(q, k, pitch, first + 12));
    add(two, other)
}

/// What `dot` keeps in one of its lanes.
#[inline(always)]
fn lane(q: &[f32], k: &[f32], pitch: usize, first: usize) -> [f32; LANES] {
    let mut lane = [0.0f32; LANES];
    let mut d = first;
    while d < q.len() {
        let k = &k[d * pitch..][..LANES];
        for i in 0..LANES {
            lane[i] = q[d].mul_add(k[i], lane[i]);
        }
        d += 16;
    }
    lane
}

#[inline(always)]
fn add(mut a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
    for i in 0..LANES {
        a[i] += b[i];
    }
    a
}

/// A few elements of every value of one head.
struct Values<'a> {
    v: &'a [f32],
    kv_width: usize,
    at: usize,
    lanes: usize,
}

impl Values<'_> {
    /// Adds score times value of `keys`, ascending, to the sum of each of `N` queries, whose scores are `pitch` apart.
    #[inline(always)]
    fn weigh<const N: usize>(
        &self,
        scores: &[f32],
        pitch: usize,
        keys: core::ops::Range<usize>,
        sums: &mut [[f32; LANES]; N],
    ) {
        let mut lanes = *sums;
        for t in keys {
            let v = &self.v[t * self.kv_width + self.at..][..self.lanes];
            if let Ok(v) = <&[f32; LANES]>::try_from(v) {
                for (query, lanes) in lanes.iter_mut().enumerate() {
                    let score = scores[query * pitch + t];
                    for i in 0..LANES {
                        lanes[i] = score.mul_add(v[i], lanes[i]);
                    }
                }
            } else {
                for (query, lanes) in lanes.iter_mut().enumerate() {
                    let score = scores[query * pitch + t];
                    for (lane, v) in lanes.iter_mut().zip(v) {
                        *lane = score.mul_add(*v, *lane);
                    }
                }
            }
        }
        *sums = lanes;
    }
}
