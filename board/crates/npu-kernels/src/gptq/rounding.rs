//! The rounding loop: each column is rounded, its error spread over the columns still to come, weighted by U.
//!
//! Rows are independent; within a block of columns each thread takes whole rows, after it one product carries the block's
//! errors to all later columns. Scales are static: fixed before the first column, so act-order needs no index at inference.

use crate::dispatch::dispatch;
use crate::gemm::{Into, Matrix, Product};
use crate::isa::{self, Isa};
use crate::quantize::round_one;
use crate::run::{Cancelled, Run, SharedMut};

/// How to round.
#[derive(Clone, Copy, Debug)]
pub struct Rounding<'a> {
    /// Rows of W (outputs).
    pub rows: usize,
    /// Columns of W (inputs).
    pub width: usize,
    /// Bits per weight, 2 to 8; values lie in ±(2^(bits−1) − 1).
    pub bits: u32,
    /// Columns whose errors are carried on together (128 is usual).
    pub block_size: usize,
    /// Columns that share a scale; `width` for one scale per row.
    pub group_size: usize,
    /// Act-order with static groups: the original column of each column of W, which says whose group scale it uses. W, q,
    /// the factor and the losses are all in processing order; the permutation is only looked up.
    pub permutation: Option<&'a [u32]>,
}

impl Rounding<'_> {
    /// Scales per row.
    pub fn groups(&self) -> usize {
        self.width.div_ceil(self.group_size.max(1))
    }

    /// The scale that column `column` of W uses.
    fn group(&self, column: usize) -> usize {
        self.permutation.map_or(column, |p| p[column] as usize) / self.group_size
    }
}

/// Rounds `w [rows, width]` (consumed) to `q`, column by column, with `factor` = U of
/// [`cholesky_inverse_upper`](super::cholesky_inverse_upper). `scales [rows, groups]`: an entry that is 0 is set to
/// absmax / qmax of its weights before the first column moves, others are used as given. `column_loss[c] = Σ_rows err² / 2`.
///
/// # Panics
/// When a slice does not have the length its shape says, or the settings leave their range.
pub fn quantize_block(
    w: &mut [f32],
    factor: &[f32],
    how: &Rounding,
    scales: &mut [f32],
    q: &mut [i8],
    column_loss: &mut [f32],
) {
    // Without a flag nothing can cancel.
    let _ = quantize_block_with(w, factor, how, scales, q, column_loss, &Run::threads(1));
}

/// [`quantize_block`] on several threads, with a flag.
///
/// # Errors
/// [`Cancelled`] when the flag of `run` was raised.
///
/// # Panics
/// As [`quantize_block`].
pub fn quantize_block_with(
    w: &mut [f32],
    factor: &[f32],
    how: &Rounding,
    scales: &mut [f32],
    q: &mut [i8],
    column_loss: &mut [f32],
    run: &Run,
) -> Result<(), Cancelled> {
    quantize_on(isa::active(), w, factor, how, scales, q, column_loss, run)
}

/// [`quantize_block_with`] on a given instruction set.
#[allow(clippy::too_many_arguments)]
pub(super) fn quantize_on(
    isa: Isa,
    w: &mut [f32],
    factor: &[f32],
    how: &Rounding,
    scales: &mut [f32],
    q: &mut [i8],
    column_loss: &mut [f32],
    run: &Run,
) -> Result<(), Cancelled> {
    let (rows, width, groups) = (how.rows, how.width, how.groups());
    assert!(
        w.len() == rows * width && q.len() == rows * width,
        "W and q are [rows, width]"
    );
    assert!(factor.len() == width * width, "the factor is [width, width]");
    assert!(
        scales.len() == rows * groups && column_loss.len() == width,
        "scales is [rows, groups], loss [width]"
    );
    assert!(
        (2..=8).contains(&how.bits) && how.block_size > 0 && how.group_size > 0,
        "bits 2 to 8, sizes above 0"
    );
    assert!(
        how.permutation.is_none_or(|p| p.len() == width),
        "the permutation has width entries"
    );
    let limit = ((1 << (how.bits - 1)) - 1) as f32;
    fill_scales(w, how, limit, scales);
    let block_size = how.block_size.min(width.max(1));
    let mut errors = vec![0.0f32; rows * block_size];
    for start in (0..width).step_by(block_size) {
        let size = block_size.min(width - start);
        let errors = &mut errors[..rows * size];
        let scale_of: Vec<usize> = (start..start + size).map(|column| how.group(column)).collect();
        // The square of U that acts inside the block, packed so that rows of W stream through it.
        let square: Vec<f32> = (0..size)
            .flat_map(|j| factor[(start + j) * width + start..][..size].iter().copied())
            .collect();
        let (shared_w, shared_q, shared_e) = (SharedMut::new(w), SharedMut::new(q), SharedMut::new(errors));
        let scales = &*scales;
        run.for_rows(rows, size * size / 2, |range| {
            for row in range {
                // SAFETY: each row belongs to one piece.
                let (w, q, errors) = unsafe {
                    (
                        shared_w.slice(row * width + start..row * width + start + size),
                        shared_q.slice(row * width + start..row * width + start + size),
                        shared_e.slice(row * size..(row + 1) * size),
                    )
                };
                let scales = &scales[row * groups..][..groups];
                round_row_on(isa, w, q, errors, &square, scales, &scale_of, limit);
            }
        })?;
        for (j, loss) in column_loss[start..start + size].iter_mut().enumerate() {
            let sum: f64 = errors
                .iter()
                .skip(j)
                .step_by(size)
                .map(|e| f64::from(*e) * f64::from(*e))
                .sum();
            *loss = (sum / 2.0) as f32;
        }
        let rest = width - start - size;
        if rest > 0 && rows > 0 {
            // SAFETY: errors is [rows, size]; U[start.., start + size..] is [size, rest]; C is W[.., start + size..].
            unsafe {
                let a = Matrix::rows(errors, size);
                let b = Matrix {
                    data: factor.as_ptr().add(start * width + start + size),
                    row: 1,
                    step: width,
                };
                let c = SharedMut::new(shared_w.slice(start + size..rows * width));
                Product {
                    a,
                    b,
                    m: rows,
                    n: rest,
                    k: size,
                    c,
                    ldc: width,
                    into: Into::Subtract,
                    lower: false,
                }
                .run(isa, run)?;
            }
        }
    }
    Ok(())
}

/// Sets scales that are 0 to absmax / limit of the columns of their group.
fn fill_scales(w: &[f32], how: &Rounding, limit: f32, scales: &mut [f32]) {
    if how.width == 0 {
        return;
    }
    let mut largest = vec![0.0f32; how.groups()];
    for (row, scales) in w.chunks_exact(how.width).zip(scales.chunks_exact_mut(how.groups())) {
        if scales.iter().all(|scale| *scale != 0.0) {
            continue;
        }
        largest.fill(0.0);
        for (column, value) in row.iter().enumerate() {
            let largest = &mut largest[how.group(column)];
            *largest = if value.abs() > *largest { value.abs() } else { *largest };
        }
        for (scale, largest) in scales.iter_mut().zip(&largest) {
            *scale = if *scale == 0.0 { largest / limit } else { *scale };
        }
    }
}

dispatch! {
    /// Rounds one row of one block.
    fn round_row_on(w: &mut [f32], q: &mut [i8], errors: &mut [f32], square: &[f32], scales: &[f32],
        scale_of: &[usize], limit: f32) = round_row
}

#[inline(always)]
#[allow(clippy::too_many_arguments)]
fn round_row(
    w: &mut [f32],
    q: &mut [i8],
    errors: &mut [f32],
    square: &[f32],
    scales: &[f32],
    scale_of: &[usize],
    limit: f32,
) {
    let size = w.len();
    for j in 0..size {
        let scale = scales[scale_of[j]];
        let rounded = if scale == 0.0 { 0 } else { round_one(w[j], scale, limit) };
        q[j] = rounded as i8;
        let upper = &square[j * size..][..size];
        let error = (-(rounded as f32)).mul_add(scale, w[j]) / upper[j];
        errors[j] = error;
        for (w, u) in w[j + 1..].iter_mut().zip(&upper[j + 1..]) {
            *w = (-error).mul_add(*u, *w);
        }
    }
}
