//! Row bands: which output rows a task computes and which input rows it is given (§4.2, §9.10).

use npu_reference::Geometry;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Band {
    /// First output row and their number.
    pub output: (usize, usize),
    /// First input row and their number.
    pub input: (usize, usize),
    /// Rows of padding above.
    pub pad_top: usize,
}

/// Splits the output into bands whose input has at most `most` rows.
pub fn bands(height: usize, kernel_height: usize, geometry: Geometry, most: usize) -> Vec<Band> {
    let mut all = Vec::new();
    let mut row = 0;
    while row < geometry.output.0 {
        let fitting = (1..=geometry.output.0 - row)
            .map(|rows| band(height, kernel_height, geometry, (row, rows)))
            .take_while(|band| band.input.1 <= most)
            .last();
        let band = fitting.unwrap_or_else(|| panic!("{most} rows hold no window of {kernel_height}"));
        row += band.output.1;
        all.push(band);
    }
    all
}

fn band(height: usize, kernel_height: usize, geometry: Geometry, output: (usize, usize)) -> Band {
    let (stride, step, pad) = (geometry.stride.0, geometry.step.0, geometry.pad.0);
    let top = (output.0 * stride) as i64 - pad as i64;
    let bottom = ((output.0 + output.1 - 1) * stride + (kernel_height - 1) * step + 1) as i64 - pad as i64;
    let first = top.max(0);
    Band {
        output,
        input: (first as usize, (bottom.min(height as i64) - first).max(0) as usize),
        pad_top: (first - top) as usize,
    }
}
