//! Stand-in for npu-kernels until that crate is in the workspace.

pub fn rms_norm(x: &[f32], w: &[f32], eps: f32, m: usize, d: usize, out: &mut [f32]) {
    for r in 0..m {
        let row = &x[r * d..][..d];
        let ss: f32 = row.iter().map(|v| v * v).sum::<f32>() / d as f32;
        let s = 1.0 / (ss + eps).sqrt();
        for i in 0..d {
            out[r * d + i] = row[i] * s * w[i];
        }
    }
}
pub fn silu_mul(gate: &[f32], up: &[f32], out: &mut [f32]) {
    for ((o, &g), &u) in out.iter_mut().zip(gate).zip(up) {
        *o = g / (1.0 + (-g).exp()) * u;
    }
}
pub fn add(a: &[f32], b: &[f32], out: &mut [f32]) {
    for ((o, &a), &b) in out.iter_mut().zip(a).zip(b) {
        *o = a + b;
    }
}
pub fn softmax_rows(x: &mut [f32], m: usize, n: usize) {
    for row in x.chunks_mut(n).take(m) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for v in row.iter_mut() {
            *v = (*v - max).exp();
            sum += *v;
        }
        for v in row.iter_mut() {
            *v /= sum;
        }
    }
}
pub fn rope(x: &mut [f32], m: usize, heads: usize, hd: usize, first: usize, theta: f32) {
    for r in 0..m {
        for h in 0..heads {
            let head = &mut x[(r * heads + h) * hd..][..hd];
            for i in 0..hd / 2 {
                let a = (first + r) as f32 * theta.powf(-2.0 * i as f32 / hd as f32);
                let (s, c) = a.sin_cos();
                let (p, q) = (head[i], head[i + hd / 2]);
                head[i] = p * c - q * s;
                head[i + hd / 2] = q * c + p * s;
            }
        }
    }
}
#[allow(clippy::too_many_arguments)]
pub fn attention(
    q: &[f32],
    k: &[f32],
    v: &[f32],
    m: usize,
    heads: usize,
    kv: usize,
    hd: usize,
    first: usize,
    out: &mut [f32],
) {
    for r in 0..m {
        for h in 0..heads {
            let q = &q[(r * heads + h) * hd..][..hd];
            let g = h / (heads / kv);
            let t = first + r + 1;
            let mut s: Vec<f32> = (0..t)
                .map(|t| {
                    q.iter()
                        .zip(&k[(t * kv + g) * hd..][..hd])
                        .map(|(a, b)| a * b)
                        .sum::<f32>()
                        / (hd as f32).sqrt()
                })
                .collect();
            softmax_rows(&mut s, 1, t);
            for i in 0..hd {
                out[(r * heads + h) * hd + i] = (0..t).map(|t| s[t] * v[(t * kv + g) * hd + i]).sum();
            }
        }
    }
}
pub fn rows_int8(x: &[f32], m: usize, k: usize, q: &mut [i8], scales: &mut [f32]) {
    for r in 0..m {
        let row = &x[r * k..][..k];
        let s = row.iter().fold(0f32, |a, v| a.max(v.abs())) / 127.0;
        scales[r] = s;
        for i in 0..k {
            q[r * k + i] = if s == 0.0 {
                0
            } else {
                (row[i] / s).round_ties_even().clamp(-127.0, 127.0) as i8
            };
        }
    }
}
pub fn dequantize(acc: &[i32], rows: &[f32], cols: &[f32], m: usize, n: usize, out: &mut [f32]) {
    for r in 0..m {
        for c in 0..n {
            out[r * n + c] = acc[r * n + c] as f32 * rows[r] * cols[c];
        }
    }
}
pub fn bf16_to_f32(x: u16) -> f32 {
    f32::from_bits(u32::from(x) << 16)
}
pub fn f16_to_f32(x: u16) -> f32 {
    let (s, e, m) = ((x >> 15) as u32, (x >> 10 & 31) as u32, (x & 1023) as u32);
    let v = match e {
        0 => m as f32 / 16_777_216.0,
        31 => f32::from_bits(0x7f80_0000 | m << 13),
        _ => f32::from_bits((e + 112) << 23 | m << 13),
    };
    if s == 1 { -v } else { v }
}
