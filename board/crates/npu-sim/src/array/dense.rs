//! Dense int8 convolution: rows of windows times kernel groups. Whole groups of whole slices are multiplied where they
//! lie; compact ones are brought into whole tiles first.

use alloc::vec::Vec;
use core::ops::Range;

use npu_device::DmaMem;
use npu_kernels::int8::{GROUP, SLICE};

use super::gather::{RowLayout, Windows};
use super::stored;
use super::{Job, RESULT_BYTES, multiply};
use crate::fault::FaultKind;
use crate::tile::{Tile, TileSink, Values};

/// Tiles are unpacked at most this many bytes ahead.
const TILE_BYTES: usize = 1 << 20;

/// Buffers of this kind of task.
#[derive(Default)]
pub(crate) struct Scratch {
    rows: Vec<u8>,
    tiles: Vec<u8>,
    stored: Vec<u8>,
    results: Vec<i32>,
}

pub(crate) fn run(
    job: &Job<'_>,
    memory: &dyn DmaMem,
    scratch: &mut Scratch,
    sink: &mut dyn TileSink,
) -> Result<(), FaultKind> {
    let windows = Windows::new(job.task, job.map);
    let depth = windows.layout.bytes().next_multiple_of(SLICE);
    for pixels in job.blocks(depth) {
        let rows = windows.rows(pixels.clone(), depth, &mut scratch.rows);
        let sums = if sink.needs_sums() {
            row_sums(rows, depth)
        } else {
            Vec::new()
        };
        let mut buffers = Buffers {
            tiles: &mut scratch.tiles,
            stored: &mut scratch.stored,
            results: &mut scratch.results,
        };
        groups(job, memory, windows.layout, &pixels, rows, &sums, &mut buffers, sink)?;
    }
    Ok(())
}

struct Buffers<'a> {
    tiles: &'a mut Vec<u8>,
    stored: &'a mut Vec<u8>,
    results: &'a mut Vec<i32>,
}

#[allow(clippy::too_many_arguments)]
fn groups(
    job: &Job<'_>,
    memory: &dyn DmaMem,
    layout: RowLayout,
    pixels: &Range<usize>,
    rows: &[u8],
    sums: &[i32],
    buffers: &mut Buffers<'_>,
    sink: &mut dyn TileSink,
) -> Result<(), FaultKind> {
    let weights = &job.task.weights;
    let m = pixels.len();
    let depth = layout.bytes().next_multiple_of(SLICE);
    let mut kernel = 0;
    while kernel < weights.kernels {
        // Whole groups go together, the compact last one alone.
        let kernels = GROUP.min(weights.kernels - kernel);
        let in_place = kernels == GROUP && layout.tail == 0;
        let ahead = RESULT_BYTES / (4 * GROUP * m);
        let most = if in_place {
            ahead
        } else {
            ahead.min(TILE_BYTES / (GROUP * depth))
        };
        let wanted = ((weights.kernels - kernel) / GROUP).min(most).max(1);
        let group_bytes = kernels * weights.bytes_per_kernel;
        let Buffers {
            tiles, stored, results, ..
        } = buffers;
        let at = (job.weight_address, kernel * weights.bytes_per_kernel);
        let done = stored::lend(memory, at, group_bytes, wanted, stored, |bytes| {
            let groups = bytes.len() / group_bytes;
            results.resize(groups * GROUP * m, 0);
            let tiles = if in_place {
                bytes
            } else {
                unpack(layout, kernels, bytes, tiles);
                tiles
            };
            multiply(rows, tiles, m, depth, results);
        })
        .map_err(super::weight_fault)?;
        sink.take(&Tile {
            first_channel: kernel,
            channels: done * GROUP,
            first_pixel: pixels.start,
            pixels: m,
            values: Values::Int(buffers.results),
            feature_sums: sums,
        })?;
        kernel += done * kernels;
    }
    Ok(())
}

/// Stored groups of `kernels` each as tiles `(K/32, 16, 32)`, zero where there is no weight.
fn unpack(layout: RowLayout, kernels: usize, stored: &[u8], tiles: &mut Vec<u8>) {
    let depth = layout.bytes().next_multiple_of(SLICE);
    let groups = stored.len() / (kernels * layout.bytes());
    tiles.clear();
    tiles.resize(groups * GROUP * depth, 0);
    let stored = stored.chunks_exact(kernels * layout.bytes());
    for (stored, tiles) in stored.zip(tiles.chunks_exact_mut(GROUP * depth)) {
        stored::pieces(layout, kernels, stored, |kernel, at, bytes| {
            // A piece of the tail may straddle two tiles; atoms never do.
            for (index, atom) in bytes.chunks_exact(8).enumerate() {
                let at = at + index * 8;
                let to = (at / SLICE * GROUP + kernel) * SLICE + at % SLICE;
                tiles[to..to + 8].copy_from_slice(atom);
            }
        });
    }
}

/// Σx of each row. What is not a real channel is 0, so it does not count (§12.14).
fn row_sums(rows: &[u8], depth: usize) -> Vec<i32> {
    rows.chunks_exact(depth)
        .map(|row| row.iter().map(|&value| i32::from(value as i8)).sum())
        .collect()
}
