//! AVX-512-VNNI: `vpdpbusd` multiplies unsigned by signed bytes. B becomes unsigned by flipping its top bit (b + 128), and
//! 128·Σa is taken off at the end: Σ(b+128)·a − 128·Σa = Σb·a, exact modulo 2³² and the true sum fits.
//! One vector holds one slice of two neighbouring columns.

use core::arch::x86_64::*;

use super::avx2::{PAGE, PAGES_AHEAD, sum_each};
use super::tiles::{Kernel, Sums};
use super::{GROUP, SLICE};

pub(super) const KERNEL: Kernel = Kernel {
    rows: 3,
    run,
    dots: Some(dots),
};

/// # Safety
/// As [`Kernel::run`].
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn run(a: *const i8, slices: usize, b: *const i8, rows: usize, sums: &mut Sums) {
    // SAFETY: passed on.
    unsafe {
        match rows {
            1 => some_rows::<1>(a, slices, b, sums),
            2 => some_rows::<2>(a, slices, b, sums),
            _ => some_rows::<3>(a, slices, b, sums),
        }
    }
}

/// # Safety
/// As [`Kernel::run`], for `ROWS` rows.
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn some_rows<const ROWS: usize>(a: *const i8, slices: usize, b: *const i8, sums: &mut Sums) {
    let flip = _mm512_set1_epi8(i8::MIN);
    let ones = _mm256_set1_epi8(1);
    let mut acc = [[_mm512_setzero_si512(); 8]; ROWS];
    let mut row_sums = [_mm256_setzero_si256(); ROWS];
    for slice in 0..slices {
        let mut rows = [_mm512_setzero_si512(); ROWS];
        for (row, (wide, sum)) in rows.iter_mut().zip(&mut row_sums).enumerate() {
            // SAFETY: slice `slice` of row `row` is 32 bytes.
            let bytes = unsafe { _mm256_loadu_si256(a.add((row * slices + slice) * SLICE).cast()) };
            *sum = _mm256_dpbusd_epi32(*sum, ones, bytes);
            *wide = _mm512_broadcast_i64x4(bytes);
        }
        for pair in 0..8 {
            // SAFETY: columns 2·pair and 2·pair + 1 of the slice's tile are 64 neighbouring bytes.
            let b = unsafe { _mm512_loadu_si512(b.add((slice * GROUP + pair * 2) * SLICE).cast()) };
            let b = _mm512_xor_si512(b, flip);
            for (acc, a) in acc.iter_mut().zip(rows) {
                acc[pair] = _mm512_dpbusd_epi32(acc[pair], b, a);
            }
        }
    }
    for (row, (acc, sums)) in acc.iter().zip(sums.iter_mut()).enumerate() {
        let offset = sum_each([row_sums[row]; 4]);
        let offset = _mm_slli_epi32::<7>(offset);
        for (quad, pairs) in acc.as_chunks::<2>().0.iter().enumerate() {
            let columns = [
                _mm512_castsi512_si256(pairs[0]),
                _mm512_extracti64x4_epi64::<1>(pairs[0]),
                _mm512_castsi512_si256(pairs[1]),
                _mm512_extracti64x4_epi64::<1>(pairs[1]),
            ];
            let exact = _mm_sub_epi32(sum_each(columns), offset);
            // SAFETY: quads 0 to 3 of 16 sums.
            unsafe { _mm_storeu_si128(sums.as_mut_ptr().add(quad * 4).cast(), exact) };
        }
    }
}

/// Vectors of a column summed side by side.
const CHAINS: usize = 4;

/// One column after the other, as with AVX2.
///
/// # Safety
/// As [`Dots`](super::tiles::Dots).
#[target_feature(enable = "avx2,avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")]
unsafe fn dots(a: *const i8, k: usize, b: *const i8, columns: usize, sums: *mut i32) {
    let flip = _mm512_set1_epi8(i8::MIN);
    let ones = _mm512_set1_epi8(1);
    // SAFETY: `at` is below k; bytes from k on are neither read nor counted.
    let part = |from: *const i8, at: usize| unsafe {
        match k - at {
            64.. => _mm512_loadu_si512(from.add(at).cast()),
            rest => _mm512_maskz_loadu_epi8((1 << rest) - 1, from.add(at)),
        }
    };
    let mut row_sum = _mm512_setzero_si512();
    for at in (0..k).step_by(64) {
        row_sum = _mm512_dpbusd_epi32(row_sum, ones, part(a, at));
    }
    let offset = _mm512_reduce_add_epi32(row_sum) << 7;
    for column in 0..columns {
        let mut acc = [_mm512_setzero_si512(); CHAINS];
        // SAFETY: column `column` of B, and its sum.
        unsafe {
            let b = b.add(column * k);
            for first in (0..k).step_by(CHAINS * 64) {
                for (at, acc) in (first..k).step_by(64).zip(&mut acc) {
                    if b.add(at).addr() % PAGE < 64 {
                        _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(at + PAGES_AHEAD));
                    }
                    *acc = _mm512_dpbusd_epi32(*acc, _mm512_xor_si512(part(b, at), flip), part(a, at));
                }
            }
            let sum = _mm512_add_epi32(_mm512_add_epi32(acc[0], acc[1]), _mm512_add_epi32(acc[2], acc[3]));
            *sums.add(column) = _mm512_reduce_add_epi32(sum).wrapping_sub(offset);
        }
    }
}
