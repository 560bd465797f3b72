//! Causal attention with grouped key/value heads. Memory is one head's keys and values and four rows of scores. Surprise: sixteen keys
//! are scored and sixteen elements weighed at a time, for four queries, yet each result has the bytes of one by one.
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

/// Keys scored together, and elements of the output accumulated together: two vectors of eight floats, or one of sixteen.
const LANES: usize = 16;
/// Queries that share one pass over the keys, and one over the values.
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
    let mut head = Head::new(if rows * group >= QUERIES { keys } else { 0 }, head_dim);
    for kv_head in 0..kv_heads {
        let at = kv_head * head_dim;
        head.arrange(&k[at..], &v[at..], kv_width);
        for first in (0..rows * group).step_by(QUERIES) {
            let count = (rows * group - first).min(QUERIES);
            let mut lengths = [0; QUERIES];
            let mut starts = [0; QUERIES];
            let mut queries: [&[f32]; QUERIES] = [&[]; QUERIES];
            for i in 0..count {
                let (row, head) = ((first + i) / group, kv_head * group + (first + i) % group);
                starts[i] = row * width + head * head_dim;
                lengths[i] = first_position + row + 1;
                queries[i] = &q[starts[i]..starts[i] + head_dim];
            }
            if count == QUERIES {
                head.score(&queries, scale, lengths[QUERIES - 1], &mut scores, pitch);
            } else {
                for i in 0..count {
                    let scores = &mut scores[i * pitch..][..pitch];
                    if head.keys == 0 {
                        for (score, k) in scores[..lengths[i]].iter_mut().zip(k[at..].chunks(kv_width)) {
                            *score = dot(queries[i], &k[..head_dim]) * scale;
                        }
                    } else {
                        head.score(&[queries[i]], scale, lengths[i], scores, pitch);
                    }
                }
            }
            let mut sums = [1.0f32; QUERIES];
            for i in 0..count {
                sums[i] = exp_minus_max(&mut scores[i * pitch..][..lengths[i]]);
            }
            for part in 0..head_dim.div_ceil(LANES) {
                let mut sum = [[0.0f32; LANES]; QUERIES];
                // Later rows see further keys; queries that are no full block go one by one.
                let common = if count == QUERIES { lengths[0] } else { 0 };
                head.weigh(part, &scores, pitch, 0..common, &mut sum);
                for i in 0..count {
                    let lanes = LANES.min(head_dim - part * LANES);
                    let own = core::array::from_mut(&mut sum[i]);
                    let scores = &scores[i * pitch..];
                    if head.keys == 0 {
                        let v = &v[at + part * LANES..];
                        for (score, v) in scores[..lengths[i]].iter().zip(v.chunks(kv_width)) {
                            for (lane, v) in own[0].iter_mut().zip(&v[..lanes]) {
                                *lane = score.mul_add(*v, *lane);
                            }
                        }
                    } else {
                        head.weigh(part, scores, pitch, common..lengths[i], own);
                    }
                    let out = &mut out[starts[i] + part * LANES..][..lanes];
                    for (out, lane) in out.iter_mut().zip(sum[i]) {
                        *out = lane / sums[i];
                    }
                }
            }
        }
    }
}

/// Keys and values of one head, arranged so that sixteen of what is computed together lie together. That pays from a few queries on;
/// below, there are no keys in it. Long steps between neighbours, as in the caller's slices, would use a few lines of the cache only.
struct Head {
    keys: usize,
    dim: usize,
    /// `[keys / 16, dim, 16]`, sixteen keys side by side.
    k: Vec<[f32; LANES]>,
    /// `[dim / 16, keys, 16]`, zeros beyond `dim`.
    v: Vec<[f32; LANES]>,
}

// Functions that must be inlined, and no closures: what stays outside is compiled for the plain processor, where every `mul_add` is a
// call of the C library's `fmaf`.
impl Head {
    #[inline(always)]
    fn new(keys: usize, dim: usize) -> Self {
        Self {
            keys,
            dim,
            k: vec![[0.0; LANES]; keys.div_ceil(LANES) * dim],
            v: vec![[0.0; LANES]; dim.div_ceil(LANES) * keys],
        }
    }

    /// Takes the keys and values at the start of rows `width` apart.
    #[inline(always)]
    fn arrange(&mut self, k: &[f32], v: &[f32], width: usize) {
        for key in 0..self.keys {
            let block = &mut self.k[key / LANES * self.dim..][..self.dim];
            for (to, k) in block.iter_mut().zip(&k[key * width..]) {
                to[key % LANES] = *k;
            }
            let (parts, rest) = v[key * width..][..self.dim].as_chunks::<LANES>();
            let mut places = self.v[key..].iter_mut().step_by(self.keys);
            for (v, to) in parts.iter().zip(places.by_ref()) {
                *to = *v;
            }
            if let Some(to) = places.next() {
                to[..rest.len()].copy_from_slice(rest);
            }
        }
    }

    /// Scores the first `keys` keys for `N` queries, whose scores are `pitch` apart.
    #[inline(always)]
    fn score<const N: usize>(&self, q: &[&[f32]; N], scale: f32, keys: usize, scores: &mut [f32], pitch: usize) {
        for block in 0..keys.div_ceil(LANES) {
            let k = &self.k[block * self.dim..][..self.dim];
            let blocks = dots(q, k, scale);
            for n in 0..N {
                scores[n * pitch + block * LANES..][..LANES].copy_from_slice(&blocks[n]);
            }
        }
    }

    /// Adds score times a part of the value of `keys`, ascending, to the sum of each of `N` queries, whose scores are `pitch` apart.
    #[inline(always)]
    fn weigh<const N: usize>(
        &self,
        part: usize,
        scores: &[f32],
        pitch: usize,
        keys: core::ops::Range<usize>,
        sums: &mut [[f32; LANES]; N],
    ) {
        let mut lanes = *sums;
        let values = &self.v[part * self.keys..][keys.clone()];
        let mut each: [&[f32]; N] = [&[]; N];
        for n in 0..N {
            each[n] = &scores[n * pitch..][keys.clone()];
        }
        for (t, v) in values.iter().enumerate() {
            for n in 0..N {
                let score = each[n][t];
                for i in 0..LANES {
                    lanes[n][i] = score.mul_add(v[i], lanes[n][i]);
                }
            }
        }
        *sums = lanes;
    }
}

/// For `N` queries sixteen times [`dot`], in its very order, with sixteen keys side by side; each times `scale`.
#[inline(always)]
fn dots<const N: usize>(q: &[&[f32]; N], k: &[[f32; LANES]], scale: f32) -> [[f32; LANES]; N] {
    let mut all = add(eight(q, k, 0), eight(q, k, 1));
    for dot in all.as_flattened_mut() {
        *dot *= scale;
    }
    all
}

/// Eight of the lanes of [`dot`], added up as its tree does.
#[inline(always)]
fn eight<const N: usize>(q: &[&[f32]; N], k: &[[f32; LANES]], first: usize) -> [[f32; LANES]; N] {
    add(four(q, k, first), four(q, k, first + 2))
}

#[inline(always)]
fn four<const N: usize>(q: &[&[f32]; N], k: &[[f32; LANES]], first: usize) -> [[f32; LANES]; N] {
    let two = add(lane(q, k, first), lane(q, k, first + 8));
    let other = add(lane(q, k, first + 4), lane(q, k, first + 12));
    add(two, other)
}

/// What `dot` keeps in one of its lanes.
#[inline(always)]
fn lane<const N: usize>(q: &[&[f32]; N], k: &[[f32; LANES]], first: usize) -> [[f32; LANES]; N] {
    let mut lane = [[0.0f32; LANES]; N];
    let mut d = first;
    while d < k.len() {
        for n in 0..N {
            let q = q[n][d];
            for i in 0..LANES {
                lane[n][i] = q.mul_add(k[d][i], lane[n][i]);
            }
        }
        d += 16;
    }
    lane
}

#[inline(always)]
fn add<const N: usize>(mut a: [[f32; LANES]; N], b: [[f32; LANES]; N]) -> [[f32; LANES]; N] {
    for n in 0..N {
        for i in 0..LANES {
            a[n][i] += b[n][i];
        }
    }
    a
}
