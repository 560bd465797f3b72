//! Copies a block of an operand into the order the tile kernel reads: for each group of `group` rows, `depth` steps of
//! `group` values; missing rows are zeros.

use super::driver::Matrix;

/// Packs rows `first..first + count`, steps `k0..k0 + depth` of `source` into `packed`.
///
/// # Safety
/// Those elements exist; `packed` holds `count.next_multiple_of(group) * depth` values.
pub(super) unsafe fn pack(
    source: Matrix,
    first: usize,
    count: usize,
    k0: usize,
    depth: usize,
    group: usize,
    packed: &mut [f32],
) {
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
