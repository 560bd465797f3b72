//! Pooling (§2.9, §12.18).

use crate::half::to_f32;
use crate::{Map, Ties, shift_right};

/// What a window becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pool {
    /// The largest value, padding included.
    Max,
    /// The smallest value, padding included.
    Min,
    /// The sum times both reciprocals, each product rounded `>> 16`: divided by the full window, padding included.
    Average {
        /// 65536 / window width, as programmed.
        reciprocal_width: i64,
        /// 65536 / window height, as programmed.
        reciprocal_height: i64,
    },
}

/// How windows move. Windows must cover the padded input exactly: `(size + pads − window) mod stride = 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows and columns of a window.
    pub size: (usize, usize),
    /// Rows and columns between windows.
    pub stride: (usize, usize),
    /// Padding above and to the left.
    pub before: (usize, usize),
    /// Padding below and to the right.
    pub after: (usize, usize),
}

impl Window {
    /// Output rows and columns, or `None` when windows do not cover the padded input exactly.
    pub fn output(&self, height: usize, width: usize) -> Option<(usize, usize)> {
        let along = |size: usize, pads: usize, window: usize, stride: usize| {
            let travel = (size + pads).checked_sub(window)?;
            (travel % stride == 0).then_some(travel / stride + 1)
        };
        let rows = along(height, self.before.0 + self.after.0, self.size.0, self.stride.0)?;
        let columns = along(width, self.before.1 + self.after.1, self.size.1, self.stride.1)?;
        Some((rows, columns))
    }

    /// The places under one window; those outside the map are padding.
    fn positions(self, row: usize, column: usize) -> impl Iterator<Item = (i64, i64)> {
        (0..self.size.0 * self.size.1).map(move |tap| {
            let y = (row * self.stride.0 + tap / self.size.1) as i64 - self.before.0 as i64;
            let x = (column * self.stride.1 + tap % self.size.1) as i64 - self.before.1 as i64;
            (y, x)
        })
    }
}

/// Pools every channel of an int8 map. `pad` is the programmed pad value, 19 bits signed.
///
/// # Panics
/// When the windows do not cover the input exactly.
pub fn pool(input: &Map<i8>, window: Window, pool: Pool, pad: i32) -> Map<i8> {
    let (rows, columns) = window
        .output(input.height, input.width)
        .expect("windows cover the input");
    let wide = input.map(i32::from);
    Map::from_fn(input.channels, rows, columns, |channel, row, column| {
        let values = window
            .positions(row, column)
            .map(|(y, x)| i64::from(wide.padded(channel, y, x, pad)));
        let result = match pool {
            Pool::Max => values.max().unwrap_or(0),
            Pool::Min => values.min().unwrap_or(0),
            Pool::Average {
                reciprocal_width,
                reciprocal_height,
            } => {
                let narrow = shift_right(values.sum::<i64>() * reciprocal_width, 16, Ties::Away);
                shift_right(narrow * reciprocal_height, 16, Ties::Away)
            }
        };
        result.clamp(-128, 127) as i8
    })
}

/// Pools every channel of a map of fp16 bits; `pad` holds fp16 bits too. Each result comes with the bound within which an
/// fp32 computation in any order stays, before it is rounded to fp16; extrema are exact.
///
/// # Panics
/// When the windows do not cover the input exactly.
pub fn pool_halves(input: &Map<u16>, window: Window, pool: Pool, pad: u16) -> Map<(f64, f64)> {
    let (rows, columns) = window
        .output(input.height, input.width)
        .expect("windows cover the input");
    Map::from_fn(input.channels, rows, columns, |channel, row, column| {
        let values = window
            .positions(row, column)
            .map(|(y, x)| f64::from(to_f32(input.padded(channel, y, x, pad))));
        match pool {
            Pool::Max => (values.fold(f64::NEG_INFINITY, f64::max), 0.0),
            Pool::Min => (values.fold(f64::INFINITY, f64::min), 0.0),
            Pool::Average {
                reciprocal_width,
                reciprocal_height,
            } => {
                let factor = reciprocal_width as f64 * reciprocal_height as f64 / 65536f64.powi(2);
                let (sum, size) = values.fold((0.0, 0.0), |(sum, size), x| (sum + x, size + x.abs()));
                // One rounding for each value, and two for the factors.
                let roundings = (window.size.0 * window.size.1 + 2) as f64;
                (sum * factor, size * factor * roundings * 2f64.powi(-24) * 1.01)
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: Window = Window {
        size: (2, 2),
        stride: (1, 2),
        before: (0, 1),
        after: (1, 1),
    };

    #[test]
    fn windows_see_the_pad_value_on_every_side() {
        let input = Map::from_fn(1, 2, 2, |_, y, x| [[-7, 3], [4, -2]][y][x]);
        let pooled = |what, pad| pool(&input, TWO, what, pad).values;
        assert_eq!(pooled(Pool::Max, -128), [4, 3, 4, -2]);
        assert_eq!(pooled(Pool::Min, 127), [-7, -2, 4, -2]);
        let average = Pool::Average {
            reciprocal_width: 32768,
            reciprocal_height: 32768,
        };
        // (-7 + 4) / 2 = -1.5 away to -2, then / 2 = -1; (3 - 2) / 2 away to 1, then 0.5 away to 1.
        assert_eq!(pooled(average, 0), [-1, 1, 1, -1]);
    }

    #[test]
    fn windows_that_leave_a_rest_have_no_output() {
        assert_eq!(TWO.output(2, 2), Some((2, 2)));
        assert_eq!(TWO.output(2, 3), None);
        assert_eq!(TWO.output(0, 2), None);
    }

    #[test]
    fn halves_pool_to_their_extrema_and_to_means_within_a_bound() {
        use crate::half::from_f32;
        let input = Map::from_fn(1, 2, 2, |_, y, x| from_f32([[-7.0, 3.0], [4.5, -2.0]][y][x]));
        let pooled = |what, pad: f32| pool_halves(&input, TWO, what, from_f32(pad)).values;
        assert_eq!(pooled(Pool::Max, -9.0)[..2], [(4.5, 0.0), (3.0, 0.0)]);
        assert_eq!(pooled(Pool::Min, 9.0)[..2], [(-7.0, 0.0), (-2.0, 0.0)]);
        let average = Pool::Average {
            reciprocal_width: 32768,
            reciprocal_height: 32768,
        };
        let (mean, bound) = pooled(average, 1.0)[0];
        assert_eq!(mean, (1.0 - 7.0 + 1.0 + 4.5) / 4.0);
        assert!(bound > 0.0 && bound < 1e-5);
    }
}
