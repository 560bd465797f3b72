//! Shifts and saturation of the post-processor (§12, "Arithmetic"; §12.13). Knows numbers only.

/// Where a value that lies exactly between two results goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ties {
    /// Away from zero: BS, BN, tables, averages (§12.13, §12.17, §12.18).
    Away,
    /// To the even neighbour: OUT_CVT and EW with bit 30 = 0.
    Even,
    /// Up: OUT_CVT and EW with bit 30 = 1.
    Up,
}

/// `value / 2^shift`, rounded to the nearest integer.
pub fn shift_right(value: i64, shift: u32, ties: Ties) -> i64 {
    let (value, divisor) = (i128::from(value), 1i128 << shift.min(100));
    let floor = value.div_euclid(divisor);
    let twice_rest = 2 * value.rem_euclid(divisor);
    let up = match twice_rest.cmp(&divisor) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => match ties {
            Ties::Away => value > 0,
            Ties::Even => floor % 2 != 0,
            Ties::Up => true,
        },
    };
    (floor + i128::from(up)) as i64
}

/// The nearest int32.
pub fn saturate_i32(value: i64) -> i32 {
    value.clamp(i64::from(i32::MIN), i64::from(i32::MAX)) as i32
}

/// The nearest int8.
pub fn saturate_i8(value: i32) -> i8 {
    value.clamp(-128, 127) as i8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_go_where_the_rule_says() {
        let halves = [-5, -3, -1, 1, 3, 5];
        let round = |ties| halves.map(|value| shift_right(value, 1, ties));
        assert_eq!(round(Ties::Away), [-3, -2, -1, 1, 2, 3]);
        assert_eq!(round(Ties::Even), [-2, -2, 0, 0, 2, 2]);
        assert_eq!(round(Ties::Up), [-2, -1, 0, 1, 2, 3]);
    }

    #[test]
    fn everything_else_agrees_with_floating_point() {
        for value in (-70_000..70_000).step_by(7) {
            for shift in 0..12 {
                let exact = value as f64 / f64::from(1 << shift);
                assert_eq!(shift_right(value, shift, Ties::Away) as f64, exact.round());
                assert_eq!(shift_right(value, shift, Ties::Even) as f64, exact.round_ties_even());
                assert_eq!(shift_right(value, shift, Ties::Up) as f64, (exact + 0.5).floor());
            }
        }
    }

    #[test]
    fn shifts_wider_than_the_value_leave_nothing() {
        for ties in [Ties::Away, Ties::Even, Ties::Up] {
            assert_eq!(shift_right(i64::MIN, 4095, ties), 0);
            assert_eq!(shift_right(i64::MAX, 80, ties), 0);
        }
    }
}
