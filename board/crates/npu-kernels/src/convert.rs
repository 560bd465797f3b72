//! bf16, f16 and f32. Knows bit patterns only; narrowing rounds half to even, NaN stays NaN, overflow becomes infinity.

use crate::dispatch::dispatch;
use crate::isa;

/// Widens bf16 bit patterns; exact.
///
/// # Panics
/// When the slices differ in length.
pub fn bf16_to_f32(x: &[u16], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "as many outputs as inputs");
    bf16_to_f32_on(isa::active(), x, out);
}

/// Widens f16 bit patterns; exact.
///
/// # Panics
/// When the slices differ in length.
pub fn f16_to_f32(x: &[u16], out: &mut [f32]) {
    assert_eq!(x.len(), out.len(), "as many outputs as inputs");
    f16_to_f32_on(isa::active(), x, out);
}

/// Narrows to f16 bit patterns.
///
/// # Panics
/// When the slices differ in length.
pub fn f32_to_f16(x: &[f32], out: &mut [u16]) {
    assert_eq!(x.len(), out.len(), "as many outputs as inputs");
    f32_to_f16_on(isa::active(), x, out);
}

/// Narrows to bf16 bit patterns.
///
/// # Panics
/// When the slices differ in length.
pub fn f32_to_bf16(x: &[f32], out: &mut [u16]) {
    assert_eq!(x.len(), out.len(), "as many outputs as inputs");
    f32_to_bf16_on(isa::active(), x, out);
}

dispatch! {
    /// [`bf16_to_f32`] on a given instruction set.
    pub(crate) fn bf16_to_f32_on(x: &[u16], out: &mut [f32]) = bf16_to_f32_body
}
dispatch! {
    /// [`f16_to_f32`] on a given instruction set.
    pub(crate) fn f16_to_f32_on(x: &[u16], out: &mut [f32]) = f16_to_f32_body
}
dispatch! {
    /// [`f32_to_f16`] on a given instruction set.
    pub(crate) fn f32_to_f16_on(x: &[f32], out: &mut [u16]) = f32_to_f16_body
}
dispatch! {
    /// [`f32_to_bf16`] on a given instruction set.
    pub(crate) fn f32_to_bf16_on(x: &[f32], out: &mut [u16]) = f32_to_bf16_body
}

#[inline(always)]
fn bf16_to_f32_body(x: &[u16], out: &mut [f32]) {
    for (x, out) in x.iter().zip(out) {
        *out = f32::from_bits(u32::from(*x) << 16);
    }
}

#[inline(always)]
fn f16_to_f32_body(x: &[u16], out: &mut [f32]) {
    for (x, out) in x.iter().zip(out) {
        let half = u32::from(*x);
        // Shifted into place the exponent is 112 too small; the product with 2^112 is exact, subnormals included.
        let magnitude = f32::from_bits((half & 0x7fff) << 13) * f32::from_bits(239 << 23);
        let special = if half & 0x7c00 == 0x7c00 { 0x7f80_0000 } else { 0 };
        *out = f32::from_bits(magnitude.to_bits() | special | (half & 0x8000) << 16);
    }
}

#[inline(always)]
fn f32_to_f16_body(x: &[f32], out: &mut [u16]) {
    for (x, out) in x.iter().zip(out) {
        let bits = x.to_bits();
        let magnitude = bits & 0x7fff_ffff;
        // Normal: rebias by −112, round half to even on the 13 bits that go.
        let normal = magnitude
            .wrapping_sub(112 << 23)
            .wrapping_add(0xfff + (magnitude >> 13 & 1))
            >> 13;
        // Subnormal: adding 0.5 leaves the value in units of 2^-24, rounded by the adder.
        let small = (f32::from_bits(magnitude) + 0.5)
            .to_bits()
            .wrapping_sub(0.5f32.to_bits());
        let finite = if magnitude < 113 << 23 { small } else { normal };
        let large = if magnitude > 0x7f80_0000 { 0x7e00 } else { 0x7c00 };
        // 65520 and above rounds to infinity.
        let half = if magnitude >= 0x477f_f000 { large } else { finite };
        *out = (half | bits >> 16 & 0x8000) as u16;
    }
}

#[inline(always)]
fn f32_to_bf16_body(x: &[f32], out: &mut [u16]) {
    for (x, out) in x.iter().zip(out) {
        let bits = x.to_bits();
        let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
        let nan = bits >> 16 | 0x40;
        *out = if bits & 0x7fff_ffff > 0x7f80_0000 { nan } else { rounded } as u16;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The value of an f16 bit pattern by its definition.
    fn half_value(bits: u16) -> f64 {
        let sign = if bits & 0x8000 != 0 { -1.0 } else { 1.0 };
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 0x3ff));
        match exponent {
            31 if fraction != 0.0 => f64::NAN,
            31 => sign * f64::INFINITY,
            0 => sign * fraction * 2f64.powi(-24),
            _ => sign * (1024.0 + fraction) * 2f64.powi(exponent - 25),
        }
    }

    #[test]
    fn every_f16_widens_to_its_value_and_narrows_back_to_itself() {
        let all: Vec<u16> = (0..=u16::MAX).collect();
        let (mut wide, mut back) = (vec![0.0f32; 65536], vec![0u16; 65536]);
        f16_to_f32(&all, &mut wide);
        f32_to_f16(&wide, &mut back);
        for (bits, (wide, back)) in all.iter().zip(wide.iter().zip(&back)) {
            let value = half_value(*bits);
            if value.is_nan() {
                assert!(wide.is_nan() && half_value(*back).is_nan());
            } else {
                assert_eq!((f64::from(*wide), *back), (value, *bits));
            }
        }
    }

    #[test]
    fn narrowing_to_f16_rounds_to_the_nearest_and_halves_to_even() {
        for low in 0..0x7c00u16 {
            let (a, b) = (
                half_value(low),
                if low == 0x7bff { 65536.0 } else { half_value(low + 1) },
            );
            let middle = ((a + b) / 2.0) as f32;
            let (below, above) = (
                f32::from_bits(middle.to_bits() - 1),
                f32::from_bits(middle.to_bits() + 1),
            );
            let even = if low % 2 == 0 { low } else { low + 1 };
            let mut out = [0u16; 6];
            f32_to_f16(&[below, middle, above, -below, -middle, -above], &mut out);
            assert_eq!(
                out,
                [low, even, low + 1, low | 0x8000, even | 0x8000, (low + 1) | 0x8000]
            );
        }
        let mut out = [0u16; 3];
        f32_to_f16(&[f32::INFINITY, 1e30, -1e-30], &mut out);
        assert_eq!(out, [0x7c00, 0x7c00, 0x8000]);
    }

    #[test]
    fn bf16_is_the_upper_half_rounded_to_even() {
        let mut out = [0u16; 6];
        let odd = f32::from_bits(0x3f81_8000);
        let even = f32::from_bits(0x3f80_8000);
        f32_to_bf16(&[1.0, odd, even, f32::INFINITY, f32::MAX, f32::NAN], &mut out);
        assert_eq!(out[..5], [0x3f80, 0x3f82, 0x3f80, 0x7f80, 0x7f80]);
        let mut wide = [0.0f32; 6];
        bf16_to_f32(&out, &mut wide);
        assert_eq!(wide[..3], [1.0, f32::from_bits(0x3f82_0000), 1.0]);
        assert!(wide[5].is_nan());
    }
}
