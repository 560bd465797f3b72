//! AVX2 for many rows: B is widened and turned once per column group so that sixteen columns lie side by side, then each
//! pair of A's values is broadcast against them. Two instructions for sixteen products and no sum across lanes.

use core::arch::x86_64::*;

use super::many::Many;
use super::{GROUP, SLICE};

/// Rows computed together: twelve accumulators, two vectors of B and one of A fill the registers.
const ROWS: usize = 6;

pub(super) const MANY: Many = Many {
    least_rows: 16,
    rows: ROWS,
    values: 2,
    lay,
    turn,
    run,
};

/// # Safety
/// As [`Many::lay`].
#[target_feature(enable = "avx2")]
unsafe fn lay(a: *const i8, k: usize, rows: usize, laid: *mut i32) {
    // SAFETY: `rows` rows of `k` values, `k / 2` lines of ROWS words.
    let (a, laid) = unsafe {
        (
            core::slice::from_raw_parts(a, rows * k),
            core::slice::from_raw_parts_mut(laid, k / 2 * ROWS),
        )
    };
    for (row, values) in a.chunks_exact(k).enumerate() {
        for (pair, laid) in values
            .as_chunks::<2>()
            .0
            .iter()
            .zip(laid[row..].iter_mut().step_by(ROWS))
        {
            let [low, high] = pair.map(|value| i16::from(value) as u16);
            *laid = (u32::from(high) << 16 | u32::from(low)) as i32;
        }
    }
}

/// # Safety
/// As [`Many::turn`].
#[target_feature(enable = "avx2")]
unsafe fn turn(b: *const i8, slices: usize, turned: *mut i32) {
    // SAFETY: the first sixteen words; nothing is to be taken off.
    unsafe { turned.write_bytes(0, GROUP) };
    for part in 0..slices * 4 {
        // Eight columns of eight pairs: columns 0 to 7 or 8 to 15, the slice's first or last sixteen values.
        let (slice, columns, pairs) = (part / 4, part % 4 / 2 * 8, part % 2 * 8);
        // SAFETY: the tile is 512 bytes, the turned slice 256 words.
        unsafe {
            let from = b.add((slice * GROUP + columns) * SLICE + pairs * 2);
            let rows = [0, 1, 2, 3, 4, 5, 6, 7]
                .map(|column| _mm256_cvtepi8_epi16(_mm_loadu_si128(from.add(column * SLICE).cast())));
            let to = turned.add((1 + slice * SLICE / 2 + pairs) * GROUP + columns);
            for (pair, vector) in transpose(rows).into_iter().enumerate() {
                _mm256_storeu_si256(to.add(pair * GROUP).cast(), vector);
            }
        }
    }
}

/// Eight rows of eight 32-bit values as eight columns.
#[target_feature(enable = "avx2")]
fn transpose(r: [__m256i; 8]) -> [__m256i; 8] {
    let pairs = |a, b| (_mm256_unpacklo_epi32(a, b), _mm256_unpackhi_epi32(a, b));
    let quads = |a, b| (_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
    let ((p0, p1), (p2, p3)) = (pairs(r[0], r[1]), pairs(r[2], r[3]));
    let ((p4, p5), (p6, p7)) = (pairs(r[4], r[5]), pairs(r[6], r[7]));
    let ((q0, q1), (q2, q3)) = (quads(p0, p2), quads(p1, p3));
    let ((q4, q5), (q6, q7)) = (quads(p4, p6), quads(p5, p7));
    let low = |a, b| _mm256_permute2x128_si256::<0x20>(a, b);
    let high = |a, b| _mm256_permute2x128_si256::<0x31>(a, b);
    [
        low(q0, q4),
        low(q1, q5),
        low(q2, q6),
        low(q3, q7),
        high(q0, q4),
        high(q1, q5),
        high(q2, q6),
        high(q3, q7),
    ]
}

/// # Safety
/// As [`Many::run`].
#[target_feature(enable = "avx2")]
unsafe fn run(a: *const i32, pairs: usize, turned: *const i32, _next: *const i8, rows: usize, sums: *mut [i32; GROUP]) {
    // SAFETY: passed on.
    unsafe {
        match rows {
            1 => some_rows::<1>(a, pairs, turned, sums),
            2 => some_rows::<2>(a, pairs, turned, sums),
            3 => some_rows::<3>(a, pairs, turned, sums),
            4 => some_rows::<4>(a, pairs, turned, sums),
            5 => some_rows::<5>(a, pairs, turned, sums),
            _ => some_rows::<ROWS>(a, pairs, turned, sums),
        }
    }
}

/// # Safety
/// As [`Many::run`], for `N` rows.
#[target_feature(enable = "avx2")]
unsafe fn some_rows<const N: usize>(a: *const i32, pairs: usize, turned: *const i32, sums: *mut [i32; GROUP]) {
    let mut acc = [[_mm256_setzero_si256(); 2]; N];
    for pair in 0..pairs {
        // SAFETY: a pair is a word of each of ROWS rows, a turned one sixteen words behind the first; unaligned reads are allowed.
        unsafe {
            let low = _mm256_loadu_si256(turned.add((1 + pair) * GROUP).cast());
            let high = _mm256_loadu_si256(turned.add((1 + pair) * GROUP + 8).cast());
            for (row, acc) in acc.iter_mut().enumerate() {
                let a = _mm256_set1_epi32(*a.add(pair * ROWS + row));
                acc[0] = _mm256_add_epi32(acc[0], _mm256_madd_epi16(a, low));
                acc[1] = _mm256_add_epi32(acc[1], _mm256_madd_epi16(a, high));
            }
        }
    }
    for (row, acc) in acc.iter().enumerate() {
        // SAFETY: `N` rows of sixteen sums.
        unsafe {
            let to = sums.add(row).cast::<i32>();
            _mm256_storeu_si256(to.cast(), acc[0]);
            _mm256_storeu_si256(to.add(8).cast(), acc[1]);
        }
    }
}
