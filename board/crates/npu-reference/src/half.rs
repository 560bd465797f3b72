//! fp16 (IEEE 754 binary16) by hand: bits to f32, and f32 or f64 to the nearest bits, ties to even, denormals kept (§12.19).

/// The value of fp16 bits.
pub fn to_f32(bits: u16) -> f32 {
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 0x1F);
    let fraction = f32::from(bits & 0x3FF);
    match exponent {
        0 => sign * fraction * 2f32.powi(-24),
        31 if fraction == 0.0 => sign * f32::INFINITY,
        31 => f32::NAN,
        _ => sign * (1024.0 + fraction) * 2f32.powi(exponent - 25),
    }
}

/// The nearest fp16, ties to even; what exceeds 65504 by half a step or more is infinite.
pub fn from_f32(value: f32) -> u16 {
    let sign = if value.is_sign_negative() { 0x8000 } else { 0 };
    if value.is_nan() {
        return sign | 0x7E00;
    }
    let size = f64::from(value.abs());
    if size >= 65520.0 {
        return sign | 0x7C00;
    }
    // The spacing of fp16 numbers around `size`; never below that of denormals.
    let exponent = if size < 2f64.powi(-14) {
        -14
    } else {
        size.log2().floor() as i32
    };
    let steps = (size / 2f64.powi(exponent - 10)).round_ties_even();
    // Steps 1024 to 2048 are the numbers of this exponent; 2048 carries into the next, which the bits do by themselves.
    let bits = if exponent == -14 && steps < 1024.0 {
        steps as u16
    } else {
        ((exponent + 15) as u16) * 1024 + (steps as u16 - 1024)
    };
    sign | bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_survives_the_round_trip() {
        for bits in 0..=u16::MAX {
            let value = to_f32(bits);
            if value.is_nan() {
                assert!(to_f32(from_f32(value)).is_nan());
            } else {
                assert_eq!(from_f32(value), bits, "{bits:04x} = {value}");
            }
        }
    }

    #[test]
    fn halfway_values_go_to_the_even_neighbour_and_the_rest_to_the_nearest() {
        for bits in 0..0x7BFFu16 {
            let (low, high) = (to_f32(bits), to_f32(bits + 1));
            let middle = (low + high) / 2.0;
            let even = if bits % 2 == 0 { bits } else { bits + 1 };
            assert_eq!(from_f32(middle), even);
            assert_eq!(from_f32(middle.next_down()), bits);
            assert_eq!(from_f32(middle.next_up()), bits + 1);
        }
        assert_eq!(from_f32(65519.99), 0x7BFF);
        assert_eq!(from_f32(65520.0), 0x7C00);
        assert_eq!(from_f32(-1e30), 0xFC00);
    }
}
