//! Number formats over the C ABI: int8 with scales, bf16, f16.

use super::{Code, NpukRun, STRIP, Span, count, disjoint, guard, input, output, run};
use crate::run::SharedMut;
use crate::{convert, quantize};

/// Dynamic symmetric int8 per row of X `[rows, width]`.
///
/// # Safety
/// As [`npuk_add`](super::npuk_add).
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_quantize_rows_int8(
    x: *const f32, x_len: usize, q: *mut i8, q_len: usize, scales: *mut f32, scales_len: usize,
    rows: usize, width: usize, ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        disjoint(&[Span::of(q, q_len), Span::of(scales, scales_len)], &[Span::of(x, x_len)])?;
        // SAFETY: lengths promised by the caller, overlap checked.
        let (x, q, scales, run) = unsafe {
            let size = count(&[rows, width])?;
            (input(x, x_len, size)?, output(q, q_len, size)?, output(scales, scales_len, rows)?, run(ctl))
        };
        let (shared_q, shared_scales) = (SharedMut::new(q), SharedMut::new(scales));
        run.for_rows(rows, width * 4, |range| {
            let at = range.start * width..range.end * width;
            // SAFETY: row ranges are disjoint.
            let (q, scales) = unsafe { (shared_q.slice(at.clone()), shared_scales.slice(range.clone())) };
            quantize::rows_int8(&x[at], range.len(), width, q, scales);
        })?;
        Ok(())
    })
}

/// `out = acc · row_scale · column_scale`, all `[rows, columns]`.
///
/// # Safety
/// As [`npuk_add`](super::npuk_add).
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_dequantize(
    acc: *const i32, acc_len: usize, row_scales: *const f32, row_scales_len: usize,
    column_scales: *const f32, column_scales_len: usize, out: *mut f32, out_len: usize,
    rows: usize, columns: usize, ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        let inputs = [Span::of(acc, acc_len), Span::of(row_scales, row_scales_len),
            Span::of(column_scales, column_scales_len)];
        disjoint(&[Span::of(out, out_len)], &inputs)?;
        // SAFETY: lengths promised by the caller, overlap checked.
        let (acc, row_scales, column_scales, out, run) = unsafe {
            let size = count(&[rows, columns])?;
            (input(acc, acc_len, size)?, input(row_scales, row_scales_len, rows)?,
             input(column_scales, column_scales_len, columns)?, output(out, out_len, size)?, run(ctl))
        };
        let shared = SharedMut::new(out);
        run.for_rows(rows, columns * 2, |range| {
            let at = range.start * columns..range.end * columns;
            // SAFETY: row ranges are disjoint.
            let out = unsafe { shared.slice(at.clone()) };
            quantize::dequantize(&acc[at], &row_scales[range.clone()], column_scales, range.len(), columns, out);
        })?;
        Ok(())
    })
}

/// Runs a conversion over strips.
///
/// # Safety
/// As the exported functions.
unsafe fn converted<S: Sync, T: Send>(
    (x, x_len): (*const S, usize),
    (out, out_len): (*mut T, usize),
    ctl: *const NpukRun,
    piece: impl Fn(&[S], &mut [T]) + Sync,
) -> Result<(), Code> {
    disjoint(&[Span::of(out, out_len)], &[Span::of(x, x_len)])?;
    // SAFETY: lengths promised by the caller, overlap checked.
    let (x, out, run) = unsafe { (input(x, x_len, out_len)?, output(out, out_len, out_len)?, run(ctl)) };
    let shared = SharedMut::new(out);
    run.for_rows(out_len.div_ceil(STRIP), STRIP * 2, |range| {
        let at = range.start * STRIP..out_len.min(range.end * STRIP);
        // SAFETY: strips are disjoint.
        piece(&x[at.clone()], unsafe { shared.slice(at) });
    })?;
    Ok(())
}

macro_rules! conversion {
    ($(#[$meta:meta])* $name:ident, $from:ty, $to:ty, $body:path) => {
        $(#[$meta])*
        ///
        /// # Safety
        /// As [`npuk_add`](super::npuk_add).
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name(
            x: *const $from, x_len: usize, out: *mut $to, out_len: usize, ctl: *const NpukRun,
        ) -> i32 {
            // SAFETY: passed on.
            guard(|| unsafe { converted((x, x_len), (out, out_len), ctl, $body) })
        }
    };
}

conversion! {
    /// Widens bf16.
    npuk_bf16_to_f32, u16, f32, convert::bf16_to_f32
}
conversion! {
    /// Widens f16.
    npuk_f16_to_f32, u16, f32, convert::f16_to_f32
}
conversion! {
    /// Narrows to f16.
    npuk_f32_to_f16, f32, u16, convert::f32_to_f16
}
conversion! {
    /// Narrows to bf16.
    npuk_f32_to_bf16, f32, u16, convert::f32_to_bf16
}
