//! Matrix products and GPTQ over the C ABI.

use super::{Code, NpukRun, Span, count, disjoint, guard, input, output, run};
use crate::gptq::{self, GptqError, Rounding};
use crate::{gemm, int8};

/// C `[m, n]` = A `[m, k]` · B `[n, k]`ᵀ in f32.
///
/// # Safety
/// Each pointer holds as many elements as the length beside it says; `ctl` is null or valid.
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_matmul_f32(
    a: *const f32, a_len: usize, b: *const f32, b_len: usize, c: *mut f32, c_len: usize,
    m: usize, k: usize, n: usize, ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        disjoint(&[Span::of(c, c_len)], &[Span::of(a, a_len), Span::of(b, b_len)])?;
        // SAFETY: lengths promised by the caller, overlap checked.
        let (a, b, c, run) = unsafe {
            (input(a, a_len, count(&[m, k])?)?, input(b, b_len, count(&[n, k])?)?,
             output(c, c_len, count(&[m, n])?)?, run(ctl))
        };
        Ok(gemm::matmul_f32_with(a, b, m, k, n, c, &run)?)
    })
}

/// C `[m, n]` = A `[m, k]` · B `[n, k]`ᵀ, int8 to int32, exact.
///
/// # Safety
/// As [`npuk_matmul_f32`].
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_matmul_int8(
    a: *const i8, a_len: usize, b: *const i8, b_len: usize, c: *mut i32, c_len: usize,
    m: usize, k: usize, n: usize, ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        disjoint(&[Span::of(c, c_len)], &[Span::of(a, a_len), Span::of(b, b_len)])?;
        if k > int8::MAX_K {
            return Err(Code::Argument);
        }
        // SAFETY: lengths promised by the caller, overlap checked.
        let (a, b, c, run) = unsafe {
            (input(a, a_len, count(&[m, k])?)?, input(b, b_len, count(&[n, k])?)?,
             output(c, c_len, count(&[m, n])?)?, run(ctl))
        };
        Ok(int8::matmul_with(a, b, m, k, n, c, &run)?)
    })
}

/// H `[width, width]` += Xᵀ·X for X `[rows, width]`.
///
/// # Safety
/// As [`npuk_matmul_f32`].
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_gram(
    x: *const f32, x_len: usize, h: *mut f32, h_len: usize, rows: usize, width: usize, ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        disjoint(&[Span::of(h, h_len)], &[Span::of(x, x_len)])?;
        // SAFETY: lengths promised by the caller, overlap checked.
        let (x, h, run) = unsafe {
            (input(x, x_len, count(&[rows, width])?)?, output(h, h_len, count(&[width, width])?)?, run(ctl))
        };
        Ok(gemm::gram_with(x, rows, width, h, &run)?)
    })
}

/// Upper Cholesky factor of the inverse of the damped H, into `factor`; `*damp_fraction_used` (may be null) receives
/// the fraction that worked.
///
/// # Safety
/// As [`npuk_matmul_f32`]; `damp_fraction_used` is null or writable.
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_gptq_factor(
    h: *const f32, h_len: usize, factor: *mut f32, factor_len: usize, width: usize, damp_fraction: f32,
    damp_fraction_used: *mut f32, ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        disjoint(&[Span::of(factor, factor_len)], &[Span::of(h, h_len)])?;
        if !(damp_fraction.is_finite() && damp_fraction >= 0.0) {
            return Err(Code::Argument);
        }
        // SAFETY: lengths promised by the caller, overlap checked.
        let (h, factor, run) = unsafe {
            let square = count(&[width, width])?;
            (input(h, h_len, square)?, output(factor, factor_len, square)?, run(ctl))
        };
        let done = gptq::cholesky_inverse_upper_with(h, width, damp_fraction, factor, &run).map_err(|e| match e {
            GptqError::Cancelled => Code::Cancelled,
            GptqError::NotPositiveDefinite => Code::NotPositiveDefinite,
        })?;
        // SAFETY: null or writable, promised by the caller.
        if let Some(used) = unsafe { damp_fraction_used.as_mut() } {
            *used = done.damp_fraction;
        }
        Ok(())
    })
}

/// Rounds W `[rows, width]` (consumed) with error feedback; see `gptq::quantize_block`. `permutation` may be null.
///
/// # Safety
/// As [`npuk_matmul_f32`].
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_gptq_quantize(
    w: *mut f32, w_len: usize, factor: *const f32, factor_len: usize, scales: *mut f32, scales_len: usize,
    permutation: *const i32, permutation_len: usize, q: *mut i8, q_len: usize, loss: *mut f32, loss_len: usize,
    rows: usize, width: usize, bits: u32, block_size: usize, group_size: usize, ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        let outputs =
            [Span::of(w, w_len), Span::of(scales, scales_len), Span::of(q, q_len), Span::of(loss, loss_len)];
        disjoint(&outputs, &[Span::of(factor, factor_len), Span::of(permutation, permutation_len)])?;
        if !(2..=8).contains(&bits) || block_size == 0 || group_size == 0 {
            return Err(Code::Argument);
        }
        // SAFETY: lengths promised by the caller, overlap checked; i32 is read as u32 after the range check.
        unsafe {
            let permutation = if permutation.is_null() {
                None
            } else {
                let columns = input(permutation.cast::<u32>(), permutation_len, width)?;
                if columns.iter().any(|column| *column as usize >= width) {
                    return Err(Code::Argument);
                }
                Some(columns)
            };
            let how = Rounding { rows, width, bits, block_size, group_size, permutation };
            let weights = count(&[rows, width])?;
            let w = output(w, w_len, weights)?;
            let factor = input(factor, factor_len, count(&[width, width])?)?;
            let scales = output(scales, scales_len, count(&[rows, how.groups()])?)?;
            let (q, loss) = (output(q, q_len, weights)?, output(loss, loss_len, width)?);
            Ok(gptq::quantize_block_with(w, factor, &how, scales, q, loss, &run(ctl))?)
        }
    })
}
