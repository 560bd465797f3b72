//! NEON: `smull`/`sadalp` everywhere (each product is widened before it is added: exact at −128), and `sdot` where the
//! processor has it, by inline assembly since the intrinsic is not stable in Rust 1.95.

use core::arch::aarch64::*;

use super::tiles::{Kernel, Sums};
use super::{GROUP, SLICE};

pub(super) const KERNEL: Kernel = Kernel {
    rows: 3,
    run,
    dots: None,
};
pub(super) const DOT_KERNEL: Kernel = Kernel {
    rows: 4,
    run: run_dot,
    dots: None,
};

/// # Safety
/// As [`Kernel::run`].
#[target_feature(enable = "neon")]
unsafe fn run(a: *const i8, slices: usize, b: *const i8, rows: usize, sums: &mut Sums) {
    // SAFETY: passed on.
    unsafe {
        match rows {
            1 => some_rows::<1>(a, slices, b, sums, multiply),
            2 => some_rows::<2>(a, slices, b, sums, multiply),
            _ => some_rows::<3>(a, slices, b, sums, multiply),
        }
    }
}

/// # Safety
/// As [`Kernel::run`].
#[target_feature(enable = "neon,dotprod")]
unsafe fn run_dot(a: *const i8, slices: usize, b: *const i8, rows: usize, sums: &mut Sums) {
    // SAFETY: passed on; this function's own feature says that `sdot` exists.
    unsafe {
        match rows {
            1 => some_rows::<1>(a, slices, b, sums, |acc, a, b| dot(acc, a, b)),
            2 => some_rows::<2>(a, slices, b, sums, |acc, a, b| dot(acc, a, b)),
            3 => some_rows::<3>(a, slices, b, sums, |acc, a, b| dot(acc, a, b)),
            _ => some_rows::<4>(a, slices, b, sums, |acc, a, b| dot(acc, a, b)),
        }
    }
}

/// `acc` plus the sixteen products, added four lanes wide.
#[inline(always)]
fn multiply(acc: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: NEON is part of every AArch64 target this crate has vectors for.
    unsafe {
        let low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
        let high = vmull_high_s8(a, b);
        vpadalq_s16(vpadalq_s16(acc, low), high)
    }
}

/// `sdot`.
///
/// # Safety
/// The processor has the dot-product extension.
#[target_feature(enable = "neon,dotprod")]
#[inline]
unsafe fn dot(mut acc: int32x4_t, a: int8x16_t, b: int8x16_t) -> int32x4_t {
    // SAFETY: reads and writes only the named registers.
    unsafe {
        core::arch::asm!(
            "sdot {acc:v}.4s, {a:v}.16b, {b:v}.16b",
            acc = inout(vreg) acc,
            a = in(vreg) a,
            b = in(vreg) b,
            options(pure, nomem, nostack, preserves_flags),
        );
    }
    acc
}

/// # Safety
/// As [`Kernel::run`], for `ROWS` rows.
#[inline(always)]
unsafe fn some_rows<const ROWS: usize>(
    a: *const i8,
    slices: usize,
    b: *const i8,
    sums: &mut Sums,
    multiply: impl Fn(int32x4_t, int8x16_t, int8x16_t) -> int32x4_t,
) {
    for quad in 0..4 {
        // SAFETY: row r starts at r * 32 * slices; the quad's four columns lie in each slice's tile; 16 sums a row.
        unsafe {
            let mut acc = [[vdupq_n_s32(0); 4]; ROWS];
            for half in 0..slices * 2 {
                let (slice, at) = (half / 2, half % 2 * 16);
                let tile = b.add((slice * GROUP + quad * 4) * SLICE + at);
                let columns = [0, 1, 2, 3].map(|column| vld1q_s8(tile.add(column * SLICE)));
                for (row, acc) in acc.iter_mut().enumerate() {
                    let a = vld1q_s8(a.add((row * slices + slice) * SLICE + at));
                    for (acc, b) in acc.iter_mut().zip(columns) {
                        *acc = multiply(*acc, a, b);
                    }
                }
            }
            for (acc, sums) in acc.iter().zip(sums.iter_mut()) {
                let pairs = vpaddq_s32(vpaddq_s32(acc[0], acc[1]), vpaddq_s32(acc[2], acc[3]));
                vst1q_s32(sums.as_mut_ptr().add(quad * 4), pairs);
            }
        }
    }
}
