//! U, upper triangular, with H⁻¹ = Uᵀ·U, without inverting H: factor the index-reversed H = L·Lᵀ, invert the triangle,
//! reverse back (2n³/3 operations instead of 4n³/3).
//!
//! Blocks of 128: diagonal blocks in f64, everything else by the f32 product, whose order is fixed.
//! Reversing both indices of a row-major square is reversing the flat array.

use super::GptqError;
use crate::gemm::{Into, Matrix, Product};
use crate::isa::{self, Isa};
use crate::run::{Run, SharedMut};

/// Side of a diagonal block.
const BLOCK: usize = 128;

/// What was needed to factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Factor {
    /// The damping fraction that worked: the one asked for, or ten, a hundred, a thousand times that.
    pub damp_fraction: f32,
    /// Columns whose diagonal was 0 (inputs never active in calibration); their diagonal became 1.
    pub dead_columns: usize,
}

/// Replaces the symmetric `h [n, n]` by the upper factor U of its damped inverse: `(H + damp·mean(diag H)·I)⁻¹ = UᵀU`.
/// Dead columns (diagonal 0) get diagonal 1 first. Entries below the diagonal become 0. On failure `h` is unchanged.
///
/// # Errors
/// [`GptqError::NotPositiveDefinite`] when it fails even with 1000 times the damping.
///
/// # Panics
/// When `h` is not `[n, n]`.
pub fn cholesky_inverse_upper(h: &mut [f32], n: usize, damp_fraction: f32) -> Result<Factor, GptqError> {
    let mut factor = vec![0.0; h.len()];
    let done = cholesky_inverse_upper_with(h, n, damp_fraction, &mut factor, &Run::threads(1))?;
    h.copy_from_slice(&factor);
    Ok(done)
}

/// [`cholesky_inverse_upper`] from `h` into `factor`, on several threads, with a flag.
///
/// # Errors
/// As [`cholesky_inverse_upper`], or [`GptqError::Cancelled`].
///
/// # Panics
/// When a slice does not have the length its shape says, or `permutation` leaves `0..n`.
pub fn cholesky_inverse_upper_with(
    h: &[f32],
    n: usize,
    damp_fraction: f32,
    factor: &mut [f32],
    run: &Run,
) -> Result<Factor, GptqError> {
    factor_on(isa::active(), h, n, damp_fraction, factor, run)
}

/// [`cholesky_inverse_upper_with`] on a given instruction set.
pub(super) fn factor_on(
    isa: Isa,
    h: &[f32],
    n: usize,
    damp_fraction: f32,
    factor: &mut [f32],
    run: &Run,
) -> Result<Factor, GptqError> {
    assert!(h.len() == n * n && factor.len() == n * n, "H and the factor are [n, n]");
    let diagonal = |i: usize| h[i * n + i];
    let dead_columns = (0..n).filter(|i| diagonal(*i) == 0.0).count();
    let trace: f64 = (0..n)
        .map(|i| {
            if diagonal(i) == 0.0 {
                1.0
            } else {
                f64::from(diagonal(i))
            }
        })
        .sum();
    let mean = trace / n.max(1) as f64;
    let mut lower = vec![0.0f32; n * n];
    let mut damp_fraction = damp_fraction;
    for _ in 0..4 {
        let damp = (mean * f64::from(damp_fraction)) as f32;
        load_reversed(h, n, damp, &mut lower);
        match cholesky(isa, &mut lower, n, run) {
            Ok(()) => {
                invert_lower(isa, &lower, n, factor, run)?;
                factor.reverse();
                return Ok(Factor {
                    damp_fraction,
                    dead_columns,
                });
            }
            Err(GptqError::NotPositiveDefinite) => damp_fraction *= 10.0,
            Err(cancelled) => return Err(cancelled),
        }
    }
    Err(GptqError::NotPositiveDefinite)
}

/// The damped H with both indices reversed.
fn load_reversed(h: &[f32], n: usize, damp: f32, lower: &mut [f32]) {
    lower.iter_mut().rev().zip(h).for_each(|(to, from)| *to = *from);
    for i in 0..n {
        let diagonal = &mut lower[i * n + i];
        *diagonal = if *diagonal == 0.0 { 1.0 + damp } else { *diagonal + damp };
    }
}

/// Lower Cholesky factor in place, right-looking; the upper triangle is left as it was.
fn cholesky(isa: Isa, l: &mut [f32], n: usize, run: &Run) -> Result<(), GptqError> {
    let mut inverse = vec![0.0f32; BLOCK * BLOCK];
    let mut panel = Vec::new();
    for start in (0..n).step_by(BLOCK) {
        run.check()?;
        let size = BLOCK.min(n - start);
        let block = factor_block(l, n, start, size)?;
        invert_block(&block, size, &mut inverse);
        let below = n - start - size;
        if below == 0 {
            break;
        }
        // Panel = A · L_dd⁻ᵀ: the rows of the inverse are the rows of "B".
        panel.resize(below * size, 0.0f32);
        for (row, panel) in panel.chunks_exact_mut(size).enumerate() {
            panel.copy_from_slice(&l[(start + size + row) * n + start..][..size]);
        }
        let shared = SharedMut::new(l);
        // SAFETY: panel is [below, size], the inverse [size, size]; C is L[start + size.., start..start + size].
        unsafe {
            let c = SharedMut::new(shared.slice((start + size) * n + start..n * n));
            let (a, b) = (Matrix::rows(&panel, size), Matrix::rows(&inverse[..size * size], size));
            Product {
                a,
                b,
                m: below,
                n: size,
                k: size,
                c,
                ldc: n,
                into: Into::Store,
                lower: false,
            }
            .run(isa, run)?;
        }
        for (row, panel) in panel.chunks_exact_mut(size).enumerate() {
            panel.copy_from_slice(&l[(start + size + row) * n + start..][..size]);
        }
        let shared = SharedMut::new(l);
        // SAFETY: the trailing square [below, below] starts at (start + size, start + size); panel is a copy.
        unsafe {
            let c = SharedMut::new(shared.slice((start + size) * n + start + size..n * n));
            let panel = Matrix::rows(&panel, size);
            Product {
                a: panel,
                b: panel,
                m: below,
                n: below,
                k: size,
                c,
                ldc: n,
                into: Into::Subtract,
                lower: true,
            }
            .run(isa, run)?;
        }
    }
    Ok(())
}

/// Factors one diagonal block in f64, writes it back rounded and returns the f64 form.
fn factor_block(l: &mut [f32], n: usize, start: usize, size: usize) -> Result<Vec<f64>, GptqError> {
    let mut block = vec![0.0f64; size * size];
    for i in 0..size {
        for j in 0..=i {
            let (row, column) = (&block[i * size..][..j], &block[j * size..][..j]);
            let dot: f64 = row.iter().zip(column).map(|(a, b)| a * b).sum();
            let rest = f64::from(l[(start + i) * n + start + j]) - dot;
            if i != j {
                block[i * size + j] = rest / block[j * size + j];
            } else if rest > 0.0 && rest.is_finite() {
                block[i * size + i] = rest.sqrt();
            } else {
                return Err(GptqError::NotPositiveDefinite);
            }
        }
    }
    for i in 0..size {
        for j in 0..=i {
            l[(start + i) * n + start + j] = block[i * size + j] as f32;
        }
    }
    Ok(block)
}

/// Inverse of a lower-triangular block, solved in f64, into `inverse [size, size]` with zeros above the diagonal.
fn invert_block(block: &[f64], size: usize, inverse: &mut [f32]) {
    let mut x = vec![0.0f64; size * size];
    for i in 0..size {
        let (done, row) = x.split_at_mut(i * size);
        let row = &mut row[..size];
        for (k, done) in done.chunks_exact(size).enumerate() {
            let factor = block[i * size + k];
            for (x, y) in row[..=k].iter_mut().zip(done) {
                *x -= factor * y;
            }
        }
        row[i] = 1.0;
        let pivot = block[i * size + i];
        row[..=i].iter_mut().for_each(|x| *x /= pivot);
    }
    for (to, from) in inverse.iter_mut().zip(&x) {
        *to = *from as f32;
    }
}

/// X = L⁻¹ by block rows: X_ii = L_ii⁻¹, X_i,0..i = −X_ii · (L_i,0..i · X_0..i,0..i). Zeros above the diagonal.
fn invert_lower(isa: Isa, l: &[f32], n: usize, x: &mut [f32], run: &Run) -> Result<(), GptqError> {
    /// Columns of X per piece of work.
    const CHUNK: usize = 256;
    x.fill(0.0);
    let mut diagonal = vec![0.0f32; BLOCK * BLOCK];
    for start in (0..n).step_by(BLOCK) {
        run.check()?;
        let size = BLOCK.min(n - start);
        let block: Vec<f64> = (0..size * size)
            .map(|i| f64::from(l[(start + i / size) * n + start + i % size]))
            .collect();
        invert_block(&block, size, &mut diagonal);
        diagonal[..size * size].iter_mut().for_each(|v| *v = -*v);
        let shared = SharedMut::new(x);
        let diagonal = &diagonal;
        run.for_each(start.div_ceil(CHUNK), |chunk| {
            let from = chunk * CHUNK;
            let width = CHUNK.min(start - from);
            let mut sums = vec![0.0f32; size * width];
            // SAFETY: rows `from..start` of X are finished; this piece alone writes rows start.., columns from..from+width.
            unsafe {
                let a = Matrix {
                    data: l.as_ptr().add(start * n + from),
                    row: n,
                    step: 1,
                };
                let b = Matrix {
                    data: shared.ptr().add(from * n + from),
                    row: 1,
                    step: n,
                };
                let c = SharedMut::new(&mut sums);
                let (m, k) = (size, start - from);
                let one = run.single();
                // A raised flag is seen again by `for_each`.
                let _ = Product {
                    a,
                    b,
                    m,
                    n: width,
                    k,
                    c,
                    ldc: width,
                    into: Into::Store,
                    lower: false,
                }
                .run(isa, &one);
                let a = Matrix::rows(&diagonal[..size * size], size);
                let b = Matrix::columns(&sums, width);
                let c = SharedMut::new(shared.slice(start * n + from..(start + size - 1) * n + from + width));
                let _ = Product {
                    a,
                    b,
                    m,
                    n: width,
                    k: size,
                    c,
                    ldc: n,
                    into: Into::Store,
                    lower: false,
                }
                .run(isa, &one);
            }
        })?;
        for i in 0..size {
            for j in 0..=i {
                x[(start + i) * n + start + j] = -diagonal[i * size + j];
            }
        }
    }
    Ok(())
}
