//! int32 results as fp16 or fp32 bits, in integer arithmetic: the formats of §2.7 that leave the integer pipeline. The
//! value of a result `i` is `i * 2^-exponent` (MINUS_EXP), rounded to the nearest even.

/// `value * 2^-exponent` as a binary float of `mantissa` stored bits and `exponent_bits`, rounded to nearest even.
const fn encode(value: i32, exponent: u32, mantissa: u32, exponent_bits: u32) -> u32 {
    if value == 0 {
        return 0;
    }
    let sign = (value < 0) as u32;
    let magnitude = (value as i64).unsigned_abs();
    let bias = (1i32 << (exponent_bits - 1)) - 1;
    let top = 63 - magnitude.leading_zeros() as i32;
    // The biased exponent; below 1 the number is denormal and keeps exponent 1 without the leading one.
    let biased = top - exponent as i32 + bias;
    let scale = if biased < 1 { 1 - biased } else { 0 };
    let drop = top - mantissa as i32 + scale;
    let kept = if drop <= 0 {
        magnitude << -drop
    } else if drop > 62 {
        0
    } else {
        let half = 1u64 << (drop - 1);
        (magnitude + half - 1 + (magnitude >> drop & 1)) >> drop
    };
    // A carry out of the mantissa runs into the exponent, which is what rounding up means there.
    let biased = if biased < 1 { 0 } else { biased as u64 - 1 };
    let bits = (biased << mantissa) + kept;
    let infinity = ((1u64 << exponent_bits) - 1) << mantissa;
    let bits = if bits > infinity { infinity } else { bits };
    (sign << (mantissa + exponent_bits)) | bits as u32
}

/// As fp16 bits; beyond ±65504 infinity.
pub(crate) const fn to_f16(value: i32, exponent: u32) -> u16 {
    encode(value, exponent, 10, 5) as u16
}

/// As fp32 bits.
pub(crate) const fn to_f32(value: i32, exponent: u32) -> u32 {
    encode(value, exponent, 23, 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fp32_bits_are_those_of_the_hosts_conversion() {
        let mut value = 1i32;
        for step in 0..5000 {
            for exponent in [0, 1, 7, 20, 31, 100, 126, 127] {
                // Exact in f64, so that the one rounding is the narrowing.
                let exact = f64::from(value) * 2f64.powi(-(exponent as i32));
                assert_eq!(to_f32(value, exponent), (exact as f32).to_bits(), "{value} {exponent}");
            }
            value = value.wrapping_mul(1_664_525).wrapping_add(1_013_904_223 + step);
        }
        assert_eq!(to_f32(1, 255), 0);
        assert_eq!(to_f32(i32::MIN, 0), (-2147483648f32).to_bits());
        assert_eq!(to_f32(1, 149), 1, "the smallest denormal");
    }

    #[test]
    fn fp16_rounds_to_even_overflows_to_infinity_and_keeps_denormals() {
        let cases = [
            (0, 0, 0x0000),
            (1, 0, 0x3C00),
            (-2, 0, 0xC000),
            (2049, 0, 0x6800), // tie between 2048 and 2050: even
            (2051, 0, 0x6802),
            (65504, 0, 0x7BFF),
            (65519, 0, 0x7BFF),
            (65520, 0, 0x7C00),
            (i32::MIN, 0, 0xFC00),
            (1, 14, 0x0400),
            (1, 24, 0x0001),
            (1, 25, 0x0000), // tie between 0 and the smallest denormal
            (3, 25, 0x0002),
            (2047, 25, 0x0400), // rounds up into the normal numbers
            (i32::MAX, 255, 0x0000),
        ];
        for (value, exponent, bits) in cases {
            assert_eq!(to_f16(value, exponent), bits, "{value} * 2^-{exponent}");
        }
    }
}
