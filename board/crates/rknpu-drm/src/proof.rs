//! A product with a known result, run before the device is trusted: a kernel may say success and do nothing.

use std::time::Duration;

use npu_device::{Accelerator, BufferRange, DeviceError, MatmulInt8, NpuDevice, layout};
use rknpu_driver::RknpuDriver;

const M: usize = 4;
const K: usize = 64;
const N: usize = 32;
/// What the result's memory holds before.
const MARKER: u8 = 0xA5;

fn operand(length: usize, step: usize) -> Vec<i8> {
    (0..length).map(|index| (index * step % 251) as u8 as i8).collect()
}

/// Initializes the driver and runs the product. `Fault` where the result is another.
pub(crate) fn run(driver: &mut RknpuDriver, allowance: Duration) -> Result<(), DeviceError> {
    NpuDevice::init(driver)?;
    let npu: &mut dyn Accelerator = driver;
    let (a, b) = (operand(M * K, 7), operand(N * K, 13));
    let mut buffers = Vec::new();
    let mut place = |npu: &mut dyn Accelerator, bytes: &[u8]| -> Result<BufferRange, DeviceError> {
        let buffer = npu.allocate_memory(bytes.len() as u64)?;
        buffers.push(buffer);
        let at = BufferRange { buffer, offset: 0 };
        npu.write_memory(at, bytes)?;
        Ok(at)
    };
    let at_a = place(npu, &layout::pack_a(&a, M, K))?;
    let at_b = place(npu, &layout::pack_b(&b, N, K))?;
    let mut result = vec![MARKER; layout::c_bytes(M, N)];
    let at_c = place(npu, &result)?;
    let product = MatmulInt8 {
        m: M as u32,
        k: K as u32,
        n: N as u32,
        a: at_a,
        b: at_b,
        c: at_c,
    };
    let job = npu.submit_task(&[product.into()])?;
    let allowance_ns = u64::try_from(allowance.as_nanos()).unwrap_or(u64::MAX);
    npu.wait_for_completion(job, allowance_ns)?;
    npu.read_memory(at_c, &mut result)?;
    let wrong = layout::unpack_c(&result, M, N)
        .into_iter()
        .enumerate()
        .filter(|&(index, value)| value != expected(&a, &b, index))
        .count();
    for buffer in buffers {
        npu.free_memory(buffer)?;
    }
    if wrong == 0 {
        return Ok(());
    }
    let untouched = if result.iter().all(|byte| *byte == MARKER) {
        " (nothing was written)"
    } else {
        ""
    };
    Err(DeviceError::Fault(format!(
        "the kernel says success, but {wrong} of {} results of a known product are wrong{untouched}",
        M * N
    )))
}

fn expected(a: &[i8], b: &[i8], index: usize) -> i32 {
    let (row, column) = (index / N, index % N);
    (0..K)
        .map(|k| i32::from(a[row * K + k]) * i32::from(b[column * K + k]))
        .sum()
}
