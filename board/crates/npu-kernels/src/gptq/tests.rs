//! GPTQ against a straightforward f64 reference that inverts H by Gauss–Jordan and follows the published loop.

use super::cholesky::factor_on;
use super::rounding::quantize_on;
use super::*;
use crate::gemm::gram;
use crate::gemm::tests::floats;
use crate::isa::Isa;
use crate::isa::tests::each_available;
use crate::run::Run;

/// A Gram matrix of correlated inputs.
fn hessian(n: usize, seed: u32) -> Vec<f32> {
    let rows = 2 * n + 8;
    let mut x = floats(seed, rows * n);
    for row in x.chunks_exact_mut(n) {
        for i in 1..n {
            row[i] += 0.5 * row[i - 1];
        }
    }
    let mut h = vec![0.0; n * n];
    gram(&x, rows, n, &mut h, 1);
    h
}

fn damped(h: &[f32], n: usize, fraction: f64) -> Vec<f64> {
    let mut a: Vec<f64> = h.iter().map(|v| f64::from(*v)).collect();
    (0..n).for_each(|i| a[i * n + i] = if a[i * n + i] == 0.0 { 1.0 } else { a[i * n + i] });
    let mean = (0..n).map(|i| a[i * n + i]).sum::<f64>() / n as f64;
    (0..n).for_each(|i| a[i * n + i] += fraction * mean);
    a
}

/// Gauss–Jordan inverse of a positive definite matrix.
fn inverse(mut a: Vec<f64>, n: usize) -> Vec<f64> {
    let mut x = vec![0.0; n * n];
    (0..n).for_each(|i| x[i * n + i] = 1.0);
    for p in 0..n {
        let pivot = a[p * n + p];
        for j in 0..n {
            a[p * n + j] /= pivot;
            x[p * n + j] /= pivot;
        }
        for i in (0..n).filter(|i| *i != p) {
            let factor = a[i * n + p];
            for j in 0..n {
                a[i * n + j] -= factor * a[p * n + j];
                x[i * n + j] -= factor * x[p * n + j];
            }
        }
    }
    x
}

#[test]
fn the_factor_times_itself_is_the_inverse_of_the_damped_hessian() {
    for n in [1, 5, 127, 128, 129, 300] {
        let h = hessian(n, n as u32);
        let mut u = h.clone();
        let done = cholesky_inverse_upper(&mut u, n, 0.01).unwrap();
        assert_eq!(
            done,
            Factor {
                damp_fraction: 0.01,
                dead_columns: 0
            }
        );
        let want = inverse(damped(&h, n, 0.01), n);
        let largest = want.iter().fold(0.0f64, |m, v| m.max(v.abs()));
        for i in 0..n {
            for j in 0..n {
                let got: f64 = (0..=i.min(j))
                    .map(|k| f64::from(u[k * n + i]) * f64::from(u[k * n + j]))
                    .sum();
                assert!((got - want[i * n + j]).abs() < 2e-5 * largest, "n {n} at {i} {j}");
                assert!(i <= j || u[i * n + j] == 0.0);
            }
        }
    }
}

#[test]
fn dead_columns_count_as_one_and_an_indefinite_matrix_is_refused_after_three_raises() {
    let mut h = vec![4.0, 0.0, 0.0, 0.0];
    let done = cholesky_inverse_upper(&mut h, 2, 0.0).unwrap();
    assert_eq!((done.dead_columns, h), (1, vec![0.5, 0.0, 0.0, 1.0]));
    // Eigenvalues 3 and −1: damping 1 · mean(1) makes it semidefinite, 10 · mean definite.
    let mut h = vec![1.0, 2.0, 2.0, 1.0];
    assert_eq!(cholesky_inverse_upper(&mut h, 2, 0.2).unwrap().damp_fraction, 2.0);
    let mut h = vec![1.0, 2.0, 2.0, 1.0];
    assert_eq!(
        cholesky_inverse_upper(&mut h, 2, 1e-6),
        Err(GptqError::NotPositiveDefinite)
    );
    assert_eq!(h, vec![1.0, 2.0, 2.0, 1.0]);
    let mut h = vec![f32::NAN; 4];
    assert_eq!(
        cholesky_inverse_upper(&mut h, 2, 0.01),
        Err(GptqError::NotPositiveDefinite)
    );
}

/// The published loop in f64: column by column, error over U_jj, spread along row j of U.
fn reference(w: &[f32], u: &[f64], how: &Rounding, scales: &[f32]) -> (Vec<i8>, Vec<f64>) {
    let (rows, n) = (how.rows, how.width);
    let limit = f64::from((1 << (how.bits - 1)) - 1);
    let mut w: Vec<f64> = w.iter().map(|v| f64::from(*v)).collect();
    let (mut q, mut loss) = (vec![0i8; rows * n], vec![0.0; n]);
    for j in 0..n {
        for r in 0..rows {
            let group = how.permutation.map_or(j, |p| p[j] as usize) / how.group_size;
            let scale = f64::from(scales[r * how.groups() + group]);
            let rounded = (w[r * n + j] / scale).round_ties_even().clamp(-limit, limit);
            q[r * n + j] = rounded as i8;
            let error = (w[r * n + j] - rounded * scale) / u[j * n + j];
            loss[j] += error * error / 2.0;
            for k in j + 1..n {
                w[r * n + k] -= error * u[j * n + k];
            }
        }
    }
    (q, loss)
}

#[test]
fn rounding_follows_the_published_loop_per_row_and_per_group() {
    let (rows, width) = (9, 150);
    let h = hessian(width, 3);
    let mut u = h.clone();
    cholesky_inverse_upper(&mut u, width, 0.01).unwrap();
    let u64: Vec<f64> = u.iter().map(|v| f64::from(*v)).collect();
    let w = floats(7, rows * width);
    let order: Vec<u32> = (0..width as u32).map(|i| (i * 37 + 11) % width as u32).collect();
    for (bits, block_size, group_size, permutation) in [
        (8, 128, width, None),
        (4, 32, width, None),
        (4, 128, 50, None),
        (3, 64, 40, Some(&order[..])),
        (8, 1, 7, None),
    ] {
        let how = Rounding {
            rows,
            width,
            bits,
            block_size,
            group_size,
            permutation,
        };
        let mut scales = vec![0.0; rows * how.groups()];
        let (mut q, mut loss) = (vec![0i8; rows * width], vec![0.0; width]);
        quantize_block(&mut w.clone(), &u, &how, &mut scales, &mut q, &mut loss);
        let (want_q, want_loss) = reference(&w, &u64, &how, &scales);
        let different = q.iter().zip(&want_q).filter(|(a, b)| a != b).count();
        // f32 and f64 may round a near-tie apart; what follows in that row then differs a little too.
        assert!(different <= rows * width / 100, "{different} values differ");
        let (sum, want): (f64, f64) = (loss.iter().map(|v| f64::from(*v)).sum(), want_loss.iter().sum());
        assert!((sum - want).abs() < 0.01 * want, "loss {sum} instead of {want}");
    }
}

#[test]
fn error_feedback_beats_plain_rounding_on_the_output_error() {
    let (rows, width) = (16, 96);
    let h = hessian(width, 5);
    let mut u = h.clone();
    cholesky_inverse_upper(&mut u, width, 0.01).unwrap();
    let mut identity = vec![0.0; width * width];
    (0..width).for_each(|i| identity[i * width + i] = 1.0);
    let w = floats(8, rows * width);
    let how = Rounding {
        rows,
        width,
        bits: 4,
        block_size: 128,
        group_size: width,
        permutation: None,
    };
    let output_error = |factor: &[f32]| {
        let (mut scales, mut q, mut loss) = (vec![0.0; rows], vec![0i8; rows * width], vec![0.0; width]);
        quantize_block(&mut w.clone(), factor, &how, &mut scales, &mut q, &mut loss);
        let mut total = 0.0;
        for r in 0..rows {
            let d: Vec<f64> = (0..width)
                .map(|c| f64::from(w[r * width + c]) - f64::from(q[r * width + c]) * f64::from(scales[r]))
                .collect();
            total += (0..width * width)
                .map(|i| d[i / width] * f64::from(h[i]) * d[i % width])
                .sum::<f64>();
        }
        total
    };
    assert!(output_error(&u) < 0.7 * output_error(&identity));
}

#[test]
fn the_bytes_do_not_depend_on_instruction_set_or_threads() {
    let (rows, width) = (40, 200);
    let h = hessian(width, 9);
    let how = Rounding {
        rows,
        width,
        bits: 4,
        block_size: 64,
        group_size: 100,
        permutation: None,
    };
    let run = |isa: Isa, threads: usize| {
        let run = Run::threads(threads);
        let mut u = vec![0.0; width * width];
        factor_on(isa, &h, width, 0.01, &mut u, &run).unwrap();
        let (mut scales, mut q, mut loss) = (vec![0.0; rows * 2], vec![0i8; rows * width], vec![0.0; width]);
        quantize_on(
            isa,
            &mut floats(4, rows * width),
            &u,
            &how,
            &mut scales,
            &mut q,
            &mut loss,
            &run,
        )
        .unwrap();
        (
            u.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
            q,
            loss.iter().map(|v| v.to_bits()).collect::<Vec<_>>(),
        )
    };
    let want = run(Isa::Scalar, 1);
    for isa in each_available("gptq") {
        for threads in [1, 3] {
            assert!(run(isa, threads) == want, "{} on {threads} threads", isa.name());
        }
    }
}

#[test]
fn a_raised_flag_cancels_factor_and_rounding() {
    let flag = core::sync::atomic::AtomicU32::new(1);
    let run = Run::cancellable(1, &flag);
    let mut u = vec![0.0; 16];
    assert_eq!(
        cholesky_inverse_upper_with(&hessian(4, 1), 4, 0.01, &mut u, &run),
        Err(GptqError::Cancelled)
    );
    let how = Rounding {
        rows: 2,
        width: 4,
        bits: 8,
        block_size: 4,
        group_size: 4,
        permutation: None,
    };
    let (mut w, mut scales, mut q, mut loss) = (floats(1, 8), vec![0.0; 2], vec![0i8; 8], vec![0.0; 4]);
    assert!(quantize_block_with(&mut w, &u, &how, &mut scales, &mut q, &mut loss, &run).is_err());
}
