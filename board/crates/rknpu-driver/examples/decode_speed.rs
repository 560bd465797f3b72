//! How much the register-level path costs on the host: decode products of a 1.1 G-parameter model through the driver
//! and the simulator, beside the bare kernel on the same bytes.
//!
//! `cargo run --release -p rknpu-driver --example decode_speed`

use std::time::Instant;

use npu_device::{BufferRange, DeviceError, MatmulInt8, NpuDevice, layout};
use npu_sim::{SimBoard, SimConfig};
use rknpu_driver::{Options, RK3568, RknpuDriver};

const ROUNDS: u32 = 200;

fn main() -> Result<(), DeviceError> {
    let board = SimBoard::new(SimConfig::default())?;
    let mut npu = RknpuDriver::new(board.hardware(), &RK3568, Options::default());
    npu.init()?;
    for (m, k, n) in [
        (1, 2048, 256),
        (1, 2048, 2048),
        (1, 2048, 5632),
        (1, 5632, 2048),
        (64, 2048, 2048),
    ] {
        let mut buffer = |bytes: usize| -> Result<BufferRange, DeviceError> {
            Ok(BufferRange {
                buffer: npu.allocate_memory(bytes as u64)?,
                offset: 0,
            })
        };
        let (a, b) = (buffer(layout::a_bytes(m, k))?, buffer(layout::b_bytes(n, k))?);
        let c = buffer(layout::c_bytes(m, n))?;
        let (features, weights) = (vec![1u8; layout::a_bytes(m, k)], vec![1u8; layout::b_bytes(n, k)]);
        npu.write_memory(a, &features)?;
        npu.write_memory(b, &weights)?;
        let product = MatmulInt8 {
            m: m as u32,
            k: k as u32,
            n: n as u32,
            a,
            b,
            c,
        };
        let mut modelled_ns = 0;
        let started = Instant::now();
        for _ in 0..ROUNDS {
            let job = npu.submit_task(&[product.into()])?;
            modelled_ns = npu.wait_for_completion(job, u64::MAX)?.modelled_ns.unwrap_or(0);
        }
        let through_registers = started.elapsed() / ROUNDS;
        let mut results = vec![0; m * n];
        let started = Instant::now();
        for _ in 0..ROUNDS {
            npu_kernels::int8::matmul_native(&features, &weights, m, k, n, &mut results);
        }
        let bare = started.elapsed() / ROUNDS;
        println!("{m} x {k} x {n}: host {through_registers:?}, bare kernel {bare:?}, modelled {modelled_ns} ns");
    }
    Ok(())
}
