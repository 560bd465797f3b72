//! Formats that a convolution leaves the pipeline in (§2.7), what unreal channels receive, and the counters (§3.6).

mod common;
mod support;

use common::{A, B, Bench, C, Random, Task, reference};
use npu_reference::{Geometry, half};
use support::conv::{Addresses, Kind, Layer, Output};
use support::machine::{FIRST, Machine, NO_FAULT};
use support::style::Style;

fn fill(bench: &Bench, m: usize, k: usize, n: usize) -> Vec<i32> {
    let mut random = Random(m as u64);
    let (a, b) = (random.bytes(k * m.div_ceil(4) * 4), random.bytes(n * k));
    bench.write(A, &a);
    bench.write(B, &b);
    reference(&a, &b, m, k, n)
}

fn bytes(bench: &Bench, address: u32, count: usize) -> Vec<u8> {
    let mut into = vec![0; count];
    bench.hardware.dma.read(address, &mut into).unwrap();
    into
}

#[test]
fn int8_products_leave_as_fp16_in_four_surfaces_of_8_bytes_a_pixel() {
    let bench = Bench::new();
    let (m, k, n) = (3usize, 64, 32);
    let products = fill(&bench, m, k, n);
    // 0x40000000, size_e 3, 4 x (§2.7); scaled by 3 >> 4 and then by 2^-2.
    let task = Task::new(m as u32, k as u32, n as u32)
        .with(0x4010, 0x4000_0000)
        .with(0x4024, 32)
        .with(0x40C0, 128)
        .with(0x4084, 3)
        .with(0x4088, 2 << 12 | 4);
    bench.run(&[task]);
    assert_eq!(bench.fault(), "");
    let got = bytes(&bench, C, n / 4 * 32);
    for (index, &product) in products.iter().enumerate() {
        let (surface, pixel, lane) = (index / (4 * m), index / 4 % m, index % 4);
        let scaled = (f64::from(product) * 3.0 / 16.0).round_ties_even();
        let at = surface * 32 + pixel * 8 + lane * 2;
        let bits = u16::from_le_bytes([got[at], got[at + 1]]);
        assert_eq!(
            half::to_f32(bits),
            half::to_f32(half::from_f32((scaled / 4.0) as f32)),
            "value {index}"
        );
    }
    // The fourth pixel of each surface is no output.
    assert!(got.chunks_exact(32).all(|surface| surface[24..] == [0; 8]));
}

/// fp16 products of small whole numbers, which are exact in f32 whatever their order.
fn halves(bench: &Bench, m: usize, k: usize, n: usize) -> Vec<f32> {
    let mut random = Random(9);
    let mut numbers = |count: usize| -> Vec<f32> { (0..count).map(|_| (random.next() % 17) as f32 - 8.0).collect() };
    let pitch = m.next_multiple_of(4);
    let (a, b) = (numbers(k * pitch), numbers(n * k));
    let pack = |values: &[f32]| {
        values
            .iter()
            .flat_map(|&v| half::from_f32(v).to_le_bytes())
            .collect::<Vec<u8>>()
    };
    bench.write(A, &pack(&a));
    bench.write(B, &pack(&b));
    let mut c = vec![0.0; m * n];
    for (row, kernel) in (0..m).flat_map(|row| (0..n).map(move |kernel| (row, kernel))) {
        let product = |channel: usize| {
            let feature = a[(channel / 4 * pitch + row) * 4 + channel % 4];
            let tile = (kernel / 8) * (k / 16) + channel / 16;
            feature * b[(tile * 8 + kernel % 8) * 16 + channel % 16]
        };
        c[(kernel / 4 * m + row) * 4 + kernel % 4] = (0..k).map(product).sum();
    }
    c
}

fn half_task(m: u32, k: u32, n: u32) -> Task {
    Task::new(m, k, n)
        .with(0x100C, 0x220)
        .with(0x1010, 3 << 4)
        .with(0x1030, n * k * 2)
        .with(0x1034, k * 2)
        .with(0x1044, m << 16 | (m * k / 4).div_ceil(4))
        .with(0x200C, 0x2001)
        .with(0x300C, 0x2000)
        .with(0x4050, 0x126)
}

#[test]
fn fp16_products_leave_as_fp32_in_two_surfaces_of_16_bytes_a_pixel() {
    let bench = Bench::new();
    let (m, k, n) = (5usize, 32, 16);
    let products = halves(&bench, m, k, n);
    let task = half_task(m as u32, k as u32, n as u32)
        .with(0x4010, 0xA800_0002)
        .with(0x40C0, 2 * 16 * m as u32);
    bench.run(&[task]);
    assert_eq!(bench.fault(), "");
    let got: Vec<f32> = bench
        .read_i32(C, m * n)
        .into_iter()
        .map(|bits| f32::from_bits(bits as u32))
        .collect();
    assert_eq!(got, products);
}

#[test]
fn fp16_products_stay_fp16_in_two_surfaces_of_8_bytes_a_pixel_and_are_rectified() {
    let bench = Bench::new();
    let (m, k, n) = (5usize, 32, 16);
    let products = halves(&bench, m, k, n);
    // BS adds fp32 0.5 and halves, BN rectifies.
    let task = half_task(m as u32, k as u32, n as u32)
        .with(0x4010, 0x4800_0002)
        .with(0x4024, 64)
        .with(0x40C0, 128)
        .with(0x4040, 0x48)
        .with(0x4044, 0.5f32.to_bits())
        .with(0x4048, u32::from(half::from_f32(0.5)) << 16)
        .with(0x4060, 0x12);
    bench.run(&[task]);
    assert_eq!(bench.fault(), "");
    let got = bytes(&bench, C, n / 4 * 64);
    for (index, &product) in products.iter().enumerate() {
        let at = index / (4 * m) * 64 + index / 4 % m * 8 + index % 4 * 2;
        let expected = half::from_f32(((product + 0.5) * 0.5).max(0.0));
        assert_eq!(u16::from_le_bytes([got[at], got[at + 1]]), expected, "value {index}");
    }
}

#[test]
fn kernels_that_do_not_fill_their_group_leave_surfaces_of_unreal_channels_too() {
    // 12 kernels announce 16 channels; the DPU writes all of them (§11), the unreal ones from accumulators of 0.
    let bench = Bench::new();
    let (m, k) = (4usize, 32);
    fill(&bench, m, k, 16);
    bench.write(C, &[0x55; 2 * 4 * 8]);
    let task = Task::new(m as u32, k as u32, 16)
        .with(0x1030, 12 * 32)
        .with(0x1038, 0x0101_000C)
        .with(0x4010, 0)
        .with(0x4024, 32)
        .with(0x403C, 11 << 16 | 15)
        .with(0x4050, 0x126)
        .with(0x4080, 7)
        .with(0x40C0, 64);
    bench.run(&[task]);
    assert_eq!(bench.fault(), "");
    let got = bytes(&bench, C, 2 * 4 * 8);
    assert!(got[32..].chunks_exact(8).all(|pixel| pixel[4..] == [7; 4]));
    assert_eq!(bench.mmio.read32(0x8034), 2 * 4 * 8 / 8);
}

#[test]
fn a_fully_connected_task_writes_surfaces_of_one_pixel_8_bytes_apart() {
    // The vendor's form (§11): unaligned, surface length in 8-byte units, stride 8, SURFACE_ADD 16.
    let bench = Bench::new();
    let products = fill(&bench, 1, 64, 32);
    let task = Task::new(1, 64, 32)
        .with(0x400C, 0x108 | 1 << 25 | 4 << 9)
        .with(0x4010, 0)
        .with(0x4024, 8)
        .with(0x4050, 0x126)
        .with(0x4084, 0x4000)
        .with(0x4088, 24)
        .with(0x40C0, 16);
    bench.run(&[task]);
    assert_eq!(bench.fault(), "");
    let expected: Vec<u8> = products
        .iter()
        .map(|&product| (f64::from(product) / 1024.0).round_ties_even().clamp(-128.0, 127.0) as i8 as u8)
        .collect();
    assert_eq!(bytes(&bench, C, 32), expected);
}

#[test]
fn the_three_worked_sums_of_the_traffic_counters_are_met() {
    // §3.6, §12.27: 80x80x16 → 40x40x128, 5x5 stride 2, bias-only stream.
    let machine = Machine::new(FIRST);
    let style = Style::Vendor { zeros_in_front: false };
    let layer = Layer {
        kind: Kind::Dense,
        half: false,
        input: (16, 80, 80),
        announced: 16,
        kernel: (5, 5),
        kernels: 128,
        geometry: Geometry {
            stride: (2, 2),
            step: (1, 1),
            pad: (1, 1),
            output: (40, 40),
        },
        pad_value: 0,
        convert: false,
        output: Output::Int8,
        addresses: Addresses {
            input: machine.reserve(2 * 6400 * 8, 64),
            weights: machine.reserve(51_200, 64),
            output: machine.reserve(204_800, 64),
            stream: machine.reserve(512, 64),
            ..Addresses::default()
        },
        most_rows: 80,
        kernels_per_task: 128,
        post: vec![
            (0x4040, 0x158),
            (0x4060, 0x53),
            (0x4070, 0x383),
            (0x4084, 1),
            (0x501C, 2),
        ],
        data_format: 0,
        ow: 0,
        stream_bytes: 4,
    };
    let programs = layer.programs(style);
    assert_eq!(programs.len(), 1);
    assert_eq!(machine.run(&programs, style), NO_FAULT);
    let counters = [0x8034, 0x803C, 0x8038].map(|offset| machine.peek(offset));
    assert_eq!(counters, [0x6400, 0x1900, 0x32C9]);
    assert_eq!(0x32C9 * 8, 102_400 + 137 * 8 + 512);
}
