//! Windows as rows: for every output pixel the features under the kernel, in the order the weights are stored in, so that
//! one product of rows and weights is the convolution. Knows bytes; the element type does not matter here.
//!
//! A row is `(slice, tap, 32 bytes)` for whole channel slices, then `(tap, rest)` for the compact tail (§4.3).

use core::ops::Range;

use alloc::vec::Vec;

use crate::cna::{Convolution, SLICE_BYTES};

/// The order of a row.
#[derive(Clone, Copy)]
pub(crate) struct RowLayout {
    /// Taps of the kernel.
    pub(crate) taps: usize,
    /// Whole channel slices.
    pub(crate) slices: usize,
    /// Bytes of the tail slice, 0 where there is none.
    pub(crate) tail: usize,
}

impl RowLayout {
    pub(crate) fn new(taps: usize, pixel_bytes: usize) -> Self {
        Self {
            taps,
            slices: pixel_bytes / SLICE_BYTES,
            tail: pixel_bytes % SLICE_BYTES,
        }
    }

    /// Where the tail begins.
    pub(crate) const fn tail_start(&self) -> usize {
        self.slices * self.taps * SLICE_BYTES
    }

    /// Bytes of a row.
    pub(crate) const fn bytes(&self) -> usize {
        self.tail_start() + self.taps * self.tail
    }
}

/// Gathers rows of one task.
pub(crate) struct Windows<'a> {
    task: &'a Convolution,
    map: &'a [u8],
    pub(crate) layout: RowLayout,
    /// A pixel of padding: the pad value in real channels, 0 in the others.
    pad: Vec<u8>,
}

impl<'a> Windows<'a> {
    pub(crate) fn new(task: &'a Convolution, map: &'a [u8]) -> Self {
        let mut pad = alloc::vec![0; task.input.pixel_bytes()];
        let real = &mut pad[..task.input.real_bytes()];
        let [low, high, ..] = task.window.pad_value.to_le_bytes();
        match task.input.element_bytes {
            1 => real.fill(low),
            _ => real.as_chunks_mut().0.fill([low, high]),
        }
        Self {
            task,
            map,
            layout: RowLayout::new(task.window.taps(), task.input.pixel_bytes()),
            pad,
        }
    }

    /// Rows of `pixels`, each `row_bytes` long and zero beyond its windows. Rows that lie in the buffer already are lent.
    pub(crate) fn rows<'b>(&'b self, pixels: Range<usize>, row_bytes: usize, rows: &'b mut Vec<u8>) -> &'b [u8] {
        if self.identity() && row_bytes == self.layout.bytes() {
            return &self.map[pixels.start * row_bytes..pixels.end * row_bytes];
        }
        rows.resize(pixels.len() * row_bytes, 0);
        for (row, pixel) in rows.chunks_exact_mut(row_bytes).zip(pixels) {
            let (windows, beyond) = row.split_at_mut(self.layout.bytes());
            self.fill(pixel, windows);
            beyond.fill(0);
        }
        rows
    }

    /// A kernel of one tap that visits every pixel once: windows are pixels.
    fn identity(&self) -> bool {
        let (window, input, cube) = (&self.task.window, &self.task.input, &self.task.cube);
        (
            window.taps(),
            window.stride_x,
            window.stride_y,
            window.pad_left,
            window.pad_top,
        ) == (1, 1, 1, 0, 0)
            && (cube.width, cube.height) == (input.width, input.height)
    }

    fn fill(&self, pixel: usize, row: &mut [u8]) {
        let window = &self.task.window;
        let (out_y, out_x) = (pixel / self.task.cube.width, pixel % self.task.cube.width);
        let (slices, tail) = row.split_at_mut(self.layout.tail_start());
        for ky in 0..window.height {
            let y = (out_y * window.stride_y + ky * window.step_y).wrapping_sub(window.pad_top);
            for kx in 0..window.width {
                let x = (out_x * window.stride_x + kx * window.step_x).wrapping_sub(window.pad_left);
                let features = self.pixel(y, x);
                let tap = ky * window.width + kx;
                let (whole, rest) = features.as_chunks::<SLICE_BYTES>();
                let places = slices.as_chunks_mut::<SLICE_BYTES>().0.iter_mut();
                for (to, from) in places.skip(tap).step_by(self.layout.taps).zip(whole) {
                    *to = *from;
                }
                if self.layout.tail > 0 {
                    tail[tap * self.layout.tail..][..self.layout.tail].copy_from_slice(rest);
                }
            }
        }
    }

    /// A pixel of the band, or padding; coordinates left of or above the band wrapped to huge ones.
    fn pixel(&self, y: usize, x: usize) -> &[u8] {
        let input = &self.task.input;
        if y < input.height && x < input.width {
            &self.map[(y * input.width + x) * self.pad.len()..][..self.pad.len()]
        } else {
            &self.pad
        }
    }
}
