//! Splits a product into blocks, packs them and hands tiles to the instruction set's kernel.
//!
//! Blocking: a piece of work is up to [`BLOCK_M`] × [`BLOCK_N`] outputs. For each k block, A is packed once (stays in the
//! second-level cache) and B panel by panel (first level). The flag is polled per panel.

use core::cell::RefCell;

use super::BLOCK_K;
use super::pack::pack;
use super::tile::{self, Kernel, MAX_TILE};
use crate::isa::Isa;
use crate::run::{Cancelled, Run, SharedMut};

/// Output rows of one piece of work: a multiple of 6 and 12.
const BLOCK_M: usize = 288;
/// Output columns of one piece of work: a multiple of 32.
const BLOCK_N: usize = 512;

/// A read-only operand: element `(i, k)` lies at `i * row + k * step`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix {
    pub(crate) data: *const f32,
    pub(crate) row: usize,
    pub(crate) step: usize,
}

// SAFETY: only read, through `Product::run`, whose caller promises the memory.
unsafe impl Sync for Matrix {}

impl Matrix {
    /// Rows of length `width`: element (i, k) of a row-major `[_, width]` slice.
    pub(crate) fn rows(data: &[f32], width: usize) -> Matrix {
        Matrix {
            data: data.as_ptr(),
            row: width,
            step: 1,
        }
    }

    /// The transpose: element (i, k) is row `k`, column `i` of a row-major `[_, width]` slice.
    pub(crate) fn columns(data: &[f32], width: usize) -> Matrix {
        Matrix {
            data: data.as_ptr(),
            row: 1,
            step: width,
        }
    }
}

/// What happens to C.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Into {
    /// C = product.
    Store,
    /// C += product.
    Add,
    /// C −= product.
    Subtract,
}

/// `C[m, n] (=, +=, −=) A · Bᵀ`, C with row distance `ldc`; `lower`: only elements with column ≤ row are guaranteed
/// (tiles wholly above the diagonal are skipped).
pub(crate) struct Product {
    pub(crate) a: Matrix,
    pub(crate) b: Matrix,
    pub(crate) m: usize,
    pub(crate) n: usize,
    pub(crate) k: usize,
    pub(crate) c: SharedMut<f32>,
    pub(crate) ldc: usize,
    pub(crate) into: Into,
    pub(crate) lower: bool,
}

thread_local! {
    /// Packed A block and B panel of this thread.
    static SCRATCH: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// A copy without a call for the usual whole tile.
fn store(sums: &[f32], c: &mut [f32]) {
    let ((sums, sums_rest), (c, c_rest)) = (sums.as_chunks::<16>(), c.as_chunks_mut::<16>());
    for (c, sums) in c.iter_mut().zip(sums) {
        *c = *sums;
    }
    c_rest.copy_from_slice(sums_rest);
}

impl Product {
    /// Computes it.
    ///
    /// # Safety
    /// All elements addressed by the shapes and strides exist; C overlaps neither operand and nobody else uses it.
    pub(crate) unsafe fn run(&self, isa: Isa, run: &Run) -> Result<(), Cancelled> {
        let kernel = tile::kernel(isa);
        let (block_m, block_n) = self.blocks(run.thread_count());
        let columns = self.n.div_ceil(block_n);
        let work = |index: usize| {
            let (i, j) = (index / columns * block_m, index % columns * block_n);
            let (rows, cols) = (block_m.min(self.m - i), block_n.min(self.n - j));
            if self.lower && j >= i + rows {
                return;
            }
            SCRATCH.with_borrow_mut(|(packed_a, packed_b)| {
                // SAFETY: promised by the caller of `run`; pieces cover disjoint parts of C.
                unsafe { self.block(isa, &kernel, run, (i, rows), (j, cols), packed_a, packed_b) }
            });
        };
        let flops = self.m * self.n * self.k;
        let run = if flops < 1 << 18 { run.single() } else { *run };
        run.for_each(self.m.div_ceil(block_m) * columns, work)
    }

    /// Piece sizes: smaller when the whole would not feed all threads.
    fn blocks(&self, threads: usize) -> (usize, usize) {
        let (mut block_m, mut block_n) = (BLOCK_M, BLOCK_N);
        while threads > 1 && self.m.div_ceil(block_m) * self.n.div_ceil(block_n) < 4 * threads && block_n > 32 {
            block_n /= 2;
            if self.m > 96 && block_m > 96 {
                block_m = (block_m / 2).next_multiple_of(12);
            }
        }
        (block_m, block_n)
    }

    #[allow(clippy::too_many_arguments)]
    unsafe fn block(
        &self,
        isa: Isa,
        kernel: &Kernel,
        run: &Run,
        (i0, rows): (usize, usize),
        (j0, columns): (usize, usize),
        packed_a: &mut Vec<f32>,
        packed_b: &mut Vec<f32>,
    ) {
        let (mr, nr) = (kernel.rows, kernel.columns);
        packed_a.resize(rows.next_multiple_of(mr) * BLOCK_K, 0.0);
        packed_b.resize(nr * BLOCK_K, 0.0);
        let mut sums = [0.0f32; MAX_TILE];
        for k0 in (0..self.k).step_by(BLOCK_K) {
            let depth = BLOCK_K.min(self.k - k0);
            // SAFETY: rows i0.. and columns k0.. of A exist, promised by the caller.
            unsafe { pack(self.a, i0, rows, k0, depth, mr, isa, packed_a) };
            let into = if k0 == 0 {
                self.into
            } else if self.into == Into::Store {
                Into::Add
            } else {
                self.into
            };
            for j in (j0..j0 + columns).step_by(nr) {
                if run.is_cancelled() {
                    return;
                }
                if self.lower && j >= i0 + rows {
                    break;
                }
                let width = nr.min(j0 + columns - j);
                // SAFETY: as above, for B.
                unsafe { pack(self.b, j, width, k0, depth, nr, isa, packed_b) };
                for (tile, a) in packed_a.chunks_exact(mr * depth).take(rows.div_ceil(mr)).enumerate() {
                    let i = i0 + tile * mr;
                    let height = mr.min(i0 + rows - i);
                    if self.lower && j >= i + height {
                        continue;
                    }
                    // SAFETY: `a` and `packed_b` hold `depth` steps of `mr` and `nr` values; `kernel` matches the processor.
                    unsafe { (kernel.run)(depth, a.as_ptr(), packed_b.as_ptr(), sums.as_mut_ptr()) };
                    for row in 0..height {
                        let sums = &sums[row * nr..][..width];
                        // SAFETY: row i + row, columns j..j + width of C exist and belong to this piece.
                        let c = unsafe {
                            core::slice::from_raw_parts_mut(self.c.ptr().add((i + row) * self.ldc + j), width)
                        };
                        match into {
                            Into::Store => store(sums, c),
                            Into::Add => c.iter_mut().zip(sums).for_each(|(c, s)| *c += s),
                            Into::Subtract => c.iter_mut().zip(sums).for_each(|(c, s)| *c -= s),
                        }
                    }
                }
            }
        }
    }
}
