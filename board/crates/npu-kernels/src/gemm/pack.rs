//! Copies a block of an operand into the order the tile kernel reads: for each group of `group` rows, `depth` steps of
//! `group` values; missing rows are zeros.

use super::driver::Matrix;
use crate::isa::Isa;

/// Packs rows `first..first + count`, steps `k0..k0 + depth` of `source` into `packed`.
///
/// # Safety
/// Those elements exist; the processor has `isa`; `packed` holds `count.next_multiple_of(group) * depth` values.
#[allow(clippy::too_many_arguments)]
pub(super) unsafe fn pack(
    source: Matrix,
    first: usize,
    count: usize,
    k0: usize,
    depth: usize,
    group: usize,
    isa: Isa,
    packed: &mut [f32],
) {
    let _ = isa;
    for (index, packed) in packed
        .chunks_exact_mut(group * depth)
        .take(count.div_ceil(group))
        .enumerate()
    {
        let start = index * group;
        let rows = group.min(count - start);
        if rows < group {
            packed.fill(0.0);
        }
        if source.row == 1 {
            for (k, packed) in packed.chunks_exact_mut(group).enumerate() {
                // SAFETY: `rows` neighbours at step k exist.
                let from = unsafe { core::slice::from_raw_parts(source.at(first + start, k0 + k), rows) };
                packed[..rows].copy_from_slice(from);
            }
        } else if source.step == 1 {
            #[cfg(all(feature = "simd", target_arch = "x86_64"))]
            if rows == group && isa != Isa::Scalar {
                // SAFETY: every x86 set but the scalar one includes AVX; `group` rows of `depth` neighbours exist.
                unsafe { x86::transpose(source.at(first + start, k0), source.row, depth, group, packed) };
                continue;
            }
            for row in 0..rows {
                // SAFETY: `depth` neighbours of this row exist.
                let from = unsafe { core::slice::from_raw_parts(source.at(first + start + row, k0), depth) };
                for (packed, value) in packed[row..].iter_mut().step_by(group).zip(from) {
                    *packed = *value;
                }
            }
        } else {
            for row in 0..rows {
                for k in 0..depth {
                    // SAFETY: the element exists.
                    packed[k * group + row] = unsafe { *source.at(first + start + row, k0 + k) };
                }
            }
        }
    }
}

impl Matrix {
    /// # Safety
    /// Element (i, k) exists.
    unsafe fn at(&self, i: usize, k: usize) -> *const f32 {
        // SAFETY: promised by the caller.
        unsafe { self.data.add(i * self.row + k * self.step) }
    }
}

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod x86 {
    use core::arch::x86_64::*;

    /// Writes `depth` steps of `group` values from rows `row` apart: 8 × 8 squares are transposed in registers.
    ///
    /// Rows that are no full eight go first and are stored as eight: what is too much lands on values that are written later.
    ///
    /// # Safety
    /// The processor has AVX; `group` rows of `depth` floats exist; `packed` holds `group * depth`.
    #[target_feature(enable = "avx")]
    pub(super) unsafe fn transpose(from: *const f32, row: usize, depth: usize, group: usize, packed: &mut [f32]) {
        let to = packed.as_mut_ptr();
        for eight in (0..group).step_by(8).rev() {
            let rows = (group - eight).min(8);
            // The last steps of a partial eight have nothing behind them that may be overwritten.
            let whole = if rows == 8 { depth } else { depth - depth.min(2) } / 8 * 8;
            // SAFETY: rows eight..eight + rows and steps below depth exist on both sides; a store of a partial eight ends before
            // `group * depth`, since at least two steps of at least four values follow it.
            unsafe {
                let from = from.add(eight * row);
                let to = to.add(eight);
                for k in (0..whole).step_by(8) {
                    let r =
                        [0, 1, 2, 3, 4, 5, 6, 7].map(|i: usize| _mm256_loadu_ps(from.add(i.min(rows - 1) * row + k)));
                    let pairs = |a, b| (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
                    let ((p0, p1), (p2, p3)) = (pairs(r[0], r[1]), pairs(r[2], r[3]));
                    let ((p4, p5), (p6, p7)) = (pairs(r[4], r[5]), pairs(r[6], r[7]));
                    let quads = |a, b| (_mm256_shuffle_ps::<0x44>(a, b), _mm256_shuffle_ps::<0xee>(a, b));
                    let ((q0, q1), (q2, q3)) = (quads(p0, p2), quads(p1, p3));
                    let ((q4, q5), (q6, q7)) = (quads(p4, p6), quads(p5, p7));
                    let pairs = [(q0, q4), (q1, q5), (q2, q6), (q3, q7)];
                    for (i, (low, high)) in pairs.into_iter().enumerate() {
                        _mm256_storeu_ps(to.add((k + i) * group), _mm256_permute2f128_ps::<0x20>(low, high));
                    }
                    for (i, (low, high)) in pairs.into_iter().enumerate() {
                        _mm256_storeu_ps(to.add((k + i + 4) * group), _mm256_permute2f128_ps::<0x31>(low, high));
                    }
                }
                for k in whole..depth {
                    for i in 0..rows {
                        *to.add(k * group + i) = *from.add(i * row + k);
                    }
                }
            }
        }
    }
}
