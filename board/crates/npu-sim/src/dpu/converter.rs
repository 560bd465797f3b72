//! The converter of EW operands and of results: offset, scale, shift in either order (sheet §2.6, §12.13, §12.16).

use super::rounding::{Ties, saturate, shift_even, shift_up};

/// One converter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Converter {
    pub(crate) offset: i32,
    /// Signed 16 bits.
    pub(crate) scale: i32,
    pub(crate) shift: u32,
    /// CVT_TYPE: 1 = offset before scale, 0 = offset last.
    pub(crate) offset_first: bool,
    pub(crate) ties: Ties,
}

impl Converter {
    /// Passes every value.
    pub(crate) const IDENTITY: Self = Self {
        offset: 0,
        scale: 1,
        shift: 0,
        offset_first: false,
        ties: Ties::Even,
    };

    /// Whether it passes every value.
    pub(crate) fn is_identity(&self) -> bool {
        (self.offset, self.scale, self.shift) == (0, 1, 0)
    }

    /// Converts in place.
    pub(crate) fn apply(&self, values: &mut [i32]) {
        if self.is_identity() {
            return;
        }
        match self.ties {
            Ties::Even => self.run(values, shift_even),
            Ties::Up => self.run(values, shift_up),
        }
    }

    #[inline(always)]
    fn run(&self, values: &mut [i32], round: impl Fn(i64, u32) -> i64) {
        let (offset, scale, shift) = (self.offset, i64::from(self.scale), self.shift);
        if self.offset_first {
            for x in values {
                *x = saturate(round(i64::from(x.saturating_add(offset)) * scale, shift));
            }
        } else {
            for x in values {
                *x = saturate(round(i64::from(*x) * scale, shift)).saturating_add(offset);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(converter: Converter, mut x: i32) -> i32 {
        converter.apply(core::slice::from_mut(&mut x));
        x
    }

    #[test]
    fn the_vendors_scale_divides_by_its_power_and_the_offset_comes_last() {
        // 0x5BEC >> 22 is about 1/178.4; offset -128 (appendix B.1).
        let out = Converter {
            offset: -128,
            scale: 0x5BEC,
            shift: 22,
            ..Converter::IDENTITY
        };
        assert_eq!([0, 178, 1784, -1784].map(|x| one(out, x)), [-128, -127, -118, -138]);
    }

    #[test]
    fn ties_go_to_even_or_up_by_the_rounding_bit() {
        let half = |ties| Converter {
            shift: 1,
            ties,
            ..Converter::IDENTITY
        };
        assert_eq!([-3, -1, 1, 3].map(|x| one(half(Ties::Even), x)), [-2, 0, 0, 2]);
        assert_eq!([-3, -1, 1, 3].map(|x| one(half(Ties::Up), x)), [-1, 0, 1, 2]);
    }

    #[test]
    fn an_offset_first_is_scaled_too_and_saturates_before_it_is() {
        let first = Converter {
            offset: 128,
            scale: 0x5B7F,
            shift: 6,
            offset_first: true,
            ties: Ties::Even,
        };
        assert_eq!(one(first, -128), 0);
        assert_eq!(one(first, 2), 47578); // 130 * 23423 / 64 = 47577.97
        assert_eq!(
            one(
                Converter {
                    offset: i32::MAX,
                    shift: 0,
                    scale: 1,
                    ..first
                },
                5
            ),
            i32::MAX
        );
    }
}
