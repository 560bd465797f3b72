//! From scales to the integers that the output stage works with (sheet §2.6). Floats come as IEEE-754 single bits and
//! everything is integer arithmetic, so that the kernel's target can do it too.

use alloc::vec::Vec;

use crate::OutputConversion;

/// A positive, finite, normal float taken apart: 24-bit mantissa with the leading one, and biased exponent.
fn parts(bits: u32) -> Option<(u64, i32)> {
    let exponent = (bits >> 23) as i32;
    (1..255)
        .contains(&exponent)
        .then(|| (u64::from(bits & 0x7F_FFFF | 0x80_0000), exponent))
}

impl OutputConversion {
    /// The nearest `scale / 2^shift` to a positive ratio given as float bits, with `scale` in 0x4000 … 0x7FFF. A mantissa
    /// that rounds up to 2^15 runs into the exponent. `None` for ratios that are not positive and normal, or that need a
    /// shift outside 0 … 63.
    pub fn from_f32_bits(ratio: u32, offset: i32) -> Option<Self> {
        let (mantissa, exponent) = parts(ratio)?;
        let rounded = (mantissa + (1 << 8)) >> 9;
        let (scale, exponent) = if rounded == 1 << 15 {
            (1 << 14, exponent + 1)
        } else {
            (rounded, exponent)
        };
        Self::of(scale, 141 - exponent, offset)
    }

    /// The same for `numerator / denominator`.
    pub fn from_ratio(numerator: u64, denominator: u64, offset: i32) -> Option<Self> {
        if numerator == 0 || denominator == 0 {
            return None;
        }
        let (n, d) = (u128::from(numerator), u128::from(denominator));
        // One of these shifts puts the quotient into [2^14, 2^15).
        (-50..=63).find_map(|shift: i32| {
            let (n, d) = if shift >= 0 { (n << shift, d) } else { (n, d << -shift) };
            let scale = (n + d / 2) / d;
            (0x4000..0x8000)
                .contains(&scale)
                .then(|| Self::of(scale as u64, shift, offset))?
        })
    }

    fn of(scale: u64, shift: i32, offset: i32) -> Option<Self> {
        let shift = u8::try_from(shift).ok().filter(|&shift| shift < 64)?;
        Some(Self {
            scale: scale as u16,
            shift,
            offset,
            ties_up: false,
        })
    }
}

/// Per-channel multipliers `round(2^14 · s / max s)` for positive weight scales given as float bits, and the bits of the
/// largest scale, which belongs into the output conversion's ratio. `None` when a scale is not positive and normal.
pub fn channel_multipliers(scales: &[u32]) -> Option<(Vec<u16>, u32)> {
    // Bits of positive floats order like the floats.
    let largest = scales.iter().copied().max()?;
    let (top, top_exponent) = parts(largest)?;
    let multiplier = |&bits: &u32| {
        let (mantissa, exponent) = parts(bits)?;
        let distance = top_exponent - exponent;
        if distance > 32 {
            return Some(0);
        }
        let divisor = top << distance;
        Some((((mantissa << 14) + divisor / 2) / divisor) as u16)
    };
    let multipliers: Option<Vec<u16>> = scales.iter().map(multiplier).collect();
    Some((multipliers?, largest))
}

/// Bias of one channel with the input's zero point folded in: `bias − (x_zp − 128) · Σ(w − w_zp)`, everything in the uint8
/// view. `None` when it leaves int32.
pub fn folded_bias(bias: i32, input_zero_point: u8, weight_sum: i64) -> Option<i32> {
    let shift = i64::from(input_zero_point) - 128;
    let folded = i64::from(bias).checked_sub(shift.checked_mul(weight_sum)?)?;
    i32::try_from(folded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(conversion: OutputConversion, ratio: f64) -> bool {
        let value = f64::from(conversion.scale) / (1u64 << conversion.shift) as f64;
        (value / ratio - 1.0).abs() <= 1.0 / 32768.0
    }

    #[test]
    fn the_pair_of_a_vendors_program_comes_back_from_its_ratio() {
        let ratio = f64::from(0x5BEC) / (1u64 << 22) as f64;
        let conversion = OutputConversion::from_f32_bits((ratio as f32).to_bits(), -128).unwrap();
        assert_eq!(
            (conversion.scale, conversion.shift, conversion.offset),
            (0x5BEC, 22, -128)
        );
        assert_eq!(OutputConversion::from_ratio(0x5BEC, 1 << 22, -128), Some(conversion));
    }

    #[test]
    fn every_ratio_is_met_to_half_a_step_of_fifteen_bits() {
        let mut bits = 0x2F00_0001u32;
        while bits < 0x4600_0000 {
            let ratio = f64::from(f32::from_bits(bits));
            let conversion = OutputConversion::from_f32_bits(bits, 0).unwrap();
            assert!((0x4000..0x8000).contains(&conversion.scale));
            assert!(close(conversion, ratio), "{ratio} {conversion:?}");
            bits += 0x0003_4567;
        }
        for (n, d) in [(1, 3), (7, 1), (16383, 16384), (1, 1 << 40), (999, 1_000_000)] {
            let conversion = OutputConversion::from_ratio(n, d, 0).unwrap();
            assert!(close(conversion, n as f64 / d as f64), "{n}/{d} {conversion:?}");
        }
    }

    #[test]
    fn a_mantissa_that_rounds_up_runs_into_the_exponent() {
        let conversion = OutputConversion::from_f32_bits(0x3F7F_FFFF, 0).unwrap(); // just below 1
        assert_eq!((conversion.scale, conversion.shift), (0x4000, 14));
    }

    #[test]
    fn what_has_no_conversion_is_none() {
        for bits in [
            0,
            0x8000_0000,
            1,
            f32::INFINITY.to_bits(),
            f32::NAN.to_bits(),
            (-1.0f32).to_bits(),
            1e30f32.to_bits(),
        ] {
            assert_eq!(OutputConversion::from_f32_bits(bits, 0), None);
        }
        assert_eq!(OutputConversion::from_ratio(0, 3, 0), None);
        assert_eq!(OutputConversion::from_ratio(3, 0, 0), None);
        assert_eq!(OutputConversion::from_ratio(1, u64::MAX, 0), None);
    }

    #[test]
    fn channel_multipliers_are_relative_to_the_largest_scale() {
        let scales = [0.5f32, 0.25, 0.3, 1e-30].map(f32::to_bits);
        let (multipliers, largest) = channel_multipliers(&scales).unwrap();
        assert_eq!(multipliers, [16384, 8192, 9830, 0]);
        assert_eq!(largest, 0.5f32.to_bits());
        assert_eq!(channel_multipliers(&[1.0f32.to_bits(), 0]), None);
        assert_eq!(channel_multipliers(&[]), None);
    }

    #[test]
    fn the_input_zero_point_is_folded_into_the_bias() {
        assert_eq!(folded_bias(1000, 130, 50), Some(900));
        assert_eq!(folded_bias(1000, 128, i64::MAX), Some(1000));
        assert_eq!(folded_bias(0, 0, i64::MAX), None);
        assert_eq!(folded_bias(i32::MAX, 0, 1), None);
    }
}
