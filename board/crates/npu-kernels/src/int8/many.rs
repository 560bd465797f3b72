//! Products of many rows: where it pays to widen A and to turn each group of B once before it meets all of them. Knows
//! layouts; refuses to know instructions.

use core::cell::RefCell;

use super::{GROUP, SLICE};
use crate::isa::Isa;

/// A vector kernel for many rows, which pays for turning each group of B once.
pub(super) struct Many {
    /// From this many rows on it is worth it.
    pub(super) least_rows: usize,
    /// Rows it takes at once, at most [`MANY_ROWS`].
    pub(super) rows: usize,
    /// `(b, slices, turned)`: writes the group's `slices` tiles as `(K/2, 16, 2)` 16-bit values.
    ///
    /// Safety: as the comment says, and the processor has the instruction set.
    pub(super) turn: unsafe fn(*const i8, usize, *mut i16),
    /// `(a, pairs, turned, rows, sums)`: `a` holds `(pairs, Many::rows, 2)` values, of which the first `rows` rows are
    /// computed; `sums` holds as many rows.
    ///
    /// Safety: as the comment says, `rows` is 1 to `Many::rows`, and the processor has the instruction set.
    pub(super) run: unsafe fn(*const i16, usize, *const i16, usize, *mut [i32; GROUP]),
}

/// Most rows any [`Many`] takes at once.
const MANY_ROWS: usize = 6;

pub(super) fn many(isa: Isa, m: usize) -> Option<Many> {
    let many: Option<Many> = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => Some(super::avx2_many::MANY),
        _ => None,
    };
    many.filter(|many| m >= many.least_rows)
}

/// Rows `[m, k]` of A as `(m/step, K/2, step, 2)` 16-bit values, zero in rows beyond the last.
pub(super) fn widen(rows: &[i8], k: usize, step: usize) -> Vec<i16> {
    let mut wide = vec![0; rows.len().div_ceil(step * k) * step * k];
    for (rows, wide) in rows.chunks(step * k).zip(wide.chunks_exact_mut(step * k)) {
        for (row, values) in rows.chunks_exact(k).enumerate() {
            for (pair, wide) in values
                .as_chunks::<2>()
                .0
                .iter()
                .zip(wide.as_chunks_mut::<2>().0[row..].iter_mut().step_by(step))
            {
                *wide = pair.map(i16::from);
            }
        }
    }
    wide
}

thread_local! {
    /// One group of B, turned.
    static TURNED: RefCell<Vec<i16>> = const { RefCell::new(Vec::new()) };
}

/// [`products`](super::tiles::products) by a kernel for many rows, A as [`widen`] makes it.
///
/// # Safety
/// As [`products`](super::tiles::products), for `many`.
pub(super) unsafe fn many_products(
    many: &Many,
    a: &[i16],
    b: *const i8,
    m: usize,
    k: usize,
    mut write: impl FnMut(usize, &[i32; GROUP]),
) {
    TURNED.with_borrow_mut(|turned| {
        turned.resize(k * GROUP, 0);
        // SAFETY: `b` points to k/32 tiles, promised by the caller; `turned` holds as many values.
        unsafe { (many.turn)(b, k / SLICE, turned.as_mut_ptr()) };
        let mut sums = [[0i32; GROUP]; MANY_ROWS];
        for first in (0..m).step_by(many.rows) {
            let count = many.rows.min(m - first);
            // SAFETY: `count` rows start at `first`; at most MANY_ROWS sums are written; the rest as above.
            unsafe {
                (many.run)(
                    a[first * k..].as_ptr(),
                    k / 2,
                    turned.as_ptr(),
                    count,
                    sums.as_mut_ptr(),
                )
            };
            for (row, sums) in sums[..count].iter().enumerate() {
                write(first + row, sums);
            }
        }
    });
}
