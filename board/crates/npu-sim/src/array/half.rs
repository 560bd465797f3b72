//! fp16 convolutions: f32 accumulators, each one chain of additions in slice, tap, channel order (§12.19). Feature sums
//! do not exist here: the compensation they serve is integer arithmetic.

use alloc::vec::Vec;

use npu_device::DmaMem;
use npu_kernels::convert::f16_to_f32;
use npu_kernels::gemm::{chain_lanes, chain_products};
use npu_kernels::run::Run;

use super::gather::Windows;
use super::{Job, RESULT_BYTES, depthwise, stored};
use crate::cna::SLICE_BYTES;
use crate::fault::FaultKind;
use crate::tile::{Tile, TileSink, Values};

/// Channels of a slice.
const LANES: usize = SLICE_BYTES / 2;
/// Weights are widened at most this many bytes ahead.
const WEIGHT_BYTES: usize = 4 << 20;

/// Buffers of this kind of task.
#[derive(Default)]
pub(crate) struct Scratch {
    bytes: Vec<u8>,
    halves: Vec<u16>,
    rows: Vec<f32>,
    weights: Vec<f32>,
    stored: Vec<u8>,
    results: Vec<f32>,
}

/// Widens stored halves; exact, denormals included.
fn widen(bytes: &[u8], halves: &mut Vec<u16>, out: &mut Vec<f32>) {
    halves.clear();
    halves.extend(bytes.as_chunks::<2>().0.iter().map(|pair| u16::from_le_bytes(*pair)));
    out.resize(halves.len(), 0.0);
    f16_to_f32(halves, out);
}

pub(crate) fn dense(
    job: &Job<'_>,
    memory: &dyn DmaMem,
    scratch: &mut Scratch,
    sink: &mut dyn TileSink,
) -> Result<(), FaultKind> {
    let windows = Windows::new(job.task, job.map);
    let layout = windows.layout;
    let row_bytes = layout.bytes();
    let depth = row_bytes / 2;
    let Scratch {
        bytes,
        halves,
        rows,
        weights,
        stored,
        results,
    } = scratch;
    let stored_weights = &job.task.weights;
    let group = job.task.cube.precision.kernel_group();
    for pixels in job.blocks(2 * row_bytes) {
        let m = pixels.len();
        widen(windows.rows(pixels.clone(), row_bytes, bytes), halves, rows);
        let ahead = (RESULT_BYTES / (4 * m)).min(WEIGHT_BYTES / (4 * depth)) / group;
        let mut kernel = 0;
        while kernel < stored_weights.kernels {
            let kernels = group.min(stored_weights.kernels - kernel);
            let wanted = ((stored_weights.kernels - kernel) / group).min(ahead).max(1);
            let group_bytes = kernels * stored_weights.bytes_per_kernel;
            let at = (job.weight_address, kernel * stored_weights.bytes_per_kernel);
            let done = stored::lend(memory, at, group_bytes, wanted, stored, |bytes| {
                weights.clear();
                weights.resize(bytes.len() / group_bytes * group * depth, 0.0);
                for (stored, rows) in bytes
                    .chunks_exact(group_bytes)
                    .zip(weights.chunks_exact_mut(group * depth))
                {
                    stored::pieces(layout, kernels, stored, |kernel, at, bytes| {
                        let mut piece = [0; LANES];
                        let count = bytes.len() / 2;
                        for (to, from) in piece.iter_mut().zip(bytes.as_chunks::<2>().0) {
                            *to = u16::from_le_bytes(*from);
                        }
                        f16_to_f32(&piece[..count], &mut rows[kernel * depth + at / 2..][..count]);
                    });
                }
            })
            .map_err(super::weight_fault)?;
            let n = done * group;
            results.resize(n * m, 0.0);
            // Without a flag nothing can cancel.
            let _ = chain_products(rows, weights, m, depth, n, results, &Run::all_processors());
            sink.take(&Tile {
                first_channel: kernel,
                channels: n,
                first_pixel: pixels.start,
                pixels: m,
                values: Values::Float(results),
                feature_sums: &[],
            })?;
            kernel += done * kernels;
        }
    }
    Ok(())
}

pub(crate) fn depthwise(
    job: &Job<'_>,
    memory: &dyn DmaMem,
    scratch: &mut Scratch,
    sink: &mut dyn TileSink,
) -> Result<(), FaultKind> {
    let windows = Windows::new(job.task, job.map);
    let (taps, row_bytes) = (windows.layout.taps, windows.layout.bytes());
    let Scratch {
        bytes,
        halves,
        rows,
        weights,
        stored,
        results,
    } = scratch;
    let kernel_bytes = job.task.weights.bytes_per_kernel;
    let mut weight_halves = Vec::new();
    stored::lend(memory, (job.weight_address, 0), kernel_bytes, 1, stored, |bytes| {
        widen(bytes, &mut weight_halves, weights);
    })
    .map_err(super::weight_fault)?;
    for pixels in job.blocks(2 * row_bytes) {
        let m = pixels.len();
        widen(windows.rows(pixels.clone(), row_bytes, bytes), halves, rows);
        for slice in depthwise::slices(job, &windows) {
            let lanes = slice.lane_bytes / 2;
            results.clear();
            results.resize(LANES * m, 0.0);
            chain_lanes(
                &rows[slice.row_start / 2..],
                (row_bytes / 2, lanes),
                &weights[slice.weight_start / 2..],
                slice.weight_tap / 2,
                (m, taps, lanes),
                &mut results[..lanes * m],
            );
            sink.take(&Tile {
                first_channel: slice.first_byte / 2,
                channels: LANES,
                first_pixel: pixels.start,
                pixels: m,
                values: Values::Float(results),
                feature_sums: &[],
            })?;
        }
    }
    Ok(())
}
