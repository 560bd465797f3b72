//! Vector products around one kernel per instruction set: up to `rows` rows of A against one group of 16 columns of B.
//!
//! Knows layouts: A as padded rows, B as `(K/32, 16, 32)` tiles of a group, results to native or row-major C.
//! Refuses to know instructions.

use core::cell::RefCell;

use super::many::{Laid, many};
use super::{GROUP, SLICE, padded};
use crate::isa::Isa;
use crate::run::{Cancelled, Run, SharedMut};

/// Most rows any kernel takes at once.
pub(super) const MAX_ROWS: usize = 4;

/// Sums of up to [`MAX_ROWS`] rows with the 16 columns of a group.
pub(super) type Sums = [[i32; GROUP]; MAX_ROWS];

/// `(a, k, b, columns, sums)`: one row of `k` values with `columns` rows of B as they lie.
///
/// Safety: as the comment says, `sums` holds `columns`, and the processor has the instruction set.
pub(super) type Dots = unsafe fn(*const i8, usize, *const i8, usize, *mut i32);

/// A vector kernel.
pub(super) struct Kernel {
    /// Rows it takes at once.
    pub(super) rows: usize,
    /// `(a, slices, b, rows, sums)`: `a` holds `rows` rows of `32 * slices` values, `b` the group's `slices` tiles.
    ///
    /// Safety: as the comment says, `rows` is 1 to `Kernel::rows`, and the processor has the instruction set.
    pub(super) run: unsafe fn(*const i8, usize, *const i8, usize, &mut Sums),
    /// For calls whose rows are too few to pay for tiles.
    pub(super) dots: Option<Dots>,
}

fn kernel(isa: Isa) -> Option<Kernel> {
    if !isa.available() {
        return None;
    }
    match isa {
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => Some(super::avx2::KERNEL),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512Vnni => Some(super::avx512::KERNEL),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => Some(super::neon::KERNEL),
        #[cfg(target_arch = "aarch64")]
        Isa::NeonDot => Some(super::neon::DOT_KERNEL),
        _ => None,
    }
}

/// C native = A native · B native; false where `isa` has no vector kernel. `k` is padded, `c` holds padded N × m values.
pub(super) fn native(isa: Isa, a: &[u8], b: &[u8], m: usize, k: usize, c: &mut [i32]) -> bool {
    if kernel(isa).is_none() {
        return false;
    }
    if m == 0 || k == 0 {
        c.fill(0);
        return true;
    }
    let pitch = padded(m, 4);
    let mut rows = vec![0; m * k];
    for (row, values) in rows.chunks_exact_mut(k).enumerate() {
        for (eighth, values) in values.as_chunks_mut::<8>().0.iter_mut().enumerate() {
            values.copy_from_slice(&a[(eighth * pitch + row) * 8..][..8]);
        }
    }
    // B may hold more than the groups of C.
    let b = &b[..c.len() / m * k];
    from_rows(isa, &rows, b, m, k, c, &Run::threads(1)) == Ok(true)
}

/// Products below this stay on the calling thread: about the time it takes to start another one.
const SMALL: usize = 2 << 20;
/// Bytes of B in one piece of work.
const PIECE_BYTES: usize = 64 << 10;

/// C native = A rows · B native; `Ok(false)` where `isa` has no vector kernel. `k` is a multiple of 32.
pub(super) fn from_rows(
    isa: Isa,
    rows: &[u8],
    b: &[u8],
    m: usize,
    k: usize,
    c: &mut [i32],
    run: &Run,
) -> Result<bool, Cancelled> {
    let Some(kernel) = kernel(isa) else { return Ok(false) };
    if m == 0 || k == 0 {
        c.fill(0);
        return Ok(true);
    }
    // SAFETY: i8 has the layout of u8.
    let rows = unsafe { core::slice::from_raw_parts(rows.as_ptr().cast::<i8>(), rows.len()) };
    let groups = c.len() / (GROUP * m);
    let run = if groups * GROUP * m * k < SMALL {
        run.single()
    } else {
        *run
    };
    let most = groups.div_ceil(4 * run.thread_count()).max(1);
    let step = (PIECE_BYTES / (GROUP * k)).clamp(1, most);
    let laid = many(isa, m).map(|many| Laid::new(many, rows, k, &run)).transpose()?;
    let shared = SharedMut::new(c);
    run.for_each(groups.div_ceil(step), |piece| {
        for group in piece * step..groups.min((piece + 1) * step) {
            // SAFETY: groups write disjoint parts of C.
            let c = unsafe { shared.slice(group * GROUP * m..(group + 1) * GROUP * m) };
            let b = &b[group * GROUP * k..][..GROUP * k];
            let b = b.as_ptr().cast();
            let write = |row: usize, sums: &[i32; GROUP]| {
                for (quad, sums) in sums.as_chunks::<4>().0.iter().enumerate() {
                    c[(quad * m + row) * 4..][..4].copy_from_slice(sums);
                }
            };
            // SAFETY: `rows` is [m, k] and `laid` made of them, `b` one group of k/32 tiles (u8 and i8 have one layout); `kernel` checked
            // the processor.
            unsafe {
                match &laid {
                    Some(laid) => laid.products(b, write),
                    None => products(&kernel, rows, b, m, k, write),
                }
            }
        }
    })?;
    Ok(true)
}

/// Rows below which bringing B into tiles costs more than it saves.
const DIRECT_ROWS: usize = 8;

thread_local! {
    /// One group of B as tiles.
    static TILES: RefCell<Vec<i8>> = const { RefCell::new(Vec::new()) };
}

/// C `[m, n]` = A · Bᵀ, row-major; `Ok(false)` where `isa` has no vector kernel.
pub(super) fn rows(
    isa: Isa,
    a: &[i8],
    b: &[i8],
    m: usize,
    k: usize,
    c: &mut [i32],
    run: &Run,
) -> Result<bool, Cancelled> {
    let Some(kernel) = kernel(isa) else { return Ok(false) };
    if m == 0 || k == 0 {
        c.fill(0);
        return Ok(true);
    }
    let n = c.len() / m;
    if let (true, Some(dots)) = (m <= DIRECT_ROWS, kernel.dots) {
        let shared = SharedMut::new(c);
        let run = if m * n * k < SMALL { run.single() } else { *run };
        let step = (PIECE_BYTES / k).max(1);
        run.for_each(n.div_ceil(step), |piece| {
            let first = piece * step;
            let columns = step.min(n - first);
            for row in 0..m {
                let at = row * n + first;
                // SAFETY: pieces write disjoint columns of C [m, n]; A is [m, k], B [n, k]; `kernel` checked the processor.
                unsafe {
                    let sums = shared.slice(at..at + columns);
                    dots(
                        a[row * k..].as_ptr(),
                        k,
                        b[first * k..].as_ptr(),
                        columns,
                        sums.as_mut_ptr(),
                    );
                }
            }
        })?;
        return Ok(true);
    }
    let depth = padded(k, SLICE);
    let mut padded_rows = Vec::new();
    let a = if k == depth {
        a
    } else {
        padded_rows.resize(m * depth, 0i8);
        for (to, from) in padded_rows.chunks_exact_mut(depth).zip(a.chunks_exact(k)) {
            to[..k].copy_from_slice(from);
        }
        &padded_rows[..]
    };
    let run = if m * n * k < 1 << 20 { run.single() } else { *run };
    let laid = many(isa, m).map(|many| Laid::new(many, a, depth, &run)).transpose()?;
    let shared = SharedMut::new(c);
    run.for_each(n.div_ceil(GROUP), |group| {
        let first = group * GROUP;
        let columns = GROUP.min(n - first);
        TILES.with_borrow_mut(|tiles| {
            pack(&b[first * k..(first + columns) * k], columns, k, tiles);
            let write = |row: usize, sums: &[i32; GROUP]| {
                let at = row * n + first;
                // SAFETY: groups write disjoint columns of C [m, n].
                unsafe { shared.slice(at..at + columns) }.copy_from_slice(&sums[..columns]);
            };
            // SAFETY: `a` is [m, depth] and `laid` made of them, `tiles` one group of depth/32 tiles; `kernel` checked the processor.
            unsafe {
                match &laid {
                    Some(laid) => laid.products(tiles.as_ptr(), write),
                    None => products(&kernel, a, tiles.as_ptr(), m, depth, write),
                }
            }
        });
    })?;
    Ok(true)
}

/// Brings `columns` rows of B into `(K/32, 16, 32)` tiles, zeros elsewhere.
fn pack(b: &[i8], columns: usize, k: usize, tiles: &mut Vec<i8>) {
    let slices = k.div_ceil(SLICE);
    tiles.resize(slices * SLICE * GROUP, 0);
    if columns < GROUP || !k.is_multiple_of(SLICE) {
        tiles.fill(0);
    }
    for (column, b) in b.chunks_exact(k).enumerate() {
        for (slice, part) in b.chunks(SLICE).enumerate() {
            tiles[(slice * GROUP + column) * SLICE..][..part.len()].copy_from_slice(part);
        }
    }
}

/// Calls `write(row, sums)` for every row of A with its 16 sums.
///
/// # Safety
/// `a` is `[m, k]` with k a multiple of 32; `b` points to k/32 tiles; the processor can run `kernel`.
pub(super) unsafe fn products(
    kernel: &Kernel,
    a: &[i8],
    b: *const i8,
    m: usize,
    k: usize,
    mut write: impl FnMut(usize, &[i32; GROUP]),
) {
    let mut sums = [[0i32; GROUP]; MAX_ROWS];
    for first in (0..m).step_by(kernel.rows) {
        let count = kernel.rows.min(m - first);
        // SAFETY: `count` rows start at `first`; the rest is promised by the caller.
        unsafe { (kernel.run)(a[first * k..].as_ptr(), k / SLICE, b, count, &mut sums) };
        for (row, sums) in sums[..count].iter().enumerate() {
            write(first + row, sums);
        }
    }
}
