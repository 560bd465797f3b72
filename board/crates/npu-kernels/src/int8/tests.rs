//! Every instruction set against a plain triple loop, on shapes with odd tails and on the extreme values.

use super::*;
use crate::isa::Isa;
use crate::isa::tests::each_available;
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

const SHAPES: [(usize, usize, usize); 19] = [
    (16, 32, 16),
    (29, 96, 33),
    (100, 320, 48),
    (22, 64, 16),
    (26, 32, 20),
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

/// A · Bᵀ on an instruction set, as rows, from native layouts and from rows by tiles: all three, brought back to rows.
fn products_on(isa: Isa, a: &[i8], b: &[i8], m: usize, k: usize, n: usize) -> [Vec<i32>; 3] {
    let (na, nb) = to_native(a, b, m, k, n);
    let kp = padded(k, 32);
    let mut wide = vec![0u8; m * kp];
    for (to, from) in wide.chunks_exact_mut(kp.max(1)).zip(a.chunks_exact(k.max(1))) {
        to.iter_mut().zip(from).for_each(|(to, from)| *to = *from as u8);
    }
    let mut row_major = vec![-1; m * n];
    let [mut native, mut tiled] = [(); 2].map(|()| vec![-1; m * padded(n, 16)]);
    if isa == Isa::Scalar {
        scalar::rows(a, b, m, k, n, &mut row_major);
        scalar::native(&na, &nb, m, kp, &mut native);
        scalar::tiles(&wide, &nb, m, kp, &mut tiled);
    } else {
        let run = Run::threads(2);
        assert_eq!(tiles::rows(isa, a, b, m, k, &mut row_major, &run), Ok(true));
        assert!(tiles::native(isa, &na, &nb, m, kp, &mut native));
        assert_eq!(tiles::from_rows(isa, &wide, &nb, m, kp, &mut tiled, &run), Ok(true));
    }
    [row_major, from_native(&native, m, n), from_native(&tiled, m, n)]
}

#[test]
fn every_available_instruction_set_equals_the_plain_loop() {
    for isa in each_available("int8 products") {
        for (index, (m, k, n)) in SHAPES.into_iter().enumerate() {
            let (a, b) = (bytes(index as u32 + 1, m * k), bytes(index as u32 + 77, n * k));
            let want = plain(&a, &b, m, k, n);
            for (how, got) in ["rows", "native", "tiles"]
                .into_iter()
                .zip(products_on(isa, &a, &b, m, k, n))
            {
                assert_eq!(got, want, "{} {how} {m} {k} {n}", isa.name());
            }
        }
    }
}

/// Largest K of the NPU, and the largest whose native layout no sum can overflow.
const DEPTHS: [usize; 2] = [10_240, MAX_K / SLICE * SLICE];

#[test]
fn the_extreme_values_are_exact_at_the_largest_depths_on_every_instruction_set() {
    for isa in each_available("int8 extremes") {
        for (k, m) in DEPTHS.into_iter().zip([17, 1]) {
            for (x, y) in [
                (i8::MIN, i8::MIN),
                (i8::MIN, i8::MAX),
                (i8::MAX, i8::MIN),
                (i8::MAX, i8::MAX),
            ] {
                let want = vec![i32::from(x) * i32::from(y) * k as i32; m * GROUP];
                for got in products_on(isa, &vec![x; m * k], &vec![y; GROUP * k], m, k, GROUP) {
                    assert_eq!(got, want, "{} {x} times {y}, {k} deep", isa.name());
                }
            }
        }
    }
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
