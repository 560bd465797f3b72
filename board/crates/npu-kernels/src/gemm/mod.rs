//! f32 matrix products. Knows strides, blocks and tiles; refuses to know what the matrices mean.
//!
//! The order that fixes every byte: output `(i, j)` is a chain `acc = fma(a[i,k], b[j,k], acc)` over at most
//! [`BLOCK_K`] ascending `k`, starting from 0; the chains of successive blocks are added to (or subtracted from) C in
//! order. Tiles, panels, threads and instruction sets only choose which outputs are computed together.

mod chain;
mod driver;
mod pack;
mod tile;

use crate::isa;
use crate::run::{Cancelled, Run, SharedMut};

pub use chain::{chain_lanes, chain_products};
pub(crate) use driver::{Into, Matrix, Product};

/// Length of one accumulation chain.
pub const BLOCK_K: usize = 256;

/// C `[m, n]` = A `[m, k]` · B `[n, k]`ᵀ, row-major, on up to `threads` threads.
///
/// # Panics
/// When a slice does not have the length its shape says.
pub fn matmul_f32(a: &[f32], b: &[f32], m: usize, k: usize, n: usize, c: &mut [f32], threads: usize) {
    // Without a flag nothing can cancel.
    let _ = matmul_f32_with(a, b, m, k, n, c, &Run::threads(threads));
}

/// [`matmul_f32`] with a flag that stops it within a block.
///
/// # Errors
/// [`Cancelled`] when the flag of `run` was raised.
///
/// # Panics
/// As [`matmul_f32`].
pub fn matmul_f32_with(
    a: &[f32],
    b: &[f32],
    m: usize,
    k: usize,
    n: usize,
    c: &mut [f32],
    run: &Run,
) -> Result<(), Cancelled> {
    assert!(
        a.len() == m * k && b.len() == n * k && c.len() == m * n,
        "A is [m, k], B [n, k], C [m, n]"
    );
    if k == 0 {
        c.fill(0.0);
        return Ok(());
    }
    let c = SharedMut::new(c);
    // SAFETY: the lengths were checked above; A, B and C are separate slices.
    unsafe {
        Product {
            a: Matrix::rows(a, k),
            b: Matrix::rows(b, k),
            m,
            n,
            k,
            c,
            ldc: n,
            into: Into::Store,
            lower: false,
        }
        .run(isa::active(), run)
    }
}

/// H `[k, k]` += Xᵀ·X for X `[m, k]`, on up to `threads` threads. H stays exactly symmetric if it was.
///
/// # Panics
/// When a slice does not have the length its shape says.
pub fn gram(x: &[f32], m: usize, k: usize, h: &mut [f32], threads: usize) {
    // Without a flag nothing can cancel.
    let _ = gram_with(x, m, k, h, &Run::threads(threads));
}

/// [`gram`] with a flag that stops it within a block; H is then unusable.
///
/// # Errors
/// [`Cancelled`] when the flag of `run` was raised.
///
/// # Panics
/// As [`gram`].
pub fn gram_with(x: &[f32], m: usize, k: usize, h: &mut [f32], run: &Run) -> Result<(), Cancelled> {
    gram_on(isa::active(), x, m, k, h, run)
}

/// [`gram_with`] on a given instruction set.
pub(crate) fn gram_on(isa: isa::Isa, x: &[f32], m: usize, k: usize, h: &mut [f32], run: &Run) -> Result<(), Cancelled> {
    assert!(x.len() == m * k && h.len() == k * k, "X is [m, k], H [k, k]");
    let columns = Matrix::columns(x, k);
    let c = SharedMut::new(h);
    // SAFETY: the lengths were checked above; X and H are separate slices.
    unsafe {
        Product {
            a: columns,
            b: columns,
            m: k,
            n: k,
            k: m,
            c,
            ldc: k,
            into: Into::Add,
            lower: true,
        }
        .run(isa, run)?;
    }
    mirror(h, k);
    Ok(())
}

/// Copies the lower triangle of `h [n, n]` onto the upper one, in tiles that stay in cache.
pub(crate) fn mirror(h: &mut [f32], n: usize) {
    const TILE: usize = 32;
    for i0 in (0..n).step_by(TILE) {
        for j0 in (0..=i0).step_by(TILE) {
            for i in i0..n.min(i0 + TILE) {
                for j in j0..i.min(j0 + TILE) {
                    h[j * n + i] = h[i * n + j];
                }
            }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
