//! AVX2: bytes are sign-extended to 16 bits and multiplied in pairs (`vpmaddwd`), which is exact for every int8 value.
//! `vpmaddubsw` would be twice as wide but saturates, and has no answer to −128.

use core::arch::x86_64::*;

use super::tiles::{Kernel, Sums};
use super::{GROUP, SLICE};

pub(super) const KERNEL: Kernel = Kernel {
    rows: 3,
    run,
    dots: Some(dots),
};

/// Slices a single row handles before it moves to the other columns: 4 KiB of B, so that memory is read in order.
const CHUNK: usize = 8;

/// Bytes of tiles asked for ahead. Nearer, memory does not answer in time; farther, the processor's own prefetching, which stops at
/// the end of every small page only, asks for the same lines first.
const TILES_AHEAD: usize = 1024;

/// # Safety
/// As [`Kernel::run`].
#[target_feature(enable = "avx2")]
unsafe fn run(a: *const i8, slices: usize, b: *const i8, rows: usize, sums: &mut Sums) {
    // SAFETY: passed on.
    unsafe {
        match rows {
            1 => one_row(a, slices, b, sums),
            2 => few_rows::<2>(a, slices, b, sums),
            _ => few_rows::<3>(a, slices, b, sums),
        }
    }
}

/// # Safety
/// 16 bytes are readable at `at`.
#[target_feature(enable = "avx2")]
unsafe fn widen(at: *const i8) -> __m256i {
    // SAFETY: promised by the caller.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(at.cast()) })
}

/// Sums of four vectors, in order.
#[target_feature(enable = "avx2")]
pub(super) fn sum_each(v: [__m256i; 4]) -> __m128i {
    let pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
    _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256::<1>(pairs))
}

/// # Safety
/// As [`Kernel::run`], for one row.
#[target_feature(enable = "avx2")]
unsafe fn one_row(a: *const i8, slices: usize, b: *const i8, sums: &mut Sums) {
    let mut total = [[_mm256_setzero_si256(); 8]; 2];
    for chunk in (0..slices).step_by(CHUNK) {
        for (half, total) in total.iter_mut().enumerate() {
            let mut acc = *total;
            for slice in chunk..slices.min(chunk + CHUNK) {
                // SAFETY: slice `slice` of A is 32 bytes, its tile 512 bytes, of which this half reads 256.
                unsafe {
                    let (low, high) = (widen(a.add(slice * SLICE)), widen(a.add(slice * SLICE + 16)));
                    let tile = b.add((slice * GROUP + half * 8) * SLICE);
                    for line in (0..8 * SLICE).step_by(64) {
                        _mm_prefetch::<_MM_HINT_T0>(tile.wrapping_add(TILES_AHEAD + line));
                    }
                    for (column, acc) in acc.iter_mut().enumerate() {
                        let b = tile.add(column * SLICE);
                        let low = _mm256_madd_epi16(widen(b), low);
                        let high = _mm256_madd_epi16(widen(b.add(16)), high);
                        *acc = _mm256_add_epi32(*acc, _mm256_add_epi32(low, high));
                    }
                }
            }
            *total = acc;
        }
    }
    for (quad, v) in total.as_flattened().as_chunks::<4>().0.iter().enumerate() {
        // SAFETY: quads 0 to 3 of 16 sums.
        unsafe { _mm_storeu_si128(sums[0].as_mut_ptr().add(quad * 4).cast(), sum_each(*v)) };
    }
}

/// # Safety
/// As [`Kernel::run`], for `ROWS` rows.
#[target_feature(enable = "avx2")]
unsafe fn few_rows<const ROWS: usize>(a: *const i8, slices: usize, b: *const i8, sums: &mut Sums) {
    for quad in 0..4 {
        let mut acc = [[_mm256_setzero_si256(); 4]; ROWS];
        for half in 0..slices * 2 {
            let (slice, at) = (half / 2, half % 2 * 16);
            // SAFETY: row r starts at r * 32 * slices; the quad's four columns lie in the slice's tile.
            unsafe {
                let tile = b.add((slice * GROUP + quad * 4) * SLICE + at);
                let columns = [0, 1, 2, 3].map(|column| widen(tile.add(column * SLICE)));
                for (row, acc) in acc.iter_mut().enumerate() {
                    let a = widen(a.add((row * slices + slice) * SLICE + at));
                    for (acc, b) in acc.iter_mut().zip(columns) {
                        *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(a, b));
                    }
                }
            }
        }
        for (acc, sums) in acc.iter().zip(sums.iter_mut()) {
            // SAFETY: quads 0 to 3 of 16 sums.
            unsafe { _mm_storeu_si128(sums.as_mut_ptr().add(quad * 4).cast(), sum_each(*acc)) };
        }
    }
}

/// Once a small page, one line of the page this far ahead is asked for: so that it is known where that lies when the processor's own
/// prefetching, which asks for all other lines, comes to its end.
pub(super) const PAGES_AHEAD: usize = 4 * PAGE;
pub(super) const PAGE: usize = 4096;

/// One column after the other: memory is read in order, and adding up a column's sums is little beside waiting for it.
///
/// # Safety
/// As [`Dots`](super::tiles::Dots).
#[target_feature(enable = "avx2")]
unsafe fn dots(a: *const i8, k: usize, b: *const i8, columns: usize, sums: *mut i32) {
    let whole = k / SLICE * SLICE;
    for column in 0..columns {
        let mut acc = [_mm256_setzero_si256(); 2];
        // SAFETY: column `column` of B and its sum; 32 values at `at` of it and of the row, or one below k.
        unsafe {
            let b = b.add(column * k);
            for at in (0..whole).step_by(SLICE) {
                if b.add(at).addr() % PAGE < SLICE {
                    _mm_prefetch::<_MM_HINT_T0>(b.wrapping_add(at + PAGES_AHEAD));
                }
                for (half, acc) in acc.iter_mut().enumerate() {
                    let at = at + half * 16;
                    *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(widen(b.add(at)), widen(a.add(at))));
                }
            }
            let mut sum = _mm_cvtsi128_si32(sum_each([_mm256_add_epi32(acc[0], acc[1]); 4]));
            for at in whole..k {
                sum += i32::from(*a.add(at)) * i32::from(*b.add(at));
            }
            *sums.add(column) = sum;
        }
    }
}
