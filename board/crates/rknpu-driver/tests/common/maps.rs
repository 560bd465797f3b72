//! Plain maps of the reference in device buffers.

use npu_device::{Accelerator, BufferRange, OutputConversion, Window, layout};
use npu_reference as reference;
use npu_reference::{Geometry, Kernels, Map};

use super::Random;

/// A buffer with these bytes.
pub fn buffer(npu: &mut dyn Accelerator, bytes: &[u8]) -> BufferRange {
    let at = empty(npu, bytes.len());
    npu.write_memory(at, bytes).unwrap();
    at
}

/// A buffer filled with a pattern, so that what is not written shows.
pub fn empty(npu: &mut dyn Accelerator, bytes: usize) -> BufferRange {
    let at = BufferRange {
        buffer: npu.allocate_memory(bytes as u64).unwrap(),
        offset: 0,
    };
    npu.write_memory(at, &vec![0x5A; bytes]).unwrap();
    at
}

pub fn read(npu: &mut dyn Accelerator, at: BufferRange) -> Vec<u8> {
    let mut bytes = vec![0; npu.buffer_bytes(at.buffer).unwrap() as usize];
    npu.read_memory(at, &mut bytes).unwrap();
    bytes
}

/// `[c, h, w]` as `[h, w, c]`.
pub fn interleaved<T: Copy>(map: &Map<T>) -> Vec<T> {
    let pixels = (0..map.height).flat_map(|y| (0..map.width).map(move |x| (y, x)));
    pixels
        .flat_map(|(y, x)| (0..map.channels).map(move |c| map.at(c, y, x)))
        .collect()
}

/// `[n, c, h, w]` as `[n, h, w, c]`.
pub fn kernel_major<T: Copy>(kernels: &Kernels<T>) -> Vec<T> {
    let mut values = Vec::new();
    for n in 0..kernels.count {
        for tap in 0..kernels.height * kernels.width {
            for c in 0..kernels.channels {
                values.push(kernels.at(n, c, tap / kernels.width, tap % kernels.width));
            }
        }
    }
    values
}

/// Surfaces of int8 as a map.
pub fn int8_map(native: &[u8], (channels, height, width): (usize, usize, usize)) -> Map<i8> {
    let values: Vec<i8> = layout::features::unpack(native, width, height, channels);
    Map::from_fn(channels, height, width, |c, y, x| {
        values[(y * width + x) * channels + c]
    })
}

/// A random window over an input of (height, width) that has an output.
pub fn window(random: &mut Random, (height, width): (usize, usize), most_kernel: u64) -> Window {
    loop {
        let mut below = |bound: u64| random.below(bound) as u32;
        let mut window = Window {
            kernel_width: 1 + below(most_kernel),
            kernel_height: 1 + below(most_kernel),
            stride_x: 1 + below(3),
            stride_y: 1 + below(3),
            dilation_x: 1 + below(4) / 3,
            dilation_y: 1 + below(4) / 3,
            ..Window::of(1, 1)
        };
        let (extent_x, extent_y) = window.extent().unwrap();
        window.pad_left = below(u64::from(extent_x.min(16)));
        window.pad_right = below(u64::from(extent_x.min(16)));
        window.pad_top = below(u64::from(extent_y.min(16)));
        window.pad_bottom = below(u64::from(extent_y.min(16)));
        if window.output_size(width as u32, height as u32).is_some() {
            return window;
        }
    }
}

pub fn geometry(window: &Window, output: (u32, u32)) -> Geometry {
    let pair = |a: u32, b: u32| (a as usize, b as usize);
    Geometry {
        stride: pair(window.stride_y, window.stride_x),
        step: pair(window.dilation_y, window.dilation_x),
        pad: pair(window.pad_top, window.pad_left),
        output: pair(output.1, output.0),
    }
}

pub fn converter(output: &OutputConversion) -> reference::Converter {
    reference::Converter {
        offset: output.offset,
        scale: i32::from(output.scale),
        shift: u32::from(output.shift),
        offset_first: false,
        ties: if output.ties_up {
            reference::Ties::Up
        } else {
            reference::Ties::Even
        },
    }
}
