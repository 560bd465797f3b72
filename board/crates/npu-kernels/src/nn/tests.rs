//! Operators against their formulas in f64, and the bytes of every instruction set against those of the scalar loop.

use super::{activation, attention as attention_file, norm, rope as rope_file};
use crate::gemm::tests::floats;
use crate::isa::Isa;
use crate::isa::tests::each_available;
use crate::{convert, loss, quantize};

fn close(got: &[f32], want: &[f64], tolerance: f64) {
    assert_eq!(got.len(), want.len());
    for (index, (got, want)) in got.iter().zip(want).enumerate() {
        let error = (f64::from(*got) - want).abs();
        assert!(
            error <= tolerance * want.abs().max(1.0),
            "element {index}: {got} instead of {want}"
        );
    }
}

#[test]
fn a_normalized_row_has_the_root_mean_square_of_its_weights() {
    for d in [1, 15, 16, 17, 2048] {
        let (x, w) = (floats(1, 3 * d), floats(2, d));
        let mut out = vec![0.0; 3 * d];
        super::rms_norm(&x, &w, 1e-5, 3, d, &mut out);
        let want: Vec<f64> = (0..3 * d)
            .map(|i| {
                let row = &x[i / d * d..][..d];
                let mean = row.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / d as f64;
                f64::from(x[i]) / (mean + 1e-5f32 as f64).sqrt() * f64::from(w[i % d])
            })
            .collect();
        close(&out, &want, 1e-6);
    }
}

#[test]
fn silu_and_softmax_follow_their_formulas() {
    let (gate, up) = (
        floats(1, 100).iter().map(|v| v * 20.0).collect::<Vec<_>>(),
        floats(2, 100),
    );
    let mut out = vec![0.0; 100];
    super::silu_mul(&gate, &up, &mut out);
    let silu = |g: f32, u: f32| f64::from(g) / (1.0 + (-f64::from(g)).exp()) * f64::from(u);
    close(
        &out,
        &gate.iter().zip(&up).map(|(g, u)| silu(*g, *u)).collect::<Vec<_>>(),
        1e-6,
    );
    let mut rows = gate.clone();
    super::softmax_rows(&mut rows, 4, 25);
    let want: Vec<f64> = (0..100)
        .map(|i| {
            let row = &gate[i / 25 * 25..][..25];
            f64::from(gate[i]).exp() / row.iter().map(|v| f64::from(*v).exp()).sum::<f64>()
        })
        .collect();
    close(&rows, &want, 1e-6);
}

#[test]
fn rotation_pairs_the_halves_of_a_head_and_is_exact_at_late_positions() {
    let (m, heads, hd, first, theta) = (3, 2, 64, 2040, 10_000.0f32);
    let x = floats(3, m * heads * hd);
    let mut got = x.clone();
    super::rope(&mut got, m, heads, hd, first, theta);
    let want: Vec<f64> = (0..x.len())
        .map(|at| {
            let (row, i) = (at / (heads * hd), at % hd);
            let pair = i % (hd / 2);
            let angle = (first + row) as f64 * f64::from(theta).powf(-2.0 * pair as f64 / hd as f64);
            let (a, b) = (f64::from(x[at - i + pair]), f64::from(x[at - i + pair + hd / 2]));
            if i < hd / 2 {
                a * angle.cos() - b * angle.sin()
            } else {
                b * angle.cos() + a * angle.sin()
            }
        })
        .collect();
    close(&got, &want, 2e-7);
}

#[test]
fn attention_is_causal_and_groups_its_key_heads() {
    for (m, heads, kv, hd, first) in [(1, 4, 2, 8, 6), (5, 4, 1, 40, 0), (3, 2, 2, 64, 17)] {
        let t = first + m + 2;
        let (q, k, v) = (
            floats(1, m * heads * hd),
            floats(2, t * kv * hd),
            floats(3, t * kv * hd),
        );
        let mut out = vec![0.0; q.len()];
        super::attention(&q, &k, &v, m, heads, kv, hd, first, &mut out);
        let want: Vec<f64> = (0..q.len())
            .map(|at| {
                let (row, head, i) = (at / (heads * hd), at / hd % heads, at % hd);
                let kv_at = |t: usize| (t * kv + head / (heads / kv)) * hd;
                let score = |t: usize| {
                    let dot: f64 = (0..hd)
                        .map(|i| f64::from(q[at - at % hd + i]) * f64::from(k[kv_at(t) + i]))
                        .sum();
                    (dot / (hd as f64).sqrt()).exp()
                };
                let seen = 0..=first + row;
                let sum: f64 = seen.clone().map(score).sum();
                seen.map(|t| score(t) * f64::from(v[kv_at(t) + i])).sum::<f64>() / sum
            })
            .collect();
        close(&out, &want, 1e-6);
    }
}

#[test]
fn attention_of_many_rows_has_the_bytes_of_row_by_row_and_head_by_head() {
    for (m, heads, kv, hd, first) in [
        (9, 4, 2, 32, 0),
        (7, 3, 1, 20, 13),
        (33, 2, 2, 64, 5),
        (2, 8, 2, 100, 30),
    ] {
        let t = first + m;
        let [q, k, v] = [(1, m * heads * hd), (2, t * kv * hd), (3, t * kv * hd)].map(|(seed, n)| floats(seed, n));
        let mut all = vec![0.0; q.len()];
        super::attention(&q, &k, &v, m, heads, kv, hd, first, &mut all);
        let one_head = |x: &[f32], head: usize| -> Vec<f32> {
            x.chunks_exact(kv * hd)
                .flat_map(|row| row[head * hd..][..hd].to_vec())
                .collect()
        };
        for (at, (q, want)) in q.chunks_exact(hd).zip(all.chunks_exact(hd)).enumerate() {
            let (row, head) = (at / heads, at % heads / (heads / kv));
            let mut out = vec![0.0; hd];
            super::attention(
                q,
                &one_head(&k, head),
                &one_head(&v, head),
                1,
                1,
                1,
                hd,
                first + row,
                &mut out,
            );
            assert_eq!(
                bits(out),
                bits(want.to_vec()),
                "{m} {heads} {kv} {hd} {first}: row {row}, head {head}"
            );
        }
    }
}

/// Runs `kernel` on every available instruction set and requires the scalar bytes.
fn same_everywhere<T: PartialEq + core::fmt::Debug>(what: &str, kernel: impl Fn(Isa) -> T) {
    let want = kernel(Isa::Scalar);
    for isa in each_available(what) {
        assert_eq!(kernel(isa), want, "{what} on {}", isa.name());
    }
}

fn bits(x: Vec<f32>) -> Vec<u32> {
    x.into_iter().map(f32::to_bits).collect()
}

#[test]
fn every_instruction_set_gives_the_scalar_bytes() {
    for n in [1, 7, 16, 31, 64, 100, 515] {
        let m = 3;
        let wide: Vec<f32> = floats(n as u32, m * n).iter().map(|v| v * 30.0).collect();
        let (x, y, w) = (floats(1, m * n), floats(2, m * n), floats(3, n));
        let run = |f: &dyn Fn(&mut [f32])| {
            let mut out = vec![0.0; m * n];
            f(&mut out);
            bits(out)
        };
        same_everywhere("rms_norm", |isa| run(&|out| norm::rms_norm_on(isa, &x, &w, 1e-5, out)));
        same_everywhere("silu_mul", |isa| {
            run(&|out| activation::silu_mul_on(isa, &wide, &y, out))
        });
        same_everywhere("add", |isa| run(&|out| activation::add_on(isa, &x, &y, out)));
        same_everywhere("softmax", |isa| {
            run(&|out| {
                out.copy_from_slice(&wide);
                activation::softmax_rows_on(isa, out, n);
            })
        });
        same_everywhere("rope", |isa| {
            let mut out = floats(9, m * 2 * n);
            rope_file::rope_on(isa, &mut out, 1, 2 * n, 1999, 10_000.0);
            bits(out)
        });
        same_everywhere("attention", |isa| {
            let (q, k, v) = (floats(4, m * 2 * n), floats(5, 8 * n), floats(6, 8 * n));
            let mut out = vec![0.0; q.len()];
            attention_file::attention_on(isa, &q, &k, &v, 2, 1, n, 5, &mut out);
            bits(out)
        });
        same_everywhere("rows_int8", |isa| {
            let (mut q, mut scales) = (vec![0i8; m * n], vec![0.0; m]);
            quantize::rows_int8_on(isa, &wide, n, &mut q, &mut scales);
            (q, bits(scales))
        });
        same_everywhere("dequantize", |isa| {
            let acc: Vec<i32> = x.iter().map(|v| (v * 1e8) as i32).collect();
            run(&|out| quantize::dequantize_on(isa, &acc, &[0.1, 0.2, 0.3], &w, out))
        });
        same_everywhere("nll_rows", |isa| {
            let mut out = vec![0.0; m];
            loss::nll_rows_on(isa, &wide, &[0, n as i32 - 1, n as i32 / 2], n, &mut out);
            bits(out)
        });
        same_everywhere("kl_rows", |isa| {
            let mut out = vec![0.0; m];
            loss::kl_rows_on(isa, &wide, &x, n, &mut out);
            bits(out)
        });
        same_everywhere("argmax_rows", |isa| {
            let mut out = vec![0; m];
            loss::argmax_rows_on(isa, &wide, n, &mut out);
            out
        });
        same_everywhere("conversions", |isa| {
            let (mut half, mut brain) = (vec![0u16; m * n], vec![0u16; m * n]);
            convert::f32_to_f16_on(isa, &wide, &mut half);
            convert::f32_to_bf16_on(isa, &wide, &mut brain);
            let back = |f: fn(Isa, &[u16], &mut [f32]), from: &[u16]| run(&|out| f(isa, from, out));
            (
                back(convert::f16_to_f32_on, &half),
                back(convert::bf16_to_f32_on, &brain),
                half,
                brain,
            )
        });
    }
}
