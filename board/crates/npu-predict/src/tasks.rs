//! One layer as hardware tasks. Element-wise work and pooling have no array cycles: they are as fast as their bytes.

use npu_device::Traffic;
use npu_sim::timing::TaskShape;

use crate::conv::{self, Dense};
use crate::cut::{self, Tasks};
use crate::matmul::Product;
use crate::network::{Cube, Dtype, Layer, NetworkError, Op};

/// Command words of a DPU-only task (§12.26).
const DPU_WORDS: u64 = 73;
/// Command words of a pooling task (§2.9).
const POOL_WORDS: u64 = 33;
/// Command words that load one look-up table (§2.6); there are two tables.
const TABLE_WORDS: u64 = 588;

/// Multiply-accumulates that the layer asks for, padding not counted.
pub(crate) fn macs(op: &Op) -> u64 {
    let outputs = |window: &crate::network::Window| window.out_height * window.out_width;
    match op {
        Op::Conv { window, kernels, .. } => {
            outputs(window) * window.kernel[0] * window.kernel[1] * window.input.channels * kernels
        }
        Op::Depthwise { window, .. } => outputs(window) * window.kernel[0] * window.kernel[1] * window.input.channels,
        Op::Matmul { m, k, n } => m * k * n,
        Op::Add(_) | Op::Pool(_) | Op::Upsample(..) | Op::Activation(_) => 0,
    }
}

/// The tasks of one layer, once, in every way that a compiler may choose from; at least one.
pub(crate) fn tasks(layer: &Layer) -> Result<Vec<Tasks>, NetworkError> {
    let dtype = layer.dtype;
    let mut every = match layer.op {
        Op::Conv {
            window,
            kernels,
            residual,
            ..
        } => cut::every(&Dense {
            window,
            kernels,
            residual,
            dtype,
        }),
        Op::Depthwise { window, .. } => conv::depthwise(&window, dtype),
        Op::Matmul { m, k, n } => cut::cheapest(&Product::new(m, k, n, dtype)).into_iter().collect(),
        Op::Add(cube) => one(moved(2 * bytes(cube, dtype), bytes(cube, dtype), DPU_WORDS)),
        Op::Activation(cube) => one(moved(bytes(cube, dtype), bytes(cube, dtype), DPU_WORDS)),
        Op::Upsample(cube, factor) => {
            let read = bytes(cube, dtype);
            one(moved(read, read * factor * factor, DPU_WORDS))
        }
        Op::Pool(window) => {
            let output = Cube {
                height: window.out_height,
                width: window.out_width,
                ..window.input
            };
            one(moved(bytes(window.input, dtype), bytes(output, dtype), POOL_WORDS))
        }
    };
    if every.is_empty() {
        let (key, what) = match layer.op {
            Op::Matmul { .. } => ("k", "a row"),
            _ => ("input", "one kernel row"),
        };
        return Err(NetworkError::Layer {
            layer: layer.name.clone(),
            key,
            rule: format!(
                "{what} of it and one kernel group do not fit the 256 KiB buffer together, or it takes more than {} tasks",
                cut::MOST_TASKS
            ),
        });
    }
    let table = match layer.op {
        Op::Conv { table, .. } | Op::Depthwise { table, .. } => table,
        Op::Activation(_) => true,
        _ => false,
    };
    if table {
        for tasks in &mut every {
            tasks.insert(0, (moved(0, 0, TABLE_WORDS), 2));
        }
    }
    Ok(every)
}

/// Work that is one task.
fn one(task: TaskShape) -> Vec<Tasks> {
    vec![vec![(task, 1)]]
}

/// Bytes of a tensor in the native layout: 8 bytes a pixel and surface (§4.1).
fn bytes(cube: Cube, dtype: Dtype) -> u64 {
    cube.height * cube.width * (cube.channels * dtype.bytes()).next_multiple_of(8)
}

fn moved(read_bytes: u64, written_bytes: u64, words: u64) -> TaskShape {
    TaskShape {
        traffic: Traffic {
            data_read_bytes: read_bytes + words * 8,
            weight_read_bytes: 0,
            written_bytes,
        },
        ..TaskShape::without_array(0)
    }
}
