//! Plans with a given cut, for tests that reproduce what another generator chose.

use alloc::vec::Vec;

use npu_device::{BufferTable, Convolution};

use super::Planner;
use super::tiling::Cut;
use crate::soc::Soc;
use crate::task::TaskPlan;

/// The tasks of a dense convolution in bands of `band_rows` output rows with so many data banks.
pub(crate) fn convolution(
    operation: &Convolution,
    buffers: &BufferTable,
    soc: &Soc,
    data_banks: usize,
    band_rows: usize,
) -> Vec<TaskPlan> {
    let mut planner = Planner {
        buffers,
        soc,
        operation: 0,
        next_scratch: 0,
        tasks: Vec::new(),
        sums: Vec::new(),
    };
    let layer = planner.layer(operation).unwrap();
    let weight_banks = soc.buffer_banks - data_banks;
    let cut = Cut {
        weight_banks,
        data_banks,
        band_rows,
        bands: layer.out_height.div_ceil(band_rows),
        slice_kernels: layer.whole.kernels,
        slices: 1,
        weights_fit: layer.whole.kernels * layer.whole.kernel_bytes <= weight_banks * soc.bank_bytes,
    };
    planner.dense(&layer, &cut).unwrap();
    planner.tasks
}
