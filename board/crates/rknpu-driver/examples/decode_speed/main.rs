//! What the register-level path costs on the host: products of a 1.1 G-parameter model through the driver and the
//! simulator, beside what memory and the multiplying instruction allow in the same minute. One JSON object per row.
//!
//! `cargo run --release -p rknpu-driver --example decode_speed`

mod limit;

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use npu_device::{BufferRange, DeviceError, DmaMem, DmaRange, MatmulInt8, NpuDevice, layout};
use npu_kernels::isa;
use npu_sim::{SimBoard, SimConfig};
use rknpu_driver::{Options, RK3568, RknpuDriver};

use limit::Limit;

/// Turns of the decode rows, a layer each.
const DECODE_TURNS: usize = 7 * LAYERS;
/// Turns of the product of many rows.
const MANY_ROWS_TURNS: usize = 7;
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
    let hardware = board.hardware();
    let (memory, first_buffer) = (hardware.dma.clone(), hardware.memory.base);
    let mut npu = RknpuDriver::new(hardware, &RK3568, Options::default());
    npu.init()?;
    let threads = thread::available_parallelism().map_or(1, usize::from);

    let mut products = Vec::new();
    for (k, n) in (0..LAYERS).flat_map(|_| LAYER) {
        products.push(product(&mut npu, 1, k, n)?);
    }
    let layer: usize = LAYER.iter().map(|(k, n)| k * n).sum();
    let [seconds, read_seconds] = medians(
        DECODE_TURNS,
        [
            &mut |turn| {
                let first = turn % LAYERS * LAYER.len();
                products[first..first + LAYER.len()]
                    .iter()
                    .try_for_each(|product| run(&mut npu, *product))
            },
            // The bytes of half the layers away, in the memory that the products read and in its pages.
            &mut |turn| {
                let away = (turn + LAYERS / 2) % LAYERS * layer;
                let part = DmaRange {
                    base: first_buffer + away as u32,
                    size_bytes: layer as u64,
                };
                read_all(&*memory, part, threads)
            },
        ],
    )?;
    row(
        &format!(
            "decode rows of {LAYERS} layers through registers, {} MB of weights",
            LAYERS * layer / 1_000_000
        ),
        (layer as f64 / seconds / 1e9, "GB/s"),
        Some((
            &format!("GB/s read by {threads} threads from the same memory"),
            layer as f64 / read_seconds / 1e9,
        )),
        "ratio >= 0.8",
    );

    let (m, k, n) = (512, 2048, 5632);
    let large = product(&mut npu, m, k, n)?;
    let (rows, tiles) = (pattern(m * k), pattern(n * k));
    let mut results = vec![0; m * n];
    let all = npu_kernels::run::Run::all_processors();
    let isa = isa::active();
    let limit = Limit::of(isa);
    let operations = 2 * m * k * n;
    let [seconds, bare_seconds, limit_seconds] = medians(
        MANY_ROWS_TURNS,
        [
            &mut |_| run(&mut npu, large),
            &mut |_| {
                // Without a flag nothing can cancel.
                let _ = npu_kernels::int8::matmul_tiles_with(&rows, &tiles, m, k, &mut results, &all);
                Ok(())
            },
            // As many operations, so that it takes about as long.
            &mut |_| {
                if let Some(limit) = &limit {
                    limit.run(operations / threads / limit.operations, threads);
                }
                Ok(())
            },
        ],
    )?;
    let speed = |seconds: f64| operations as f64 / seconds / 1e12;
    let allowed = limit.map(|limit| format!("TOP/s of {} alone on {threads} threads", limit.name));
    for (how, seconds, goal) in [
        ("through registers", seconds, "1.2 TOP/s on 2 VNNI cores"),
        ("by the bare kernel", bare_seconds, ""),
    ] {
        row(
            &format!("512 x 2048 x 5632 {how}, {}", isa.name()),
            (speed(seconds), "TOP/s"),
            allowed.as_deref().map(|what| (what, speed(limit_seconds))),
            goal,
        );
    }
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

/// Reads every byte of a range once, each thread its own part.
fn read_all(memory: &dyn DmaMem, range: DmaRange, threads: usize) -> Result<(), DeviceError> {
    let length = range.size_bytes as usize;
    let missing = || DeviceError::Invalid("simulated memory lends its bytes".into());
    let view = memory.pin(range.base, length).ok().flatten().ok_or_else(missing)?;
    thread::scope(|scope| {
        for part in view.bytes().chunks(length.div_ceil(threads)) {
            scope.spawn(move || {
                let mut sums = [0u8; 256];
                for bytes in part.as_chunks::<256>().0 {
                    sums.iter_mut().zip(bytes).for_each(|(sum, byte)| *sum ^= byte);
                }
                black_box(sums);
            });
        }
    });
    Ok(())
}

/// Work of one turn.
type Work<'a> = &'a mut dyn FnMut(usize) -> Result<(), DeviceError>;

/// Median seconds of each of several works, run in turns so that what else the machine does meets all; the first turn is not
/// counted.
fn medians<const N: usize>(turns: usize, mut works: [Work<'_>; N]) -> Result<[f64; N], DeviceError> {
    let mut times = [const { Vec::new() }; N];
    for turn in 0..=turns {
        for (work, times) in works.iter_mut().zip(&mut times) {
            let started = Instant::now();
            work(turn)?;
            if turn > 0 {
                times.push(started.elapsed().as_secs_f64());
            }
        }
    }
    Ok(times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        times[turns / 2]
    }))
}

fn row(name: &str, (value, unit): (f64, &str), against: Option<(&str, f64)>, goal: &str) {
    let against = against.map_or_else(String::new, |(what, limit)| {
        format!(",\"against\":{{\"what\":\"{what}\",\"value\":{limit:.3}}}")
    });
    let goal = match goal {
        "" => String::new(),
        goal => format!(",\"goal\":\"{goal}\""),
    };
    println!("{{\"name\":\"{name}\",\"value\":{value:.3},\"unit\":\"{unit}\"{against}{goal}}}");
}
