//! Random pooling windows, as the driver and as the reference know them.

use npu_device::Window;
use npu_reference as reference;

use super::Random;

pub struct Pooled {
    pub window: Window,
    pub windows: reference::Window,
    /// Size of the result.
    pub rows: usize,
    pub columns: usize,
    /// The mean, with the reciprocals that the registers hold.
    pub average: reference::Pool,
}

/// A window with stride and padding for a map of this size; none where the map has no room for it.
pub fn random_window(random: &mut Random, height: usize, width: usize) -> Option<Pooled> {
    let mut below = |bound: u64| random.below(bound) as u32;
    let (kernel_width, kernel_height) = (1 + below(7), 1 + below(7));
    let window = Window {
        stride_x: 1 + below(u64::from(kernel_width)),
        stride_y: 1 + below(u64::from(kernel_height)),
        pad_left: below(u64::from(kernel_width)),
        pad_right: below(u64::from(kernel_width)),
        pad_top: below(u64::from(kernel_height)),
        pad_bottom: below(u64::from(kernel_height)),
        ..Window::of(kernel_width, kernel_height)
    };
    let pair = |a: u32, b: u32| (a as usize, b as usize);
    let windows = reference::Window {
        size: pair(window.kernel_height, window.kernel_width),
        stride: pair(window.stride_y, window.stride_x),
        before: pair(window.pad_top, window.pad_left),
        after: pair(window.pad_bottom, window.pad_right),
    };
    let (rows, columns) = windows.output(height, width)?;
    let average = reference::Pool::Average {
        reciprocal_width: 65536 / i64::from(kernel_width),
        reciprocal_height: 65536 / i64::from(kernel_height),
    };
    Some(Pooled {
        window,
        windows,
        rows,
        columns,
        average,
    })
}
