//! Products of many rows: where it pays to turn A once, and each group of B once before it meets all of them. Knows
//! layouts; refuses to know instructions.

use core::cell::RefCell;

use super::{GROUP, SLICE};
use crate::isa::Isa;
use crate::run::{Cancelled, Run, SharedMut};

/// A vector kernel for many rows, which pays for turning each group of B once. What it reads are 32-bit words, each holding
/// `values` neighbouring values of K in the form that its multiplication takes.
pub(super) struct Many {
    /// From this many rows on it is worth it.
    pub(super) least_rows: usize,
    /// Rows it takes at once, at most [`MANY_ROWS`].
    pub(super) rows: usize,
    /// Values in a word: two of 16 bits, or four of eight.
    pub(super) values: usize,
    /// `(a, k, rows, laid)`: writes `rows` rows of A, at most `Many::rows`, as `(K/values, Many::rows)` words, whatever for the
    /// rows that are not there.
    ///
    /// Safety: as the comment says, and the processor has the instruction set.
    pub(super) lay: unsafe fn(*const i8, usize, usize, *mut i32),
    /// `(b, slices, turned)`: writes the group's `slices` tiles as `(1 + K/values, 16)` words; the first sixteen are what the sums
    /// start from.
    ///
    /// Safety: as the comment says, and the processor has the instruction set.
    pub(super) turn: unsafe fn(*const i8, usize, *mut i32),
    /// `(a, words, turned, next, rows, sums)`: `a` as `lay` makes it, of which the first `rows` rows are computed, `words` deep; `sums` holds
    /// `Many::rows` rows. `next` may be asked of memory meanwhile: the tiles that will be turned next.
    ///
    /// Safety: as the comment says, `rows` is 1 to `Many::rows`, and the processor has the instruction set.
    pub(super) run: unsafe fn(*const i32, usize, *const i32, *const i8, usize, *mut [i32; GROUP]),
}

/// Most rows any [`Many`] takes at once.
const MANY_ROWS: usize = 16;

pub(super) fn many(isa: Isa, m: usize) -> Option<Many> {
    let many: Option<Many> = match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => Some(super::avx2_many::MANY),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => Some(super::avx512_many::MANY),
        _ => None,
    };
    many.filter(|many| m >= many.least_rows)
}

/// Rows `[m, k]` of A, laid for a kernel.
pub(super) struct Laid {
    many: Many,
    words: Vec<i32>,
    m: usize,
    k: usize,
}

impl Laid {
    /// Rows `[m, k]` for `many`, which the processor can run; `k` is a multiple of 32.
    pub(super) fn new(many: Many, rows: &[i8], k: usize, run: &Run) -> Result<Laid, Cancelled> {
        let block = many.rows * (k / many.values);
        let m = rows.len() / k;
        let mut words = vec![0; m.div_ceil(many.rows) * block];
        let shared = SharedMut::new(&mut words);
        run.for_each(m.div_ceil(many.rows), |index| {
            let first = index * many.rows;
            // SAFETY: `first` and the rows of its block exist; blocks are disjoint.
            unsafe {
                let words = shared.slice(index * block..(index + 1) * block);
                let count = many.rows.min(m - first);
                (many.lay)(rows[first * k..].as_ptr(), k, count, words.as_mut_ptr());
            }
        })?;
        Ok(Laid { many, words, m, k })
    }

    /// [`products`](super::tiles::products) of these rows.
    ///
    /// # Safety
    /// `b` points to k/32 tiles.
    pub(super) unsafe fn products(&self, b: *const i8, mut write: impl FnMut(usize, &[i32; GROUP])) {
        thread_local! {
            /// One group of B, turned.
            static TURNED: RefCell<Vec<i32>> = const { RefCell::new(Vec::new()) };
        }
        let Laid { many, words, m, k } = self;
        let depth = k / many.values;
        TURNED.with_borrow_mut(|turned| {
            turned.resize((1 + depth) * GROUP, 0);
            // SAFETY: `b` points to k/32 tiles, promised by the caller; `turned` holds as many values and the starts.
            unsafe { (many.turn)(b, k / SLICE, turned.as_mut_ptr()) };
            let mut sums = [[0i32; GROUP]; MANY_ROWS];
            for (block, a) in words.chunks_exact(many.rows * depth).enumerate() {
                let first = block * many.rows;
                let count = many.rows.min(m - first);
                let next = b.wrapping_add(k * GROUP);
                // SAFETY: a block of rows and a group, each `depth` words deep; at most MANY_ROWS sums are written.
                unsafe { (many.run)(a.as_ptr(), depth, turned.as_ptr(), next, count, sums.as_mut_ptr()) };
                for (row, sums) in sums[..count].iter().enumerate() {
                    write(first + row, sums);
                }
            }
        });
    }
}
