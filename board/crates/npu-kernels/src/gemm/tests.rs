//! The product against the chain its module page promises, on every instruction set and several thread counts.

use super::*;
use crate::isa::tests::each_available;

pub(crate) fn floats(seed: u32, count: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 8) as f32 / 8_388_608.0 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

/// The order of the module page, element by element, continuing from `start`.
fn chains(start: Option<f32>, k: usize, a: impl Fn(usize) -> f32, b: impl Fn(usize) -> f32) -> f32 {
    let mut sum = start;
    for k0 in (0..k).step_by(BLOCK_K) {
        let chain = (k0..k.min(k0 + BLOCK_K)).fold(0.0f32, |acc, i| a(i).mul_add(b(i), acc));
        sum = Some(sum.map_or(chain, |sum| sum + chain));
    }
    sum.unwrap_or(0.0)
}

fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|v| v.to_bits()).collect()
}

#[test]
fn every_instruction_set_and_thread_count_gives_the_bytes_of_the_plain_chain() {
    let shapes = [
        (1, 1, 1),
        (1, 300, 40),
        (6, 16, 256),
        (7, 257, 33),
        (13, 100, 65),
        (100, 513, 50),
        (2, 0, 3),
        (0, 4, 4),
    ];
    for (index, (m, k, n)) in shapes.into_iter().enumerate() {
        let (a, b) = (floats(index as u32, m * k), floats(index as u32 + 50, n * k));
        let want: Vec<f32> = (0..m * n)
            .map(|at| chains(None, k, |i| a[at / n * k + i], |i| b[at % n * k + i]))
            .collect();
        for isa in each_available("f32 products") {
            for threads in [1, 3] {
                let mut c = vec![f32::NAN; m * n];
                let shared = SharedMut::new(&mut c);
                let (rows_a, rows_b) = (Matrix::rows(&a, k), Matrix::rows(&b, k));
                if k > 0 {
                    let product = Product {
                        a: rows_a,
                        b: rows_b,
                        m,
                        n,
                        k,
                        c: shared,
                        ldc: n,
                        into: Into::Store,
                        lower: false,
                    };
                    // SAFETY: the operands have the shapes given.
                    unsafe { product.run(isa, &Run::threads(threads)).unwrap() };
                } else {
                    matmul_f32(&a, &b, m, k, n, &mut c, threads);
                }
                assert_eq!(bits(&c), bits(&want), "{} {threads} threads {m} {k} {n}", isa.name());
            }
        }
    }
}

#[test]
fn a_gram_matrix_continues_its_chains_over_batches_and_stays_symmetric() {
    for (rows, width) in [(1, 5), (300, 37), (513, 70)] {
        let (x, y) = (floats(1, rows * width), floats(2, 3 * width));
        for isa in each_available("gram matrix") {
            for threads in [1, 2] {
                let mut h = vec![0.0f32; width * width];
                gram_on(isa, &x, rows, width, &mut h, &Run::threads(threads)).unwrap();
                gram_on(isa, &y, 3, width, &mut h, &Run::threads(threads)).unwrap();
                for i in 0..width {
                    for j in 0..=i {
                        let first = chains(Some(0.0), rows, |r| x[r * width + i], |r| x[r * width + j]);
                        let want = chains(Some(first), 3, |r| y[r * width + i], |r| y[r * width + j]);
                        assert_eq!(h[i * width + j].to_bits(), want.to_bits());
                        assert_eq!(h[j * width + i].to_bits(), want.to_bits());
                    }
                }
            }
        }
    }
}

#[test]
fn a_raised_flag_cancels_a_product() {
    let flag = core::sync::atomic::AtomicU32::new(1);
    let (a, b) = (floats(1, 64 * 64), floats(2, 64 * 64));
    let mut c = vec![0.0; 64 * 64];
    assert_eq!(
        matmul_f32_with(&a, &b, 64, 64, 64, &mut c, &Run::cancellable(2, &flag)),
        Err(Cancelled)
    );
}
