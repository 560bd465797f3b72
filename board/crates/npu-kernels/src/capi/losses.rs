//! Losses over the C ABI, one value per row.

use super::{Code, EXP_COST, NpukRun, Span, count, disjoint, guard, input, output, run};
use crate::loss;
use crate::run::SharedMut;

/// Negative log-likelihood of each row's target; every target lies in `0..width`.
///
/// # Safety
/// As [`npuk_add`](super::npuk_add).
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_nll_rows(
    logits: *const f32, logits_len: usize, targets: *const i32, targets_len: usize, out: *mut f32, out_len: usize,
    rows: usize, width: usize, ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        disjoint(&[Span::of(out, out_len)], &[Span::of(logits, logits_len), Span::of(targets, targets_len)])?;
        // SAFETY: lengths promised by the caller, overlap checked.
        let (logits, targets, out, run) = unsafe {
            (input(logits, logits_len, count(&[rows, width])?)?, input(targets, targets_len, rows)?,
             output(out, out_len, rows)?, run(ctl))
        };
        if !targets.iter().all(|target| usize::try_from(*target).is_ok_and(|index| index < width)) {
            return Err(Code::Argument);
        }
        let shared = SharedMut::new(out);
        run.for_rows(rows, width * EXP_COST, |range| {
            // SAFETY: row ranges are disjoint.
            let out = unsafe { shared.slice(range.clone()) };
            let logits = &logits[range.start * width..range.end * width];
            loss::nll_rows(logits, &targets[range.clone()], range.len(), width, out);
        })?;
        Ok(())
    })
}

/// KL(softmax(p) ‖ softmax(q)) of each row, in nats.
///
/// # Safety
/// As [`npuk_add`](super::npuk_add).
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_kl_rows(
    p: *const f32, p_len: usize, q: *const f32, q_len: usize, out: *mut f32, out_len: usize,
    rows: usize, width: usize, ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        disjoint(&[Span::of(out, out_len)], &[Span::of(p, p_len), Span::of(q, q_len)])?;
        // SAFETY: lengths promised by the caller, overlap checked.
        let (p, q, out, run) = unsafe {
            let size = count(&[rows, width])?;
            (input(p, p_len, size)?, input(q, q_len, size)?, output(out, out_len, rows)?, run(ctl))
        };
        let shared = SharedMut::new(out);
        run.for_rows(rows, width * 2 * EXP_COST, |range| {
            let at = range.start * width..range.end * width;
            // SAFETY: row ranges are disjoint.
            let out = unsafe { shared.slice(range.clone()) };
            loss::kl_rows(&p[at.clone()], &q[at], range.len(), width, out);
        })?;
        Ok(())
    })
}

/// Index of the largest logit of each row, the first of equals; `width` is at least 1.
///
/// # Safety
/// As [`npuk_add`](super::npuk_add).
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_argmax_rows(
    logits: *const f32, logits_len: usize, out: *mut i32, out_len: usize, rows: usize, width: usize,
    ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        disjoint(&[Span::of(out, out_len)], &[Span::of(logits, logits_len)])?;
        if width == 0 || width > i32::MAX as usize {
            return Err(Code::Argument);
        }
        // SAFETY: lengths promised by the caller, overlap checked.
        let (logits, out, run) = unsafe {
            (input(logits, logits_len, count(&[rows, width])?)?, output(out, out_len, rows)?, run(ctl))
        };
        let shared = SharedMut::new(out);
        run.for_rows(rows, width, |range| {
            // SAFETY: row ranges are disjoint.
            let out = unsafe { shared.slice(range.clone()) };
            loss::argmax_rows(&logits[range.start * width..range.end * width], range.len(), width, out);
        })?;
        Ok(())
    })
}
