//! Float operators over the C ABI: rows are independent, so pieces of rows go to threads, each through the plain function.

use super::{Code, EXP_COST, NpukRun, STRIP, Span, count, disjoint, guard, input, output, run};
use crate::nn;
use crate::run::SharedMut;

/// Runs `piece(a, b, out)` over strips of three arrays of one length; `out` may be exactly `a` or `b`.
///
/// # Safety
/// As the exported functions.
unsafe fn strips(
    (a, a_len): (*const f32, usize),
    (b, b_len): (*const f32, usize),
    (out, out_len): (*mut f32, usize),
    cost: usize,
    ctl: *const NpukRun,
    piece: impl Fn(&[f32], &[f32], &mut [f32]) + Sync,
) -> Result<(), Code> {
    let apart = |x: *const f32| {
        if core::ptr::eq(x, out) {
            Ok(())
        } else {
            disjoint(&[Span::of(out, out_len)], &[Span::of(x, out_len)])
        }
    };
    let (a_same, b_same) = (core::ptr::eq(a, out), core::ptr::eq(b, out));
    apart(a)?;
    apart(b)?;
    // SAFETY: lengths promised by the caller. Where an input is the output, only `shared` is used for it below.
    let (a, b, out, run) = unsafe {
        let a = if a_same {
            input(a, a_len, out_len).map(|_| &[][..])?
        } else {
            input(a, a_len, out_len)?
        };
        let b = if b_same {
            input(b, b_len, out_len).map(|_| &[][..])?
        } else {
            input(b, b_len, out_len)?
        };
        (a, b, output(out, out_len, out_len)?, run(ctl))
    };
    let shared = SharedMut::new(out);
    run.for_rows(out_len.div_ceil(STRIP), STRIP * cost, |range| {
        let mut copy = Vec::new();
        for strip in range {
            let at = strip * STRIP..out_len.min((strip + 1) * STRIP);
            // SAFETY: strips are disjoint.
            let out = unsafe { shared.slice(at.clone()) };
            if a_same || b_same {
                copy.clear();
                copy.extend_from_slice(out);
            }
            let a = if a_same { &copy[..] } else { &a[at.clone()] };
            let b = if b_same { &copy[..] } else { &b[at] };
            piece(a, b, out);
        }
    })?;
    Ok(())
}

/// `out = a + b`; `out` may be `a` or `b`.
///
/// # Safety
/// Each pointer holds as many elements as the length beside it says; `ctl` is null or valid.
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_add(
    a: *const f32, a_len: usize, b: *const f32, b_len: usize, out: *mut f32, out_len: usize, ctl: *const NpukRun,
) -> i32 {
    // SAFETY: passed on.
    guard(|| unsafe { strips((a, a_len), (b, b_len), (out, out_len), 1, ctl, nn::add) })
}

/// `out = silu(gate) · up`; `out` may be `gate` or `up`.
///
/// # Safety
/// As [`npuk_add`].
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_silu_mul(
    gate: *const f32, gate_len: usize, up: *const f32, up_len: usize, out: *mut f32, out_len: usize,
    ctl: *const NpukRun,
) -> i32 {
    // SAFETY: passed on.
    guard(|| unsafe { strips((gate, gate_len), (up, up_len), (out, out_len), EXP_COST, ctl, nn::silu_mul) })
}

/// Root-mean-square norm of each row of X `[rows, width]`; `out` may be `x`.
///
/// # Safety
/// As [`npuk_add`].
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_rms_norm(
    x: *const f32, x_len: usize, w: *const f32, w_len: usize, out: *mut f32, out_len: usize,
    rows: usize, width: usize, eps: f32, ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        let same = core::ptr::eq(x, out);
        disjoint(&[Span::of(out, out_len)], &[Span::of(w, w_len)])?;
        if !same {
            disjoint(&[Span::of(out, out_len)], &[Span::of(x, x_len)])?;
        }
        let size = count(&[rows, width])?;
        // SAFETY: lengths promised by the caller; x is not kept where it is the output.
        let (x, w, out, run) = unsafe {
            let x = input(x, x_len, size)?;
            (if same { &[][..] } else { x }, input(w, w_len, width)?, output(out, out_len, size)?, run(ctl))
        };
        let shared = SharedMut::new(out);
        run.for_rows(rows, width * 2, |range| {
            let at = range.start * width..range.end * width;
            // SAFETY: row ranges are disjoint.
            let out = unsafe { shared.slice(at.clone()) };
            let copy = if same { out.to_vec() } else { Vec::new() };
            nn::rms_norm(if same { &copy } else { &x[at] }, w, eps, range.len(), width, out);
        })?;
        Ok(())
    })
}

/// Softmax of each row of X `[rows, width]` in place.
///
/// # Safety
/// As [`npuk_add`].
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_softmax_rows(
    x: *mut f32, x_len: usize, rows: usize, width: usize, ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        // SAFETY: lengths promised by the caller.
        let (x, run) = unsafe { (output(x, x_len, count(&[rows, width])?)?, run(ctl)) };
        let shared = SharedMut::new(x);
        run.for_rows(rows, width * EXP_COST, |range| {
            // SAFETY: row ranges are disjoint.
            let x = unsafe { shared.slice(range.start * width..range.end * width) };
            nn::softmax_rows(x, range.len(), width);
        })?;
        Ok(())
    })
}

/// Rotary embedding of X `[rows, heads, head_dim]` in place.
///
/// # Safety
/// As [`npuk_add`].
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_rope(
    x: *mut f32, x_len: usize, rows: usize, heads: usize, head_dim: usize, first_position: usize, theta: f32,
    ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        if !(head_dim.is_multiple_of(2) && theta.is_finite() && theta > 0.0) {
            return Err(Code::Argument);
        }
        let width = count(&[heads, head_dim])?;
        // SAFETY: lengths promised by the caller.
        let (x, run) = unsafe { (output(x, x_len, count(&[rows, width])?)?, run(ctl)) };
        let shared = SharedMut::new(x);
        run.for_rows(rows, width * 2 + head_dim * 32, |range| {
            // SAFETY: row ranges are disjoint.
            let x = unsafe { shared.slice(range.start * width..range.end * width) };
            nn::rope(x, range.len(), heads, head_dim, first_position + range.start, theta);
        })?;
        Ok(())
    })
}

/// Rows of attention in one piece, at least: each piece brings all keys into another order first.
const ATTENTION_ROWS: usize = 32;

/// Causal attention; K and V hold `keys` rows of `kv_heads * head_dim`, at least `first_position + rows`.
///
/// # Safety
/// As [`npuk_add`].
#[unsafe(no_mangle)]
#[rustfmt::skip]
pub unsafe extern "C" fn npuk_attention(
    q: *const f32, q_len: usize, k: *const f32, k_len: usize, v: *const f32, v_len: usize,
    out: *mut f32, out_len: usize,
    rows: usize, heads: usize, kv_heads: usize, head_dim: usize, first_position: usize, ctl: *const NpukRun,
) -> i32 {
    guard(|| {
        disjoint(&[Span::of(out, out_len)], &[Span::of(q, q_len), Span::of(k, k_len), Span::of(v, v_len)])?;
        if kv_heads == 0 || !heads.is_multiple_of(kv_heads) {
            return Err(Code::Argument);
        }
        let width = count(&[heads, head_dim])?;
        let seen = if rows == 0 { 0 } else { first_position.checked_add(rows).ok_or(Code::Length)? };
        if k_len != v_len || k_len < count(&[seen, kv_heads, head_dim])? {
            return Err(Code::Length);
        }
        // SAFETY: lengths promised by the caller, overlap checked.
        let (q, k, v, out, run) = unsafe {
            let size = count(&[rows, width])?;
            (input(q, q_len, size)?, input(k, k_len, k_len)?, input(v, v_len, v_len)?,
             output(out, out_len, size)?, run(ctl))
        };
        let shared = SharedMut::new(out);
        let cost = width * 2 * (first_position + rows / 2);
        run.for_blocks(rows, cost, ATTENTION_ROWS, |range| {
            let at = range.start * width..range.end * width;
            // SAFETY: row ranges are disjoint.
            let out = unsafe { shared.slice(at.clone()) };
            nn::attention(&q[at], k, v, range.len(), heads, kv_heads, head_dim, first_position + range.start, out);
        })?;
        Ok(())
    })
}
