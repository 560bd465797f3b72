//! The activation tables as a function (sheet §2.6, §12.17): LE before LO, linear between entries, a line outside.
//! Knows no registers and does not load tables.

use super::rounding::{saturate, shift_away};
use crate::table::ENTRIES;

/// Range and resolution of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Range {
    /// First input.
    pub(crate) start: i32,
    /// Last input.
    pub(crate) end: i32,
    /// Inputs per entry, as a power of two.
    pub(crate) select: u32,
    /// The line below: `(x - start) * scale >> shift`.
    pub(crate) below: Slope,
    /// The line above: `(x - end) * scale >> shift`.
    pub(crate) above: Slope,
}

/// A line outside a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Slope {
    /// Signed 16 bits.
    pub(crate) scale: i32,
    pub(crate) shift: u32,
}

impl Slope {
    fn at(self, distance: i64) -> i64 {
        shift_away(distance * i64::from(self.scale), self.shift)
    }
}

impl Range {
    fn covers(&self, x: i32) -> bool {
        (self.start..=self.end).contains(&x)
    }

    fn inside(&self, table: &[i16; ENTRIES], x: i32) -> i64 {
        let distance = i64::from(x) - i64::from(self.start);
        let index = distance >> self.select;
        let fraction = distance - (index << self.select);
        let entry = |index: i64| i64::from(table[usize::try_from(index).unwrap_or(0).min(ENTRIES - 1)]);
        let (low, high) = (entry(index), entry(index.saturating_add(1)));
        shift_away((low << self.select) + (high - low) * fraction, self.select)
    }

    fn outside(&self, table: &[i16; ENTRIES], x: i32) -> i64 {
        if x < self.start {
            i64::from(table[0]) + self.below.at(i64::from(x) - i64::from(self.start))
        } else {
            i64::from(table[ENTRIES - 1]) + self.above.at(i64::from(x) - i64::from(self.end))
        }
    }
}

/// Both tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lookup {
    pub(crate) le: Range,
    pub(crate) lo: Range,
    /// LO answers above both tables (LUT_OFLOW_PRIORITY), as in every known task; else LE.
    pub(crate) lo_above: bool,
    /// LO answers below both tables (LUT_UFLOW_PRIORITY); else LE, as in every known task.
    pub(crate) lo_below: bool,
}

impl Lookup {
    /// The activation of one value. Where both tables cover it, and in a gap between them, LE answers.
    pub(crate) fn of(&self, le: &[i16; ENTRIES], lo: &[i16; ENTRIES], x: i32) -> i32 {
        saturate(if self.le.covers(x) {
            self.le.inside(le, x)
        } else if self.lo.covers(x) {
            self.lo.inside(lo, x)
        } else {
            let above = x > self.le.end && x > self.lo.end && self.lo_above;
            let below = x < self.le.start && x < self.lo.start && self.lo_below;
            if above || below {
                self.lo.outside(lo, x)
            } else {
                self.le.outside(le, x)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vendor's ranges: LE over [-16384, 0], LO over [0, 16384], 32 inputs per entry, slope 2 above.
    fn vendor() -> Lookup {
        let range = |start: i32| Range {
            start,
            end: start + 16384,
            select: 5,
            below: Slope::default(),
            above: Slope {
                scale: 0x4000,
                shift: 13,
            },
        };
        Lookup {
            le: range(-16384),
            lo: range(0),
            lo_above: true,
            lo_below: false,
        }
    }

    #[test]
    fn entries_are_met_exactly_and_joined_by_lines_whose_ties_go_away_from_zero() {
        let mut le = [0i16; ENTRIES];
        let mut lo = [0i16; ENTRIES];
        (le[511], le[512]) = (-3, 5);
        (lo[0], lo[1], lo[512]) = (100, 101, 7);
        let of = |x| vendor().of(&le, &lo, x);
        assert_eq!([-32, -16, 0].map(of), [-3, 1, 5]);
        // Half way from -3 to 0 lies -1.5.
        assert_eq!(of(-48), -2);
        assert_eq!([1, 16, 31, 32].map(of), [100, 101, 101, 101]);
        assert_eq!(of(16384), 7);
    }

    #[test]
    fn outside_the_end_value_goes_on_as_a_line() {
        let (mut le, mut lo) = ([0i16; ENTRIES], [0i16; ENTRIES]);
        (le[0], lo[512]) = (-9, 30000);
        let of = |x| vendor().of(&le, &lo, x);
        assert_eq!(of(-16385), -9);
        assert_eq!(of(16384 + 5), 30010);
        assert_eq!(of(i32::MAX), i32::MAX);
    }

    #[test]
    fn the_priorities_outside_choose_the_table_whose_line_goes_on() {
        let (mut le, mut lo) = ([0i16; ENTRIES], [0i16; ENTRIES]);
        (le[0], le[512], lo[0], lo[512]) = (-9, 7, 5, 30000);
        let of = |lo_above, lo_below, x| {
            let mut lookup = Lookup {
                lo_above,
                lo_below,
                ..vendor()
            };
            // LO continues below with a slope of 1/2.
            lookup.lo.below = Slope { scale: 1, shift: 1 };
            lookup.of(&le, &lo, x)
        };
        assert_eq!(
            [of(true, false, 16389), of(false, false, 16389)],
            [30010, 7 + 2 * 16389]
        );
        assert_eq!([of(true, false, -16386), of(true, true, -16386)], [-9, 5 - 8193]);
    }

    #[test]
    fn le_answers_where_both_cover_and_in_a_gap_between_them() {
        let (le, lo) = ([1i16; ENTRIES], [2i16; ENTRIES]);
        let mut both = vendor();
        both.lo.start = -512;
        assert_eq!([-512, 0, 1].map(|x| both.of(&le, &lo, x)), [1, 1, 2]);
        both.lo.start = 100;
        assert_eq!(both.of(&le, &lo, 50), 1 + 100);
    }

    #[test]
    fn a_range_longer_than_its_table_ends_at_the_last_entry() {
        let mut lookup = vendor();
        lookup.le.end = 16384;
        let mut le = [4i16; ENTRIES];
        le[512] = 6;
        assert_eq!(lookup.of(&le, &[0; ENTRIES], 16000), 6);
    }
}
