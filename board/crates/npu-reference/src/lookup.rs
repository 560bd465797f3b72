//! Activation tables (§2.6, §12.17).

use crate::{Ties, shift_right};

/// One table of 513 entries over `[start, end]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Entries 0 to 512.
    pub entries: Vec<i16>,
    /// First input.
    pub start: i32,
    /// Last input.
    pub end: i32,
    /// Inputs per entry as a power of two.
    pub select: u32,
}

impl Table {
    fn covers(&self, x: i64) -> bool {
        (i64::from(self.start)..=i64::from(self.end)).contains(&x)
    }

    fn interpolate(&self, x: i64) -> i64 {
        let offset = x - i64::from(self.start);
        let index = (offset >> self.select) as usize;
        let fraction = offset - ((index as i64) << self.select);
        let low = i64::from(self.entries[index.min(512)]);
        let high = i64::from(self.entries[(index + 1).min(512)]);
        // The point on the line between both entries is rounded as a whole.
        shift_right((low << self.select) + (high - low) * fraction, self.select, Ties::Away)
    }
}

/// A line outside the tables: `(x − end) * scale >> shift` is added to the end value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slope {
    /// Signed 16-bit factor.
    pub scale: i16,
    /// Right shift.
    pub shift: u32,
}

/// Both tables. Where they overlap LE answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// First table, asked first.
    pub le: Table,
    /// Second table.
    pub lo: Table,
    /// Below the lower table.
    pub below: Slope,
    /// Above the upper table.
    pub above: Slope,
}

impl Lookup {
    /// The activation of one value. The tables must adjoin or overlap, LE below LO.
    pub fn of(&self, x: i32) -> i64 {
        let x = i64::from(x);
        let line =
            |slope: Slope, distance: i64| shift_right(distance * i64::from(slope.scale), slope.shift, Ties::Away);
        if self.le.covers(x) {
            self.le.interpolate(x)
        } else if self.lo.covers(x) {
            self.lo.interpolate(x)
        } else if x < i64::from(self.le.start) {
            i64::from(self.le.entries[0]) + line(self.below, x - i64::from(self.le.start))
        } else {
            i64::from(self.lo.entries[512]) + line(self.above, x - i64::from(self.lo.end))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_straight_line_stays_a_straight_line_and_ends_are_continued() {
        let line = |start: i32| Table {
            entries: (0..513).map(|index| (start / 32 + index) as i16).collect(),
            start,
            end: start + 512 * 32,
            select: 5,
        };
        let mut both = Lookup {
            le: line(-16384),
            lo: line(0),
            below: Slope::default(),
            above: Slope { scale: 1, shift: 5 },
        };
        for x in (-16384..=16384).step_by(3) {
            assert_eq!(both.of(x), shift_right(i64::from(x), 5, Ties::Away).max(-512), "{x}");
        }
        assert_eq!((both.of(-20000), both.of(16384 + 320)), (-512, 522));
        both.le.entries[512] = 77;
        assert_eq!(both.of(0), 77, "LE answers where both cover");
    }
}
