//! Sums, scale changes, table functions, pooling and fp16 through the whole stack against the independent reference.

mod common;

use std::sync::Arc;

use common::maps::{buffer, converter, empty, geometry, int8_map, interleaved, kernel_major, read, window};
use common::{Random, driver, run};
use npu_device::{
    Accelerator, Activation, ActivationTable, Add, Convolution, ConvolutionKind, ConvolutionResult, FeatureMap,
    MatmulFp16, Operation, OutputConversion, Pool, PoolMethod, Precision, Requantize, Rescale, Window, layout,
};
use npu_reference as reference;
use npu_reference::{Algorithm, Element, Kernels, Map, Operand, Post, Stage, half};

type Shape = (usize, usize, usize);

fn random_map(random: &mut Random, (channels, height, width): Shape) -> Map<i8> {
    Map::from_fn(channels, height, width, |_, _, _| random.next() as i8)
}

fn place(npu: &mut dyn Accelerator, map: &Map<i8>) -> FeatureMap {
    let native = layout::features::pack(&interleaved(map), map.width, map.height, map.channels, 8);
    FeatureMap {
        at: buffer(npu, &native),
        width: map.width as u32,
        height: map.height as u32,
        channels: map.channels as u32,
    }
}

fn output(npu: &mut dyn Accelerator, (channels, height, width): Shape) -> npu_device::BufferRange {
    empty(
        npu,
        layout::features::bytes(Precision::Int8, width, height, channels, 8),
    )
}

/// Shapes with whole and broken groups of four pixels, and one beyond the 13 bits of a cube.
fn shapes(random: &mut Random) -> Vec<Shape> {
    let mut shapes = vec![(1, 1, 1), (16, 48, 48), (20, 7, 7), (3, 95, 101)];
    shapes.extend((0..12).map(|_| (1 + random.below(70), 1 + random.below(12), 1 + random.below(12))));
    shapes
}

fn stage(rescale: &Rescale) -> Stage {
    Stage {
        alu: Some((Algorithm::Add, Operand::Common(rescale.offset))),
        multiplier: Some(reference::Multiplier {
            operand: Operand::Common(i32::from(rescale.multiplier)),
            shift: u32::from(rescale.shift),
            negative_shift: u32::from(rescale.shift),
            leaky: false,
        }),
        ..Stage::BYPASS
    }
}

fn expect(input: &Map<i8>, post: &Post) -> Map<i8> {
    reference::post_process(&input.map(i32::from), post).map(reference::saturate_i8)
}

fn check(npu: &mut dyn Accelerator, operation: Operation, at: npu_device::BufferRange, expected: &Map<i8>) {
    let name = format!("{operation:?}");
    if let Err(why) = run(npu, &[operation]) {
        panic!("{name}: {why}");
    }
    let shape = (expected.channels, expected.height, expected.width);
    assert_eq!(int8_map(&read(npu, at), shape), *expected, "{name}");
}

#[test]
fn sums_of_random_maps_equal_the_reference() {
    let mut npu = driver(64 << 20);
    let mut random = Random(21);
    for shape in shapes(&mut random) {
        let (left, right) = (random_map(&mut random, shape), random_map(&mut random, shape));
        let rescale = |random: &mut Random| Rescale {
            offset: random.below(256) as i32 - 100,
            multiplier: 1 + random.below(32767) as i16,
            shift: random.below(6) as u8,
        };
        let (a, b) = (rescale(&mut random), rescale(&mut random));
        let relu = random.below(2) == 1;
        let conversion = OutputConversion::from_ratio(1, 40_000, random.below(50) as i32 - 25).unwrap();
        let add = Add {
            a: place(&mut npu, &left),
            a_rescale: a,
            b: place(&mut npu, &right).at,
            b_rescale: b,
            relu,
            conversion,
            output: output(&mut npu, shape),
        };
        let post = Post {
            bs: stage(&a),
            element: Element::Operand {
                tensor: right,
                converter: reference::Converter {
                    offset: b.offset,
                    scale: i32::from(b.multiplier),
                    shift: u32::from(b.shift),
                    offset_first: true,
                    ties: reference::Ties::Even,
                },
                algorithm: Algorithm::Add,
                rectifier: if relu {
                    reference::Rectifier::Relu
                } else {
                    reference::Rectifier::Off
                },
            },
            out: converter(&conversion),
            ..Post::BYPASS
        };
        check(&mut npu, add.into(), add.output, &expect(&left, &post));
    }
}

#[test]
fn scale_changes_of_random_maps_equal_the_reference() {
    let mut npu = driver(64 << 20);
    let mut random = Random(22);
    for shape in shapes(&mut random) {
        let map = random_map(&mut random, shape);
        let rescale = Rescale {
            offset: random.below(256) as i32 - 128,
            multiplier: random.next() as i16 | 1,
            shift: random.below(8) as u8,
        };
        let mut conversion = OutputConversion::from_ratio(1, 30_000, random.below(50) as i32 - 25).unwrap();
        conversion.ties_up = random.below(2) == 1;
        let requantize = Requantize {
            input: place(&mut npu, &map),
            rescale,
            conversion,
            output: output(&mut npu, shape),
        };
        let post = Post {
            bs: stage(&rescale),
            out: converter(&conversion),
            ..Post::BYPASS
        };
        check(&mut npu, requantize.into(), requantize.output, &expect(&map, &post));
    }
}

#[test]
fn table_functions_equal_the_reference_and_are_loaded_afresh_by_every_job() {
    let mut npu = driver(64 << 20);
    let mut random = Random(23);
    for shape in shapes(&mut random) {
        let map = random_map(&mut random, shape);
        let step_shift = 2 + random.below(5) as u8;
        let table = ActivationTable {
            lower: std::array::from_fn(|_| random.next() as i16),
            upper: std::array::from_fn(|_| random.next() as i16),
            step_shift,
        };
        // Inputs beyond the tables on both sides too.
        let rescale = Rescale {
            offset: random.below(60) as i32 - 30,
            multiplier: 1 + random.below(5 << step_shift) as i16,
            shift: 0,
        };
        let conversion = OutputConversion::from_ratio(1, 300, 0).unwrap();
        let reach = 512 << step_shift;
        let side = |entries: &[i16], start: i32, end: i32| reference::Table {
            entries: entries.to_vec(),
            start,
            end,
            select: u32::from(step_shift),
        };
        let lookup = reference::Lookup {
            le: side(&table.lower, -reach, 0),
            lo: side(&table.upper, 0, reach),
            below: reference::Slope::default(),
            above: reference::Slope::default(),
        };
        let post = Post {
            bn: stage(&rescale),
            element: Element::Table(lookup),
            out: converter(&conversion),
            ..Post::BYPASS
        };
        let activation = Activation {
            input: place(&mut npu, &map),
            rescale,
            table: Arc::new(table),
            conversion,
            output: output(&mut npu, shape),
        };
        let at = activation.output;
        check(&mut npu, activation.into(), at, &expect(&map, &post));
    }
}

#[test]
fn pooling_of_random_maps_equals_the_reference() {
    let mut npu = driver(64 << 20);
    let mut random = Random(24);
    let mut done = 0;
    while done < 30 {
        let shape = (1 + random.below(40), 1 + random.below(16), 1 + random.below(16));
        let mut below = |bound: u64| random.below(bound) as u32;
        let (kernel_width, kernel_height) = (1 + below(7), 1 + below(7));
        let window = Window {
            stride_x: 1 + below(u64::from(kernel_width)),
            stride_y: 1 + below(u64::from(kernel_height)),
            pad_left: below(u64::from(kernel_width)),
            pad_right: below(u64::from(kernel_width)),
            pad_top: below(u64::from(kernel_height)),
            pad_bottom: below(u64::from(kernel_height)),
            ..Window::of(kernel_width, kernel_height)
        };
        let pair = |a: u32, b: u32| (a as usize, b as usize);
        let windows = reference::Window {
            size: pair(window.kernel_height, window.kernel_width),
            stride: pair(window.stride_y, window.stride_x),
            before: pair(window.pad_top, window.pad_left),
            after: pair(window.pad_bottom, window.pad_right),
        };
        let Some((rows, columns)) = windows.output(shape.1, shape.2) else {
            continue;
        };
        done += 1;
        let map = random_map(&mut random, shape);
        let (method, pool, pad_value) = match random.below(3) {
            0 => (PoolMethod::Maximum, reference::Pool::Max, -128),
            1 => (PoolMethod::Minimum, reference::Pool::Min, 127),
            _ => {
                let average = reference::Pool::Average {
                    reciprocal_width: 65536 / i64::from(kernel_width),
                    reciprocal_height: 65536 / i64::from(kernel_height),
                };
                (PoolMethod::Average, average, random.below(256) as i32 - 128)
            }
        };
        let operation = Pool {
            precision: Precision::Int8,
            input: place(&mut npu, &map),
            method,
            window,
            pad_value,
            output: output(&mut npu, (shape.0, rows, columns)),
        };
        let expected = reference::pool(&map, windows, pool, pad_value);
        check(&mut npu, operation.into(), operation.output, &expected);
    }
}

/// fp16 bits of small numbers, whose products and sums stay far from overflow.
fn small(random: &mut Random) -> u16 {
    half::from_f32((random.below(2001) as f32 - 1000.0) / 512.0)
}

#[test]
fn fp16_products_of_random_shapes_lie_within_the_rounding_of_their_sums() {
    let mut npu = driver(64 << 20);
    let mut random = Random(25);
    let mut shapes = vec![(1, 32, 8), (113, 1024, 24), (3, 10240, 16), (2, 10_400, 9)];
    shapes.extend((0..20).map(|_| (1 + random.below(30), 1 + random.below(300), 1 + random.below(60))));
    for (m, k, n) in shapes {
        let a: Vec<u16> = (0..m * k).map(|_| small(&mut random)).collect();
        let b: Vec<u16> = (0..n * k).map(|_| small(&mut random)).collect();
        let product = MatmulFp16 {
            m: m as u32,
            k: layout::half::padded_k(k) as u32,
            n: layout::half::padded_n(n) as u32,
            a: buffer(&mut npu, &layout::half::pack_a(&a, m, k)),
            b: buffer(&mut npu, &layout::half::pack_b(&b, n, k)),
            c: empty(&mut npu, layout::half::c_bytes(m, n)),
        };
        let report = run(&mut npu, &[product]).unwrap_or_else(|why| panic!("m {m} k {k} n {n}: {why}"));
        assert_eq!(report.operations[0].cpu_summed_parts, if k > 10240 { 2 } else { 0 });
        let found = layout::half::unpack_c(&read(&mut npu, product.c), m, n);
        for (index, &bits) in found.iter().enumerate() {
            let (row, column) = (index / n, index % n);
            let terms =
                (0..k).map(|x| f64::from(half::to_f32(a[row * k + x])) * f64::from(half::to_f32(b[column * k + x])));
            let (sum, size) = terms.fold((0.0, 0.0), |(sum, size), term| (sum + term, size + term.abs()));
            // Each of k additions rounds to 24 bits.
            let bound = size * k as f64 * 2f64.powi(-24);
            let value = f64::from(f32::from_bits(bits));
            assert!(
                (value - sum).abs() <= bound,
                "m {m} k {k} n {n} [{row}, {column}]: {value} for {sum}"
            );
        }
    }
}

#[test]
fn fp16_convolutions_of_random_shapes_lie_within_the_rounding_of_their_sums() {
    let mut npu = driver(64 << 20);
    let mut random = Random(26);
    for round in 0..24 {
        let first = round % 3 == 2;
        let channels = if first {
            1 + random.below(4)
        } else {
            1 + random.below(40)
        };
        let (height, width) = (1 + random.below(9), 1 + random.below(9));
        let window = window(&mut random, (height, width), 3);
        let kernels = 1 + random.below(30);
        let wide = random.below(2) == 1;
        let relu = !wide && random.below(2) == 1;
        let input = Map::from_fn(channels, height, width, |_, _, _| small(&mut random));
        let taps = (window.kernel_height * window.kernel_width) as usize;
        let size = (window.kernel_height as usize, window.kernel_width as usize);
        let weights = Kernels::from_fn((kernels, channels), size, || small(&mut random));
        let out = window.output_size(width as u32, height as u32).unwrap();
        let packed = if first {
            layout::features::pack_image(&interleaved(&input), width, height, channels)
        } else {
            layout::features::pack(&interleaved(&input), width, height, channels, 4)
        };
        let (out_width, out_height) = (out.0 as usize, out.1 as usize);
        let aligned = kernels.next_multiple_of(8);
        let bytes = if wide {
            aligned * out_width * out_height * 4
        } else {
            layout::features::bytes(Precision::Fp16, out_width, out_height, aligned, 4)
        };
        let operation = Convolution {
            precision: Precision::Fp16,
            kind: if first {
                ConvolutionKind::FirstLayer { unsigned: false }
            } else {
                ConvolutionKind::Dense
            },
            input: FeatureMap {
                at: buffer(&mut npu, &packed),
                width: width as u32,
                height: height as u32,
                channels: channels as u32,
            },
            output_channels: kernels as u32,
            weights: buffer(
                &mut npu,
                &layout::weights::pack_dense(&kernel_major(&weights), kernels, taps, channels),
            ),
            window,
            pad_value: 0,
            result: if wide {
                ConvolutionResult::Wide
            } else {
                ConvolutionResult::Fp16 { relu }
            },
            output: empty(&mut npu, bytes),
        };
        run(&mut npu, &[operation]).unwrap_or_else(|why| panic!("{operation:?}: {why}"));
        let native = read(&mut npu, operation.output);
        let pixels = out_width * out_height;
        let values: Vec<f64> = if wide {
            let bits = layout::half::unpack_c(&native, pixels, kernels);
            bits.into_iter().map(|bits| f64::from(f32::from_bits(bits))).collect()
        } else {
            let bits: Vec<u16> = layout::features::unpack(&native, out_width, out_height, kernels);
            bits.into_iter().map(|bits| f64::from(half::to_f32(bits))).collect()
        };
        let bounds = reference::float::convolve_bounded(&input, &weights, geometry(&window, out));
        for (index, &value) in values.iter().enumerate() {
            let (pixel, kernel) = (index / kernels, index % kernels);
            let (mut sum, bound) = bounds.at(kernel, pixel / out_width, pixel % out_width);
            if relu {
                sum = sum.max(0.0);
            }
            // Half precision rounds once more.
            let rounding = if wide { 0.0 } else { sum.abs() * 2f64.powi(-10) + 1e-7 };
            assert!(
                (value - sum).abs() <= bound + rounding,
                "{operation:?} [{pixel}, {kernel}]: {value} for {sum} within {bound}"
            );
        }
    }
}

#[test]
fn fp16_depthwise_convolutions_lie_within_the_rounding_of_their_sums() {
    let mut npu = driver(64 << 20);
    let mut random = Random(27);
    for _ in 0..10 {
        let (channels, height, width) = (1 + random.below(40), 1 + random.below(9), 1 + random.below(9));
        let window = window(&mut random, (height, width), 3);
        let (kernel_height, kernel_width) = (window.kernel_height as usize, window.kernel_width as usize);
        let input = Map::from_fn(channels, height, width, |_, _, _| small(&mut random));
        let kernels = Kernels::from_fn((channels, 1), (kernel_height, kernel_width), || small(&mut random));
        let by_tap: Vec<u16> = (0..kernel_height * kernel_width)
            .flat_map(|tap| (0..channels).map(move |c| (tap, c)))
            .map(|(tap, c)| kernels.at(c, 0, tap / kernel_width, tap % kernel_width))
            .collect();
        let (out_width, out_height) = window.output_size(width as u32, height as u32).unwrap();
        let (columns, rows) = (out_width as usize, out_height as usize);
        let packed = layout::features::pack(&interleaved(&input), width, height, channels, 16);
        let operation = Convolution {
            precision: Precision::Fp16,
            kind: ConvolutionKind::Depthwise,
            input: FeatureMap {
                at: buffer(&mut npu, &packed),
                width: width as u32,
                height: height as u32,
                channels: channels as u32,
            },
            output_channels: channels as u32,
            weights: buffer(
                &mut npu,
                &layout::weights::pack_depthwise(&by_tap, kernel_height * kernel_width, channels),
            ),
            window,
            pad_value: 0,
            result: ConvolutionResult::Fp16 { relu: false },
            output: empty(
                &mut npu,
                layout::features::bytes(Precision::Fp16, columns, rows, channels, 16),
            ),
        };
        run(&mut npu, &[operation]).unwrap_or_else(|why| panic!("{operation:?}: {why}"));
        let values: Vec<u16> = layout::features::unpack(&read(&mut npu, operation.output), columns, rows, channels);
        let shape = geometry(&window, (out_width, out_height));
        for channel in 0..channels {
            let one = Map::from_fn(1, height, width, |_, y, x| input.at(channel, y, x));
            let own = Kernels::from_fn((1, 1), (kernel_height, kernel_width), {
                let mut tap = 0;
                let kernels = &kernels;
                move || {
                    tap += 1;
                    kernels.at(channel, 0, (tap - 1) / kernel_width, (tap - 1) % kernel_width)
                }
            });
            let bounds = reference::float::convolve_bounded(&one, &own, shape);
            for pixel in 0..columns * rows {
                let (sum, bound) = bounds.at(0, pixel / columns, pixel % columns);
                let value = f64::from(half::to_f32(values[pixel * channels + channel]));
                let rounding = sum.abs() * 2f64.powi(-10) + 1e-7;
                assert!(
                    (value - sum).abs() <= bound + rounding,
                    "{operation:?} [{pixel}, {channel}]: {value} for {sum} within {bound}"
                );
            }
        }
    }
}
