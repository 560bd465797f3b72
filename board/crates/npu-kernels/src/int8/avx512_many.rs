//! AVX-512-VNNI for many rows: A and B are turned so that the sixteen columns of a group lie side by side, four values of K in each word;
//! each word of A is broadcast against them. One instruction for 64 products and no sum across lanes.
//!
//! `vpdpbusd` wants one unsigned factor: A becomes a + 128, and the sums start from −128·Σb of their column.

use core::arch::x86_64::*;

use super::many::Many;
use super::{GROUP, SLICE};

/// Rows computed together: sixteen chains of dependent sums, four times as many as it takes to hide one instruction behind the next.
const ROWS: usize = 16;

pub(super) const MANY: Many = Many {
    least_rows: 12,
    rows: ROWS,
    values: 4,
    lay,
    turn,
    run,
};

/// # Safety
/// As [`Many::lay`].
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn lay(a: *const i8, k: usize, rows: usize, laid: *mut i32) {
    let flip = _mm512_set1_epi8(i8::MIN);
    for slice in 0..k / SLICE {
        // SAFETY: 32 values of each of `rows` rows, which lie `k` apart; eight lines of words.
        let words = unsafe { turned(a.add(slice * SLICE), k, rows) };
        for (word, line) in words.into_iter().enumerate() {
            // SAFETY: as above.
            unsafe { store(laid.add((slice * 8 + word) * ROWS), _mm512_xor_si512(line, flip)) };
        }
    }
}

/// # Safety
/// As [`Many::turn`].
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn turn(b: *const i8, slices: usize, turned_to: *mut i32) {
    let mut sums = _mm512_setzero_si512();
    for slice in 0..slices {
        // SAFETY: a tile is sixteen columns of 32 values; eight lines of words follow the first line.
        let words = unsafe { turned(b.add(slice * GROUP * SLICE), SLICE, GROUP) };
        for (word, line) in words.into_iter().enumerate() {
            sums = _mm512_dpbusd_epi32(sums, _mm512_set1_epi8(1), line);
            // SAFETY: as above.
            unsafe { store(turned_to.add((1 + slice * 8 + word) * GROUP), line) };
        }
    }
    let start = _mm512_sub_epi32(_mm512_setzero_si512(), _mm512_slli_epi32::<7>(sums));
    // SAFETY: the first line.
    unsafe { store(turned_to, start) };
}

/// # Safety
/// Sixteen words are writable at `to`.
#[target_feature(enable = "avx512f")]
unsafe fn store(to: *mut i32, line: __m512i) {
    // SAFETY: promised by the caller; unaligned writes are allowed.
    unsafe { _mm512_storeu_si512(to.cast(), line) };
}

/// Eight words of each of sixteen lines as eight lines of sixteen words; the last of `lines` stands for those that are not there.
///
/// # Safety
/// 32 bytes are readable at the start of each of `lines` lines, which are `pitch` bytes apart.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
unsafe fn turned(from: *const i8, pitch: usize, lines: usize) -> [__m512i; 8] {
    let mut words = [_mm512_setzero_si512(); 8];
    for (half, words) in words.as_chunks_mut::<4>().0.iter_mut().enumerate() {
        // SAFETY: half of the 32 bytes.
        let [a, b, c, d] = unsafe {
            let from = from.add(half * 16);
            [
                every_fourth(from, pitch, 0, lines),
                every_fourth(from, pitch, 1, lines),
                every_fourth(from, pitch, 2, lines),
                every_fourth(from, pitch, 3, lines),
            ]
        };
        let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
        words[0] = _mm512_unpacklo_epi64(ab, cd);
        words[1] = _mm512_unpackhi_epi64(ab, cd);
        let (ab, cd) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
        words[2] = _mm512_unpacklo_epi64(ab, cd);
        words[3] = _mm512_unpackhi_epi64(ab, cd);
    }
    words
}

/// Sixteen bytes of the lines `first`, `first` + 4, `first` + 8 and `first` + 12.
///
/// # Safety
/// As [`turned`], for sixteen bytes.
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn every_fourth(from: *const i8, pitch: usize, first: usize, lines: usize) -> __m512i {
    let mut quads = [_mm_setzero_si128(); 4];
    for (at, quad) in quads.iter_mut().enumerate() {
        let line = (first + at * 4).min(lines - 1);
        // SAFETY: promised by the caller.
        *quad = unsafe { _mm_loadu_si128(from.add(line * pitch).cast()) };
    }
    let v = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(quads[0]), quads[1]);
    _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(v, quads[2]), quads[3])
}

/// # Safety
/// As [`Many::run`].
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn run(a: *const i32, words: usize, turned: *const i32, next: *const i8, rows: usize, sums: *mut [i32; GROUP]) {
    // SAFETY: passed on; up to the next multiple of four the rows that `a` holds in excess are computed too.
    unsafe {
        match rows.div_ceil(4) {
            1 => some_rows::<4>(a, words, turned, next, sums),
            2 => some_rows::<8>(a, words, turned, next, sums),
            3 => some_rows::<12>(a, words, turned, next, sums),
            _ => some_rows::<ROWS>(a, words, turned, next, sums),
        }
    }
}

/// # Safety
/// As [`Many::run`], for `N` rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
unsafe fn some_rows<const N: usize>(
    a: *const i32,
    words: usize,
    turned: *const i32,
    next: *const i8,
    sums: *mut [i32; GROUP],
) {
    // SAFETY: `turned` is a line of starts and one of each word, `a` as many of ROWS words; `sums` holds N lines.
    unsafe {
        let mut acc = [_mm512_loadu_si512(turned.cast()); N];
        for word in 0..words {
            // A word of sixteen columns is a line of 64 bytes, here as there.
            _mm_prefetch::<_MM_HINT_T1>(next.wrapping_add(word * 64));
            let b = _mm512_loadu_si512(turned.add((1 + word) * GROUP).cast());
            for (row, acc) in acc.iter_mut().enumerate() {
                let a = _mm512_set1_epi32(*a.add(word * ROWS + row));
                *acc = _mm512_dpbusd_epi32(*acc, a, b);
            }
        }
        for (row, acc) in acc.into_iter().enumerate() {
            store(sums.add(row).cast(), acc);
        }
    }
}
