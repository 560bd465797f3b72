//! Right shifts that round to nearest, in the three ways of §12.13. Products have 48 bits at most, so that half of the
//! last place can be added without overflow.

/// Where a tie of a converter goes. Everywhere else it goes away from zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ties {
    /// To the even neighbour: the rounding bit is clear.
    Even,
    /// Up: the rounding bit is set.
    Up,
}

/// Past this shift every product rounds to 0, 48-bit ones long before.
const LARGEST_SHIFT: u32 = 62;

/// `value / 2^shift`, rounded to nearest, ties away from zero.
#[inline(always)]
pub(crate) const fn shift_away(value: i64, shift: u32) -> i64 {
    if shift == 0 {
        return value;
    }
    let shift = if shift > LARGEST_SHIFT { LARGEST_SHIFT } else { shift };
    (value + (1 << (shift - 1)) + (value >> 63)) >> shift
}

/// `value / 2^shift`, rounded to nearest, ties to the even neighbour.
#[inline(always)]
pub(crate) const fn shift_even(value: i64, shift: u32) -> i64 {
    if shift == 0 {
        return value;
    }
    let shift = if shift > LARGEST_SHIFT { LARGEST_SHIFT } else { shift };
    (value + (1 << (shift - 1)) - 1 + (value >> shift & 1)) >> shift
}

/// `value / 2^shift`, rounded to nearest, ties up.
#[inline(always)]
pub(crate) const fn shift_up(value: i64, shift: u32) -> i64 {
    if shift == 0 {
        return value;
    }
    let shift = if shift > LARGEST_SHIFT { LARGEST_SHIFT } else { shift };
    (value + (1 << (shift - 1))) >> shift
}

/// Saturates to int32, as after every ALU, multiplier and shift.
#[inline(always)]
pub(crate) const fn saturate(value: i64) -> i32 {
    if value > i32::MAX as i64 {
        i32::MAX
    } else if value < i32::MIN as i64 {
        i32::MIN
    } else {
        value as i32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_where_their_rule_sends_them() {
        let halves = [-5i64, -3, -1, 1, 3, 5];
        assert_eq!(halves.map(|v| shift_away(v, 1)), [-3, -2, -1, 1, 2, 3]);
        assert_eq!(halves.map(|v| shift_even(v, 1)), [-2, -2, 0, 0, 2, 2]);
        assert_eq!(halves.map(|v| shift_up(v, 1)), [-2, -1, 0, 1, 2, 3]);
    }

    #[test]
    fn everything_else_goes_to_the_nearest_whatever_the_rule() {
        for value in -4096i64..4096 {
            for shift in 1..8 {
                let exact = value as f64 / f64::from(1 << shift);
                if (exact - exact.floor() - 0.5).abs() < 1e-9 {
                    continue;
                }
                let nearest = exact.round() as i64;
                let all = [
                    shift_away(value, shift),
                    shift_even(value, shift),
                    shift_up(value, shift),
                ];
                assert_eq!(all, [nearest; 3], "{value} >> {shift}");
            }
        }
    }

    #[test]
    fn the_largest_products_and_shifts_do_not_overflow() {
        for value in [1 << 47, -(1 << 47), i64::from(i32::MIN) * -32768] {
            for shift in [0, 47, 48, 63, 4095] {
                let all = [
                    shift_away(value, shift),
                    shift_even(value, shift),
                    shift_up(value, shift),
                ];
                let exact = value as f64 / 2f64.powi(shift as i32);
                assert!(
                    all.iter().all(|&v| (v as f64 - exact).abs() <= 0.5),
                    "{value} >> {shift}"
                );
            }
        }
        assert_eq!([1 << 31, -(1 << 31) - 1, 7].map(saturate), [i32::MAX, i32::MIN, 7]);
    }
}
