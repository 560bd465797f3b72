//! Pooling of one fp16 surface: four channels a pixel (sheet §2.9, §12.18, §12.19). Extrema are exact; a mean is an fp32
//! sum along rows and then columns times both reciprocals, rounded once, and agrees with silicon within a tolerance.

use alloc::vec::Vec;

use npu_kernels::convert::{f16_to_f32, f32_to_f16};

use super::window::{Axis, Method, Window};

/// Channels of a surface.
const LANES: usize = 4;

/// Buffers that outlive a task.
#[derive(Default)]
pub(super) struct Scratch {
    halves: Vec<u16>,
    pixels: Vec<f32>,
    narrow: Vec<f32>,
    pooled: Vec<f32>,
}

/// Pools `input`, (row, column, 4), into `output`. `pad` holds fp16 bits.
pub(super) fn pool(window: &Window, pad: u16, input: &[u8], output: &mut Vec<u8>, scratch: &mut Scratch) {
    let Scratch {
        halves,
        pixels,
        narrow,
        pooled,
    } = scratch;
    halves.clear();
    halves.extend(input.as_chunks::<2>().0.iter().map(|two| u16::from_le_bytes(*two)));
    pixels.resize(halves.len(), 0.0);
    f16_to_f32(halves, pixels);
    let mut pad_value = [0.0];
    f16_to_f32(&[pad], &mut pad_value);
    let [pad] = pad_value;
    let join: fn(f32, f32) -> f32 = match window.method {
        Method::Max => f32::max,
        Method::Min => f32::min,
        Method::Average { .. } => |x, y| x + y,
    };
    // What a run of pad places contributes: their sum, or any one of them.
    let padding = |places: usize, value: f32| match window.method {
        Method::Average { .. } => places as f32 * value,
        Method::Max | Method::Min => value,
    };
    let (columns, rows) = (&window.columns, &window.rows);
    narrow.clear();
    for row in pixels.chunks_exact(columns.size * LANES) {
        along(columns, LANES, pad, row, narrow, join, padding);
    }
    let line = columns.count * LANES;
    pooled.clear();
    along(rows, line, padding(columns.kernel, pad), narrow, pooled, join, padding);
    if let Method::Average {
        reciprocal_width,
        reciprocal_height,
    } = window.method
    {
        let factor = |reciprocal: u32| reciprocal as f32 / 65536.0;
        let (width, height) = (factor(reciprocal_width), factor(reciprocal_height));
        pooled.iter_mut().for_each(|x| *x = *x * width * height);
    }
    halves.resize(pooled.len(), 0);
    f32_to_f16(pooled, halves);
    output.clear();
    output.extend(halves.iter().flat_map(|half| half.to_le_bytes()));
}

/// Joins runs of `lane` values along one axis, window after window.
fn along(
    axis: &Axis,
    lane: usize,
    pad: f32,
    values: &[f32],
    into: &mut Vec<f32>,
    join: fn(f32, f32) -> f32,
    padding: impl Fn(usize, f32) -> f32,
) {
    for window in 0..axis.count {
        let (range, pads) = axis.under(window);
        for at in 0..lane {
            let mut under = range.clone().map(|place| values[place * lane + at]);
            let first = if pads > 0 {
                Some(padding(pads, pad))
            } else {
                under.next()
            };
            into.push(first.map_or(0.0, |first| under.fold(first, join)));
        }
    }
}
