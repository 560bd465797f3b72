//! Depthwise int8 convolution: each channel with its own taps, a slice of 32 channels at a time (§4.3).

use alloc::vec::Vec;

use npu_device::DmaMem;
use npu_kernels::int8::lane_products;

use super::gather::Windows;
use super::{Job, stored};
use crate::cna::SLICE_BYTES;
use crate::fault::FaultKind;
use crate::tile::{Tile, TileSink, Values};

/// Buffers of this kind of task.
#[derive(Default)]
pub(crate) struct Scratch {
    rows: Vec<u8>,
    stored: Vec<u8>,
    results: Vec<i32>,
    sums: Vec<i32>,
}

/// One slice of channels: where its taps lie in a row and among the stored weights.
pub(super) struct Slice {
    pub(super) first_byte: usize,
    pub(super) lane_bytes: usize,
    pub(super) row_start: usize,
    pub(super) weight_start: usize,
    pub(super) weight_tap: usize,
}

/// The slices of a depthwise task. Stored taps may be wider than the loaded ones.
pub(super) fn slices(job: &Job<'_>, windows: &Windows<'_>) -> impl Iterator<Item = Slice> {
    let taps = windows.layout.taps;
    let (pixel, stored) = (job.task.input.pixel_bytes(), job.task.weights.bytes_per_kernel / taps);
    (0..pixel).step_by(SLICE_BYTES).map(move |first_byte| Slice {
        first_byte,
        lane_bytes: SLICE_BYTES.min(pixel - first_byte),
        row_start: first_byte * taps,
        weight_start: first_byte * taps,
        weight_tap: SLICE_BYTES.min(stored - first_byte),
    })
}

pub(crate) fn run(
    job: &Job<'_>,
    memory: &dyn DmaMem,
    scratch: &mut Scratch,
    sink: &mut dyn TileSink,
) -> Result<(), FaultKind> {
    let windows = Windows::new(job.task, job.map);
    let (taps, depth) = (windows.layout.taps, windows.layout.bytes());
    // The sums are the products with weights of one.
    let ones = if sink.needs_sums() {
        alloc::vec![1; taps * SLICE_BYTES]
    } else {
        Vec::new()
    };
    let Scratch {
        rows,
        stored,
        results,
        sums,
    } = scratch;
    for pixels in job.blocks(depth) {
        let m = pixels.len();
        let rows = windows.rows(pixels.clone(), depth, rows);
        for slice in slices(job, &windows) {
            let Slice { lane_bytes: lanes, .. } = slice;
            // Channels beyond the declared ones have no weights.
            results.clear();
            results.resize(SLICE_BYTES * m, 0);
            let (rows, shape) = (&rows[slice.row_start..], (m, taps, lanes));
            stored::lend(
                memory,
                (job.weight_address, 0),
                job.task.weights.bytes_per_kernel,
                1,
                stored,
                |bytes| {
                    let weights = &bytes[slice.weight_start..];
                    let results = &mut results[..lanes * m];
                    lane_products(rows, (depth, lanes), weights, slice.weight_tap, shape, results);
                },
            )
            .map_err(super::weight_fault)?;
            sums.clear();
            if !ones.is_empty() {
                sums.resize(SLICE_BYTES * m, 0);
                lane_products(rows, (depth, lanes), &ones, lanes, shape, &mut sums[..lanes * m]);
            }
            sink.take(&Tile {
                first_channel: slice.first_byte,
                channels: SLICE_BYTES,
                first_pixel: pixels.start,
                pixels: m,
                values: Values::Int(results),
                feature_sums: sums,
            })?;
        }
    }
    Ok(())
}
