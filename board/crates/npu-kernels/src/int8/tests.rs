//! Every instruction set against a plain triple loop, on shapes with odd tails and on the extreme values.

use super::*;
use crate::isa::Isa;
use crate::run::Run;

fn bytes(seed: u32, count: usize) -> Vec<i8> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        (state >> 11) as i8
    };
    (0..count).map(|_| next()).collect()
}

fn plain(a: &[i8], b: &[i8], m: usize, k: usize, n: usize) -> Vec<i32> {
    let mut c = vec![0; m * n];
    for i in 0..m {
        for j in 0..n {
            c[i * n + j] = (0..k).map(|x| i32::from(a[i * k + x]) * i32::from(b[j * k + x])).sum();
        }
    }
    c
}

fn to_native(a: &[i8], b: &[i8], m: usize, k: usize, n: usize) -> (Vec<u8>, Vec<u8>) {
    let (kp, np, pitch) = (padded(k, 32), padded(n, 16), padded(m, 4));
    let (mut na, mut nb) = (vec![0u8; kp * pitch], vec![0u8; kp * np]);
    for i in 0..m {
        for x in 0..k {
            na[(x / 8 * pitch + i) * 8 + x % 8] = a[i * k + x] as u8;
        }
    }
    for j in 0..n {
        for x in 0..k {
            nb[((j / 16 * (kp / 32) + x / 32) * 16 + j % 16) * 32 + x % 32] = b[j * k + x] as u8;
        }
    }
    (na, nb)
}

fn from_native(c: &[i32], m: usize, n: usize) -> Vec<i32> {
    (0..m * n)
        .map(|at| c[((at % n) / 4 * m + at / n) * 4 + at % n % 4])
        .collect()
}

const SHAPES: [(usize, usize, usize); 17] = [
    (16, 32, 16),
    (29, 96, 33),
    (100, 320, 48),
    (1, 32, 16),
    (1, 2048, 48),
    (2, 64, 16),
    (3, 96, 32),
    (4, 32, 5),
    (5, 40, 17),
    (7, 300, 33),
    (1, 1, 1),
    (6, 31, 15),
    (13, 288, 64),
    (1, 289, 20),
    (2, 5632, 16),
    (0, 32, 16),
    (3, 0, 4),
];

#[test]
fn every_available_instruction_set_equals_the_plain_loop() {
    for isa in Isa::ALL {
        if !isa.available() {
            println!("skipped: this processor or build has no {}", isa.name());
            continue;
        }
        for (index, (m, k, n)) in SHAPES.into_iter().enumerate() {
            let (a, b) = (bytes(index as u32 + 1, m * k), bytes(index as u32 + 77, n * k));
            let want = plain(&a, &b, m, k, n);
            let (na, nb) = to_native(&a, &b, m, k, n);
            let (mut row_major, mut native) = (vec![-1; m * n], vec![-1; m * padded(n, 16)]);
            let kp = padded(k, 32);
            let mut wide = vec![0u8; m * kp];
            for (to, from) in wide.chunks_exact_mut(kp.max(1)).zip(a.chunks_exact(k.max(1))) {
                to.iter_mut().zip(from).for_each(|(to, from)| *to = *from as u8);
            }
            let mut tiled = vec![-1; m * padded(n, 16)];
            if isa == Isa::Scalar {
                scalar::rows(&a, &b, m, k, n, &mut row_major);
                scalar::native(&na, &nb, m, kp, &mut native);
                scalar::tiles(&wide, &nb, m, kp, &mut tiled);
            } else {
                assert_eq!(
                    tiles::rows(isa, &a, &b, m, k, &mut row_major, &Run::threads(2)),
                    Ok(true)
                );
                assert!(tiles::native(isa, &na, &nb, m, kp, &mut native));
                let run = Run::threads(2);
                assert_eq!(tiles::from_rows(isa, &wide, &nb, m, kp, &mut tiled, &run), Ok(true));
            }
            assert_eq!(row_major, want, "{} rows {m} {k} {n}", isa.name());
            assert_eq!(from_native(&native, m, n), want, "{} native {m} {k} {n}", isa.name());
            assert_eq!(tiled, native, "{} tiles {m} {k} {n}", isa.name());
        }
    }
}

#[test]
fn the_smallest_value_squared_is_exact_at_the_largest_k_of_the_npu() {
    let (m, k, n) = (3, 10_240, 16);
    let (a, b) = (vec![i8::MIN; m * k], vec![i8::MIN; n * k]);
    let mut c = vec![0; m * n];
    matmul(&a, &b, m, k, n, &mut c);
    assert_eq!(c, vec![16_384 * 10_240; m * n]);
    let (na, nb) = to_native(&a, &b, m, k, n);
    matmul_native(&na, &nb, m, k, n, &mut c);
    assert_eq!(c, vec![16_384 * 10_240; m * n]);
    let mixed = vec![i8::MAX; n * k];
    matmul(&a, &mixed, m, k, n, &mut c);
    assert_eq!(c, vec![-128 * 127 * 10_240; m * n]);
}

#[test]
fn the_number_of_threads_does_not_show() {
    let (m, k, n) = (9, 500, 210);
    let (a, b) = (bytes(5, m * k), bytes(6, n * k));
    let want = plain(&a, &b, m, k, n);
    for threads in [1, 2, 4] {
        let mut c = vec![0; m * n];
        matmul_with(&a, &b, m, k, n, &mut c, &Run::threads(threads)).unwrap();
        assert_eq!(c, want);
    }
}
