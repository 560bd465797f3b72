//! How far logits are from a target: negative log-likelihood, Kullback–Leibler divergence, argmax; one value per row.
//!
//! Sums run in f64 (sixteen lanes, fixed tree) because a divergence of 1e-6 must survive 32000 terms.

use crate::dispatch::dispatch;
use crate::isa;
use crate::math::{exp64, ln64, max, tree64};

/// `out[r] = ln Σ exp(logits[r]) − logits[r, targets[r]]`, in nats. A target outside `0..width` gives NaN.
///
/// # Panics
/// When a slice does not have the length its shape says.
pub fn nll_rows(logits: &[f32], targets: &[i32], rows: usize, width: usize, out: &mut [f32]) {
    assert!(logits.len() == rows * width, "logits is [rows, width]");
    assert!(targets.len() == rows && out.len() == rows, "targets and out are [rows]");
    nll_rows_on(isa::active(), logits, targets, width, out);
}

/// `out[r] = KL(softmax(p[r]) ‖ softmax(q[r]))` in nats, never below 0.
///
/// # Panics
/// When a slice does not have the length its shape says.
pub fn kl_rows(p: &[f32], q: &[f32], rows: usize, width: usize, out: &mut [f32]) {
    assert!(
        p.len() == rows * width && q.len() == rows * width,
        "p and q are [rows, width]"
    );
    assert!(out.len() == rows, "out is [rows]");
    kl_rows_on(isa::active(), p, q, width, out);
}

/// `out[r]` = index of the largest logit, the first of equals; 0 when the row is empty or all NaN.
///
/// # Panics
/// When a slice does not have the length its shape says.
pub fn argmax_rows(logits: &[f32], rows: usize, width: usize, out: &mut [i32]) {
    assert!(
        logits.len() == rows * width && out.len() == rows,
        "logits is [rows, width], out [rows]"
    );
    argmax_rows_on(isa::active(), logits, width, out);
}

dispatch! {
    /// [`nll_rows`] on a given instruction set.
    pub(crate) fn nll_rows_on(logits: &[f32], targets: &[i32], width: usize, out: &mut [f32]) = nll_rows_body
}
dispatch! {
    /// [`kl_rows`] on a given instruction set.
    pub(crate) fn kl_rows_on(p: &[f32], q: &[f32], width: usize, out: &mut [f32]) = kl_rows_body
}
dispatch! {
    /// [`argmax_rows`] on a given instruction set.
    pub(crate) fn argmax_rows_on(logits: &[f32], width: usize, out: &mut [i32]) = argmax_rows_body
}

/// Σ exp(x − max) in f64.
#[inline(always)]
fn exp_sum(row: &[f32], largest: f64) -> f64 {
    let mut lanes = [0.0f64; 16];
    let (blocks, tail) = row.as_chunks::<16>();
    for block in blocks {
        for i in 0..16 {
            lanes[i] += exp64(f64::from(block[i]) - largest);
        }
    }
    for (lane, x) in lanes.iter_mut().zip(tail) {
        *lane += exp64(f64::from(*x) - largest);
    }
    tree64(lanes)
}

#[inline(always)]
fn nll_rows_body(logits: &[f32], targets: &[i32], width: usize, out: &mut [f32]) {
    for (row, (target, out)) in targets.iter().zip(out).enumerate() {
        let row = &logits[row * width..][..width];
        let largest = f64::from(max(row));
        let target = usize::try_from(*target).ok().and_then(|index| row.get(index));
        *out = match target {
            Some(x) => (largest + ln64(exp_sum(row, largest)) - f64::from(*x)) as f32,
            None => f32::NAN,
        };
    }
}

#[inline(always)]
fn kl_rows_body(p: &[f32], q: &[f32], width: usize, out: &mut [f32]) {
    for (row, out) in out.iter_mut().enumerate() {
        let (p, q) = (&p[row * width..][..width], &q[row * width..][..width]);
        let (p_max, q_max) = (f64::from(max(p)), f64::from(max(q)));
        let (mut mass, mut moved) = ([0.0f64; 16], [0.0f64; 16]);
        let (p_blocks, p_tail) = p.as_chunks::<16>();
        let (q_blocks, q_tail) = q.as_chunks::<16>();
        for (p, q) in p_blocks.iter().zip(q_blocks) {
            for i in 0..16 {
                let weight = exp64(f64::from(p[i]) - p_max);
                mass[i] += weight;
                moved[i] = weight.mul_add(f64::from(p[i]) - f64::from(q[i]), moved[i]);
            }
        }
        for (i, (p, q)) in p_tail.iter().zip(q_tail).enumerate() {
            let weight = exp64(f64::from(*p) - p_max);
            mass[i] += weight;
            moved[i] = weight.mul_add(f64::from(*p) - f64::from(*q), moved[i]);
        }
        let mass = tree64(mass);
        let p_norm = p_max + ln64(mass);
        let q_norm = q_max + ln64(exp_sum(q, q_max));
        let kl = tree64(moved) / mass - (p_norm - q_norm);
        *out = if kl < 0.0 { 0.0 } else { kl as f32 };
    }
}

#[inline(always)]
fn argmax_rows_body(logits: &[f32], width: usize, out: &mut [i32]) {
    for (row, out) in out.iter_mut().enumerate() {
        let row = &logits[row * width..][..width];
        let largest = max(row);
        *out = row.iter().position(|x| *x == largest).unwrap_or(0) as i32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logits(seed: u32, count: usize) -> Vec<f32> {
        (0..count as u32)
            .map(|i| (i.wrapping_mul(2_654_435_761).wrapping_add(seed) >> 8) as f32 / 2_097_152.0 - 4.0)
            .collect()
    }

    #[test]
    fn likelihood_and_divergence_agree_with_a_plain_f64_loop() {
        for width in [1, 2, 15, 16, 17, 1000] {
            let (p, q) = (logits(1, 3 * width), logits(99, 3 * width));
            let targets = [0, (width - 1) as i32, (width / 2) as i32];
            let (mut nll, mut kl) = ([0.0f32; 3], [0.0f32; 3]);
            nll_rows(&p, &targets, 3, width, &mut nll);
            kl_rows(&p, &q, 3, width, &mut kl);
            for row in 0..3 {
                let log_softmax = |x: &[f32]| -> Vec<f64> {
                    let sum: f64 = x.iter().map(|v| f64::from(*v).exp()).sum();
                    x.iter().map(|v| f64::from(*v) - sum.ln()).collect()
                };
                let (lp, lq) = (
                    log_softmax(&p[row * width..][..width]),
                    log_softmax(&q[row * width..][..width]),
                );
                let exact: f64 = lp.iter().zip(&lq).map(|(a, b)| a.exp() * (a - b)).sum();
                assert!((f64::from(nll[row]) + lp[targets[row] as usize]).abs() < 1e-6);
                assert!((f64::from(kl[row]) - exact).abs() < 1e-6);
            }
        }
    }

    #[test]
    fn equal_logits_diverge_by_exactly_zero_and_a_foreign_target_is_nan() {
        let p = logits(5, 333);
        let mut out = [1.0f32];
        kl_rows(&p, &p, 1, 333, &mut out);
        assert_eq!(out, [0.0]);
        nll_rows(&p, &[333], 1, 333, &mut out);
        assert!(out[0].is_nan());
    }

    #[test]
    fn argmax_takes_the_first_of_equals_and_ignores_nan() {
        let mut out = [0i32; 3];
        argmax_rows(
            &[1.0, 3.0, 3.0, f32::NAN, -2.0, -1.0, f32::NAN, f32::NAN, f32::NAN],
            3,
            3,
            &mut out,
        );
        assert_eq!(out, [1, 2, 0]);
    }
}
