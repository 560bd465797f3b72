//! Pooling of one surface: eight int8 channels a pixel, windows along both axes (sheet §12.18). Knows no registers.

use alloc::vec::Vec;

use crate::dpu::shift_away;

const ATOM: usize = 8;

/// Windows along one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    /// Input positions.
    pub(crate) size: usize,
    pub(crate) kernel: usize,
    pub(crate) stride: usize,
    /// Padding before the first position.
    pub(crate) before: usize,
    /// Windows.
    pub(crate) count: usize,
}

impl Axis {
    /// The windows that cover the padded axis exactly, if there are such.
    pub(crate) fn new(size: usize, kernel: usize, stride: usize, before: usize, after: usize) -> Option<Self> {
        let travel = (size + before + after).checked_sub(kernel)?;
        travel.is_multiple_of(stride).then_some(Self {
            size,
            kernel,
            stride,
            before,
            count: travel / stride + 1,
        })
    }

    /// Input positions under a window, and how many of its places lie in the padding.
    pub(super) fn under(&self, window: usize) -> (core::ops::Range<usize>, usize) {
        let start = window * self.stride;
        let from = start.saturating_sub(self.before).min(self.size);
        let to = (start + self.kernel).saturating_sub(self.before).min(self.size);
        (from..to, self.kernel - (to - from))
    }
}

/// What a window becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// The largest value, padding included.
    Max,
    /// The smallest value, padding included.
    Min,
    /// The sum times both reciprocals, each product rounded `>> 16`; the full window divides.
    Average {
        reciprocal_width: u32,
        reciprocal_height: u32,
    },
}

/// Windows over a surface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) columns: Axis,
    pub(crate) rows: Axis,
    pub(crate) method: Method,
    pub(crate) pad: i32,
}

impl Window {
    /// Pools `input`, (row, column, 8), into `output`. `rows` is a buffer.
    pub(crate) fn pool(&self, input: &[u8], output: &mut Vec<u8>, rows: &mut Vec<i32>) {
        output.clear();
        match self.method {
            Method::Max => self.reduce(input, output, rows, i32::max, |_, pad| pad),
            Method::Min => self.reduce(input, output, rows, i32::min, |_, pad| pad),
            // Padding counts with its value, once for each place.
            Method::Average { .. } => self.reduce(input, output, rows, |x, y| x + y, |places, pad| places * pad),
        }
    }

    /// Columns first, then rows: a window is separable for sums and extrema alike. `padding` is what `places` pad places
    /// contribute.
    fn reduce(
        &self,
        input: &[u8],
        output: &mut Vec<u8>,
        narrow: &mut Vec<i32>,
        join: impl Fn(i32, i32) -> i32,
        padding: impl Fn(i32, i32) -> i32,
    ) {
        let (columns, rows) = (&self.columns, &self.rows);
        narrow.clear();
        for row in input.chunks_exact(columns.size * ATOM) {
            for window in 0..columns.count {
                let (range, pads) = columns.under(window);
                let mut atom: Option<[i32; ATOM]> = (pads > 0).then(|| [padding(pads as i32, self.pad); ATOM]);
                for bytes in row[range.start * ATOM..range.end * ATOM].chunks_exact(ATOM) {
                    let lanes = core::array::from_fn(|lane| i32::from(bytes[lane] as i8));
                    atom = Some(atom.map_or(lanes, |atom| core::array::from_fn(|lane| join(atom[lane], lanes[lane]))));
                }
                narrow.extend_from_slice(&atom.unwrap_or([0; ATOM]));
            }
        }
        let line = columns.count * ATOM;
        // A whole window of padding in a row of padding.
        let pad_row = padding(columns.kernel as i32, self.pad);
        for window in 0..rows.count {
            let (range, pads) = rows.under(window);
            for at in 0..line {
                let mut value = (pads > 0).then(|| padding(pads as i32, pad_row));
                for row in range.clone() {
                    let next = narrow[row * line + at];
                    value = Some(value.map_or(next, |value| join(value, next)));
                }
                output.push(self.finish(value.unwrap_or(0)));
            }
        }
    }

    fn finish(&self, value: i32) -> u8 {
        let value = match self.method {
            Method::Max | Method::Min => i64::from(value),
            Method::Average {
                reciprocal_width,
                reciprocal_height,
            } => {
                let narrow = shift_away(i64::from(value) * i64::from(reciprocal_width), 16);
                shift_away(narrow * i64::from(reciprocal_height), 16)
            }
        };
        value.clamp(-128, 127) as i8 as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(
        method: Method,
        pad: i32,
        size: (usize, usize),
        axis: (usize, usize, usize, usize),
        input: &[i8],
    ) -> Vec<i8> {
        let (kernel, stride, before, after) = axis;
        let window = Window {
            rows: Axis::new(size.0, kernel, stride, before, after).unwrap(),
            columns: Axis::new(size.1, kernel, stride, before, after).unwrap(),
            method,
            pad,
        };
        // The same map in all eight channels.
        let bytes: Vec<u8> = input.iter().flat_map(|&value| [value as u8; ATOM]).collect();
        let mut output = Vec::new();
        window.pool(&bytes, &mut output, &mut Vec::new());
        output.chunks_exact(ATOM).map(|atom| atom[7] as i8).collect()
    }

    #[test]
    fn extrema_count_the_padding_as_what_was_programmed() {
        let map = [1, -2, 3, -4, 5, -6, 7, -8, 9];
        assert_eq!(pool(Method::Max, -128, (3, 3), (3, 2, 1, 1), &map), [5, 5, 7, 9]);
        assert_eq!(pool(Method::Min, -128, (3, 3), (3, 2, 1, 1), &map), [-128; 4]);
        assert_eq!(pool(Method::Max, 100, (3, 3), (2, 1, 0, 0), &map), [5, 5, 7, 9]);
        assert_eq!(pool(Method::Min, 127, (3, 3), (3, 2, 1, 1), &map), [-4, -6, -8, -8]);
    }

    #[test]
    fn averages_divide_by_the_full_window_in_two_rounded_steps() {
        let method = Method::Average {
            reciprocal_width: 65536 / 3,
            reciprocal_height: 65536 / 3,
        };
        assert_eq!(pool(method, 0, (3, 3), (3, 1, 0, 0), &[90; 9]), [90]);
        // Four places of 90, five of -10: (310 * 21845 >> 16) = 103, (103 * 21845 >> 16) = 34.
        assert_eq!(pool(method, -10, (2, 2), (3, 1, 1, 1), &[90; 4])[0], 34);
    }

    #[test]
    fn windows_that_leave_a_rest_do_not_exist() {
        assert_eq!(Axis::new(56, 3, 2, 0, 0), None);
        assert_eq!(Axis::new(55, 3, 2, 0, 0).map(|axis| axis.count), Some(27));
        assert_eq!(Axis::new(2, 5, 1, 1, 1), None);
    }
}
