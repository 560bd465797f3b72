//! Weights as memory stores them: groups of kernels, channel slices, taps, compact where a group or slice is not full
//! (§4.3, §12.20). Lends them in place, or brings them into the order of the rows.

use npu_device::{DmaFault, DmaMem};

use super::gather::RowLayout;
use crate::cbuf::offset;
use crate::cna::SLICE_BYTES;

/// Calls `use_weights` with as many of the `wanted` kernel groups of `group_bytes` from `address` as lie in one run of
/// memory, and says how many those were. Memory that lends no views is read one group at a time.
pub(crate) fn lend(
    memory: &dyn DmaMem,
    (base, at): (u32, usize),
    group_bytes: usize,
    wanted: usize,
    copy: &mut alloc::vec::Vec<u8>,
    use_weights: impl FnOnce(&[u8]),
) -> Result<usize, DmaFault> {
    let address = offset(base, at, false)?;
    if let Some(view) = memory.pin(address, wanted * group_bytes)? {
        let groups = view.bytes().len() / group_bytes;
        if groups > 0 {
            use_weights(&view.bytes()[..groups * group_bytes]);
            return Ok(groups);
        }
    }
    copy.resize(group_bytes, 0);
    memory.read(address, copy)?;
    use_weights(copy);
    Ok(1)
}

/// Calls `each(kernel, at, bytes)` for every piece of a stored group of `kernels`: `bytes` belong at offset `at` of the
/// kernel's row.
pub(crate) fn pieces(layout: RowLayout, kernels: usize, stored: &[u8], mut each: impl FnMut(usize, usize, &[u8])) {
    let (whole, tail) = stored.split_at(layout.tail_start() * kernels);
    for (index, tile) in whole.chunks_exact(SLICE_BYTES * kernels).enumerate() {
        for (kernel, bytes) in tile.chunks_exact(SLICE_BYTES).enumerate() {
            each(kernel, index * SLICE_BYTES, bytes);
        }
    }
    if layout.tail > 0 {
        for (tap, tile) in tail.chunks_exact(layout.tail * kernels).enumerate() {
            for (kernel, bytes) in tile.chunks_exact(layout.tail).enumerate() {
                each(kernel, layout.tail_start() + tap * layout.tail, bytes);
            }
        }
    }
}
