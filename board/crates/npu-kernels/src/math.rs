//! Our `exp`, `ln`, `sin`, `cos`, dot product and sum: fixed polynomials and fixed orders, so no library decides a bit.
//!
//! Accuracy against the exact value (tests hold it): [`exp`] 2 ulp of f32; [`exp64`], [`ln64`] 4e-16 relative;
//! [`sin_cos`] 1e-15 absolute up to 1e6 radians. Multiplication, division and square root are IEEE and need no help.
//! Everything is branch-free where it is hot and always inlined: the caller's instruction set decides the vectors.

/// Adding and subtracting this rounds an f32 of magnitude below 2^22 to an integer, halves to even.
pub(crate) const ROUND32: f32 = 12_582_912.0;
/// The same for f64 below 2^51.
const ROUND64: f64 = 6_755_399_441_055_744.0;

/// e^x. Overflows to infinity, underflows to zero through subnormals, keeps NaN.
#[inline(always)]
pub fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = core::f32::consts::LOG2_E;
    const LN2_HIGH: f32 = 355.0 / 512.0;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let clamped = if x > 89.0 { 89.0 } else { x };
    let clamped = if clamped < -105.0 { -105.0 } else { clamped };
    let shifted = clamped * LOG2_E + ROUND32;
    let n = shifted - ROUND32;
    let r = (-n).mul_add(LN2_HIGH, clamped);
    let r = (-n).mul_add(LN2_LOW, r);
    let p = 1.984_127e-4_f32;
    let p = p.mul_add(r, 1.388_888_9e-3);
    let p = p.mul_add(r, 8.333_334e-3);
    let p = p.mul_add(r, 4.166_666_6e-2);
    let p = p.mul_add(r, 1.666_666_7e-1);
    let p = p.mul_add(r, 0.5);
    let p = p.mul_add(r, 1.0);
    let p = p.mul_add(r, 1.0);
    // 2^n in two exact factors, so that subnormal results are rounded once.
    let n = (shifted.to_bits() as i32).wrapping_sub(ROUND32.to_bits() as i32);
    let half = n >> 1;
    let power = |e: i32| f32::from_bits((e.wrapping_add(127) as u32) << 23);
    let y = p * power(half) * power(n.wrapping_sub(half));
    if x.is_nan() { x } else { y }
}

/// e^x in f64.
#[inline(always)]
pub fn exp64(x: f64) -> f64 {
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    let clamped = if x > 710.0 { 710.0 } else { x };
    let clamped = if clamped < -746.0 { -746.0 } else { clamped };
    let shifted = clamped * core::f64::consts::LOG2_E + ROUND64;
    let n = shifted - ROUND64;
    let r = (-n).mul_add(LN2_HIGH, clamped);
    let r = (-n).mul_add(LN2_LOW, r);
    // Taylor to r^13; |r| <= ln(2)/2, so the first term left out is below 1e-17.
    let mut p = 1.0 / 6_227_020_800.0;
    for inverse in [
        1.0 / 479_001_600.0,
        1.0 / 39_916_800.0,
        1.0 / 3_628_800.0,
        1.0 / 362_880.0,
        1.0 / 40_320.0,
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        p = f64::mul_add(p, r, inverse);
    }
    let n = (shifted.to_bits() as i64).wrapping_sub(ROUND64.to_bits() as i64);
    let half = (n as i32 >> 1) as i64;
    let power = |e: i64| f64::from_bits((e.wrapping_add(1023) as u64) << 52);
    let y = p * power(half) * power(n.wrapping_sub(half));
    if x.is_nan() { x } else { y }
}

/// Natural logarithm in f64 of a positive, normal `x`; 0 gives −∞, a negative value NaN.
pub fn ln64(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x.is_infinite() {
        return x;
    }
    let (x, extra) = if x < f64::MIN_POSITIVE {
        (x * 18_014_398_509_481_984.0, -54)
    } else {
        (x, 0)
    };
    let bits = x.to_bits();
    let mut exponent = ((bits >> 52) as i64 - 1023 + extra) as f64;
    let mut mantissa = f64::from_bits((bits & 0x000f_ffff_ffff_ffff) | 0x3ff0_0000_0000_0000);
    if mantissa > core::f64::consts::SQRT_2 {
        mantissa *= 0.5;
        exponent += 1.0;
    }
    // ln m = 2 artanh(s), s = (m-1)/(m+1), |s| <= 0.172: the first term left out is below 1e-18.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let mut p = 1.0 / 23.0;
    for odd in [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
        p = f64::mul_add(p, square, 1.0 / odd);
    }
    let tail = 2.0 * s * square * p;
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    exponent.mul_add(LN2_HIGH, exponent.mul_add(LN2_LOW, tail) + 2.0 * s)
}

/// `(sin x, cos x)` for `x` in radians.
pub fn sin_cos(x: f64) -> (f64, f64) {
    const HALF_PI_HIGH: f64 = core::f64::consts::FRAC_PI_2;
    const HALF_PI_LOW: f64 = 6.123_233_995_736_766e-17;
    let shifted = x * core::f64::consts::FRAC_2_PI + ROUND64;
    let n = shifted - ROUND64;
    let r = (-n).mul_add(HALF_PI_HIGH, x);
    let r = (-n).mul_add(HALF_PI_LOW, r);
    let square = r * r;
    let series = |terms: [f64; 8]| {
        terms
            .into_iter()
            .reduce(|p, term| p.mul_add(square, term))
            .unwrap_or(1.0)
    };
    let sin = r * series([
        -1.0 / 1_307_674_368_000.0,
        1.0 / 6_227_020_800.0,
        -1.0 / 39_916_800.0,
        1.0 / 362_880.0,
        -1.0 / 5_040.0,
        1.0 / 120.0,
        -1.0 / 6.0,
        1.0,
    ]);
    let cos = (1.0 / 20_922_789_888_000.0_f64).mul_add(square, -1.0 / 87_178_291_200.0);
    let cos = [
        1.0 / 479_001_600.0,
        -1.0 / 3_628_800.0,
        1.0 / 40_320.0,
        -1.0 / 720.0,
        1.0 / 24.0,
        -0.5,
        1.0,
    ]
    .into_iter()
    .fold(cos, |p, term| p.mul_add(square, term));
    match (shifted.to_bits() as i64).wrapping_sub(ROUND64.to_bits() as i64) & 3 {
        0 => (sin, cos),
        1 => (cos, -sin),
        2 => (-sin, -cos),
        _ => (-cos, sin),
    }
}

/// Adds sixteen lanes in a fixed tree: 8, 4, 2, 1 apart.
#[inline(always)]
pub(crate) fn tree(mut lanes: [f32; 16]) -> f32 {
    for width in [8, 4, 2, 1] {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
    }
    lanes[0]
}

/// The same tree in f64.
#[inline(always)]
pub(crate) fn tree64(mut lanes: [f64; 16]) -> f64 {
    for width in [8, 4, 2, 1] {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
    }
    lanes[0]
}

/// Dot product: element `i` goes to lane `i % 16` by fused multiply-add, lanes join in the fixed tree.
#[inline(always)]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (a_blocks, a_tail) = a.as_chunks::<16>();
    let (b_blocks, b_tail) = b.as_chunks::<16>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for i in 0..16 {
            lanes[i] = a[i].mul_add(b[i], lanes[i]);
        }
    }
    for (lane, (a, b)) in lanes.iter_mut().zip(a_tail.iter().zip(b_tail)) {
        *lane = a.mul_add(*b, *lane);
    }
    tree(lanes)
}

/// Largest element; NaN never wins; −∞ for an empty slice.
#[inline(always)]
pub(crate) fn max(x: &[f32]) -> f32 {
    let mut lanes = [f32::NEG_INFINITY; 16];
    let (blocks, tail) = x.as_chunks::<16>();
    for block in blocks {
        for i in 0..16 {
            lanes[i] = if block[i] > lanes[i] { block[i] } else { lanes[i] };
        }
    }
    lanes
        .into_iter()
        .chain(tail.iter().copied())
        .fold(f32::NEG_INFINITY, |m, v| if v > m { v } else { m })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_is_within_two_ulp_of_the_exact_value() {
        let mut worst = 0.0f64;
        for i in 0..400_000 {
            let x = -103.0 + i as f32 * (191.5 / 400_000.0);
            let exact = (x as f64).exp();
            let ulp = (exact as f32).to_bits();
            let ulp = (f32::from_bits(ulp + 1) as f64 - f32::from_bits(ulp) as f64).abs();
            worst = worst.max((exp(x) as f64 - exact).abs() / ulp);
        }
        assert!(worst <= 2.0, "worst error {worst} ulp");
    }

    #[test]
    fn exp_keeps_the_special_values() {
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(exp(f32::INFINITY), f32::INFINITY);
        assert_eq!(exp(1000.0), f32::INFINITY);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-1000.0), 0.0);
        assert!(exp(f32::NAN).is_nan());
    }

    #[test]
    fn the_f64_exponential_and_logarithm_agree_with_the_library() {
        for i in 0..200_000 {
            let x = -700.0 + i as f64 * 0.007;
            assert!((exp64(x) / x.exp() - 1.0).abs() < 4e-16, "exp64({x})");
            let y = (i as f64 + 0.5) * 1e-3;
            assert!((ln64(y) - y.ln()).abs() <= 4e-16 * y.ln().abs().max(1.0), "ln64({y})");
        }
        assert_eq!(exp64(f64::NEG_INFINITY), 0.0);
        assert_eq!(ln64(0.0), f64::NEG_INFINITY);
        assert!(ln64(-1.0).is_nan());
        assert!((ln64(5e-320) - 5e-320_f64.ln()).abs() < 1e-12);
    }

    #[test]
    fn sine_and_cosine_agree_with_the_library() {
        for i in -200_000i32..200_000 {
            let x = i as f64 * 0.0417;
            let (sin, cos) = sin_cos(x);
            assert!(
                (sin - x.sin()).abs() < 1e-15 && (cos - x.cos()).abs() < 1e-15,
                "sin_cos({x})"
            );
        }
    }

    #[test]
    fn a_dot_product_puts_element_i_in_lane_i_modulo_sixteen() {
        let a: Vec<f32> = (0..37).map(|i| 0.1 + i as f32).collect();
        let b: Vec<f32> = (0..37).map(|i| 1.0 / (1.0 + i as f32)).collect();
        let mut lanes = [0.0f32; 16];
        for i in 0..37 {
            lanes[i % 16] = a[i].mul_add(b[i], lanes[i % 16]);
        }
        assert_eq!(dot(&a, &b).to_bits(), tree(lanes).to_bits());
    }
}
