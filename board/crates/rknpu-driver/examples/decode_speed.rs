//! What the register-level path costs on the host: products of a 1.1 G-parameter model through the driver and the
//! simulator, beside what memory and the bare kernel allow in the same minute. One JSON object per row.
//!
//! `cargo run --release -p rknpu-driver --example decode_speed`

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use npu_device::{BufferRange, DeviceError, MatmulInt8, NpuDevice, layout};
use npu_kernels::isa;
use npu_sim::{SimBoard, SimConfig};
use rknpu_driver::{Options, RK3568, RknpuDriver};

const ROUNDS: usize = 7;
/// (k, n) of one layer: q, k, v, o, gate, up, down.
const LAYER: [(usize, usize); 7] = [
    (2048, 2048),
    (2048, 256),
    (2048, 256),
    (2048, 2048),
    (2048, 5632),
    (2048, 5632),
    (5632, 2048),
];
/// Enough of them that no cache holds the weights.
const LAYERS: usize = 6;

fn main() -> Result<(), DeviceError> {
    let board = SimBoard::new(SimConfig::default())?;
    let mut npu = RknpuDriver::new(board.hardware(), &RK3568, Options::default());
    npu.init()?;
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let read = read_gb_per_s(threads);

    let mut products = Vec::new();
    for (k, n) in (0..LAYERS).flat_map(|_| LAYER) {
        products.push(product(&mut npu, 1, k, n)?);
    }
    let weights: usize = (0..LAYERS).flat_map(|_| LAYER).map(|(k, n)| k * n).sum();
    let seconds = median(|| {
        for product in &products {
            run(&mut npu, *product)?;
        }
        Ok(())
    })?;
    row(
        &format!(
            "decode rows of {LAYERS} layers through registers, {} MB of weights",
            weights / 1_000_000
        ),
        weights as f64 / seconds / 1e9,
        "GB/s",
        (&format!("GB/s read by {threads} threads"), read),
        "ratio >= 0.8",
    );

    let (m, k, n) = (512, 2048, 5632);
    let large = product(&mut npu, m, k, n)?;
    let seconds = median(|| run(&mut npu, large))?;
    let operations = (2 * m * k * n) as f64;
    let (name, through) = (isa::active().name(), operations / seconds / 1e12);
    let bare = operations / bare_seconds(m, k, n) / 1e12;
    row(
        &format!("512 x 2048 x 5632 through registers, {name}"),
        through,
        "TOP/s",
        (&format!("TOP/s of the bare kernel on {threads} threads"), bare),
        "1.2 TOP/s on 2 VNNI cores",
    );
    Ok(())
}

fn product(npu: &mut RknpuDriver, m: usize, k: usize, n: usize) -> Result<MatmulInt8, DeviceError> {
    let mut filled = |bytes: usize| -> Result<BufferRange, DeviceError> {
        let range = BufferRange {
            buffer: npu.allocate_memory(bytes as u64)?,
            offset: 0,
        };
        npu.write_memory(range, &pattern(bytes))?;
        Ok(range)
    };
    Ok(MatmulInt8 {
        m: m as u32,
        k: k as u32,
        n: n as u32,
        a: filled(layout::a_bytes(m, k))?,
        b: filled(layout::b_bytes(n, k))?,
        c: filled(layout::c_bytes(m, n))?,
    })
}

fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 37 % 251) as u8).collect()
}

fn run(npu: &mut RknpuDriver, product: MatmulInt8) -> Result<(), DeviceError> {
    let job = npu.submit_task(&[product.into()])?;
    npu.wait_for_completion(job, u64::MAX).map(drop)
}

/// The same product by the kernel alone, operands in rows and tiles.
fn bare_seconds(m: usize, k: usize, n: usize) -> f64 {
    let (a, b) = (pattern(m * k), pattern(n * k));
    let mut c = vec![0; m * n];
    let run = npu_kernels::run::Run::all_processors();
    median(|| {
        let _ = npu_kernels::int8::matmul_tiles_with(&a, &b, m, k, &mut c, &run);
        Ok(())
    })
    .unwrap_or(f64::NAN)
}

/// Every byte of a large buffer read once, each thread its own part.
fn read_gb_per_s(threads: usize) -> f64 {
    let words: Vec<u64> = (0..(256 << 20) / 8).map(|at| at as u64).collect();
    let part = words.len() / threads;
    let sum = |words: &[u64]| {
        let mut sums = [0u64; 32];
        for words in words.as_chunks::<32>().0 {
            sums.iter_mut().zip(words).for_each(|(sum, word)| *sum ^= word);
        }
        black_box(sums);
    };
    let seconds = median(|| {
        thread::scope(|scope| {
            for words in words.chunks_exact(part).take(threads) {
                scope.spawn(move || sum(words));
            }
        });
        Ok(())
    });
    words.len() as f64 * 8.0 / seconds.unwrap_or(f64::NAN) / 1e9
}

/// Median seconds of repeated runs, after one that is not counted.
fn median(mut work: impl FnMut() -> Result<(), DeviceError>) -> Result<f64, DeviceError> {
    work()?;
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let started = Instant::now();
        work()?;
        times.push(started.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}

fn row(name: &str, value: f64, unit: &str, (what, limit): (&str, f64), goal: &str) {
    println!(
        "{{\"name\":\"{name}\",\"value\":{value:.3},\"unit\":\"{unit}\",\"against\":{{\"what\":\"{what}\",\"value\":{limit:.3}}},\"goal\":\"{goal}\"}}"
    );
}
