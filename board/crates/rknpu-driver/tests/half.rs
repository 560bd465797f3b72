//! fp16 through the whole stack: products, convolutions, sums and the way to fp32, within the rounding of the independent
//! reference's sums.

mod common;

use common::maps::{buffer, empty, geometry, interleaved, kernel_major, read, window};
use common::{Random, driver, run};
use npu_device::{
    Accelerator, AddFp16, Convolution, ConvolutionKind, ConvolutionResult, Dequantize, FeatureMap, MatmulFp16, Pool,
    PoolMethod, Precision, Window, layout,
};
use npu_reference as reference;
use npu_reference::{Kernels, Map, half};

type Shape = (usize, usize, usize);

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
        let pad = small(&mut random);
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
            pad_value: pad as i16,
            result: if wide {
                ConvolutionResult::Wide
            } else {
                ConvolutionResult::Fp16 { residual: None, relu }
            },
            output: empty(&mut npu, bytes),
        };
        run(&mut npu, &[operation]).unwrap_or_else(|why| panic!("{operation:?}: {why}"));
        let native = read(&mut npu, operation.output);
        let pixels = out_width * out_height;
        let values: Vec<f64> = if wide {
            floats(&native, pixels, kernels)
        } else {
            let bits: Vec<u16> = layout::features::unpack(&native, out_width, out_height, kernels);
            bits.into_iter().map(|bits| f64::from(half::to_f32(bits))).collect()
        };
        let bounds = reference::float::convolve_bounded(&input, &weights, geometry(&window, out), pad);
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

/// 32-bit words of surfaces of four channels `(C/4, pixels, 4)`, pixel after pixel.
fn words(native: &[u8], pixels: usize, channels: usize) -> Vec<u32> {
    let word = |at: usize| u32::from_le_bytes(native[at * 4..at * 4 + 4].try_into().unwrap());
    (0..pixels * channels)
        .map(|index| (index / channels, index % channels))
        .map(|(pixel, channel)| word((channel / 4 * pixels + pixel) * 4 + channel % 4))
        .collect()
}

fn floats(native: &[u8], pixels: usize, channels: usize) -> Vec<f64> {
    let bits = words(native, pixels, channels);
    bits.into_iter().map(|bits| f64::from(f32::from_bits(bits))).collect()
}

#[test]
fn fp16_depthwise_convolutions_lie_within_the_rounding_of_their_sums() {
    let mut npu = driver(64 << 20);
    let mut random = Random(27);
    for round in 0..12 {
        let wide = round % 2 == 1;
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
            result: if wide {
                ConvolutionResult::Wide
            } else {
                ConvolutionResult::Fp16 {
                    residual: None,
                    relu: false,
                }
            },
            output: empty(
                &mut npu,
                if wide {
                    channels.next_multiple_of(16) * columns * rows * 4
                } else {
                    layout::features::bytes(Precision::Fp16, columns, rows, channels, 16)
                },
            ),
        };
        run(&mut npu, &[operation]).unwrap_or_else(|why| panic!("{operation:?}: {why}"));
        let native = read(&mut npu, operation.output);
        let values: Vec<f64> = if wide {
            floats(&native, rows * columns, channels)
        } else {
            let bits: Vec<u16> = layout::features::unpack(&native, columns, rows, channels);
            bits.into_iter().map(|bits| f64::from(half::to_f32(bits))).collect()
        };
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
            let bounds = reference::float::convolve_bounded(&one, &own, shape, 0);
            for pixel in 0..columns * rows {
                let (sum, bound) = bounds.at(0, pixel / columns, pixel % columns);
                let value = values[pixel * channels + channel];
                let rounding = if wide { 0.0 } else { sum.abs() * 2f64.powi(-10) + 1e-7 };
                assert!(
                    (value - sum).abs() <= bound + rounding,
                    "{operation:?} [{pixel}, {channel}]: {value} for {sum} within {bound}"
                );
            }
        }
    }
}

fn random_map(random: &mut Random, (channels, height, width): Shape) -> Map<u16> {
    Map::from_fn(channels, height, width, |_, _, _| small(random))
}

fn place(npu: &mut dyn Accelerator, map: &Map<u16>) -> FeatureMap {
    let native = layout::features::pack(&interleaved(map), map.width, map.height, map.channels, 4);
    FeatureMap {
        at: buffer(npu, &native),
        width: map.width as u32,
        height: map.height as u32,
        channels: map.channels as u32,
    }
}

/// Whole and broken groups of four pixels and channels, and rows beyond the 13 bits of a cube.
fn shapes(random: &mut Random) -> Vec<Shape> {
    let mut shapes = vec![(1, 1, 1), (16, 48, 48), (20, 7, 7), (3, 95, 101)];
    shapes.extend((0..12).map(|_| (1 + random.below(40), 1 + random.below(12), 1 + random.below(12))));
    shapes
}

#[test]
fn fp16_sums_of_random_maps_are_rounded_once() {
    let mut npu = driver(64 << 20);
    let mut random = Random(28);
    for shape in shapes(&mut random) {
        let (left, right) = (random_map(&mut random, shape), random_map(&mut random, shape));
        let relu = random.below(2) == 1;
        let bytes = layout::features::bytes(Precision::Fp16, shape.2, shape.1, shape.0, 4);
        let add = AddFp16 {
            a: place(&mut npu, &left),
            b: place(&mut npu, &right).at,
            relu,
            output: empty(&mut npu, bytes),
        };
        run(&mut npu, &[add]).unwrap_or_else(|why| panic!("{add:?}: {why}"));
        let found: Vec<u16> = layout::features::unpack(&read(&mut npu, add.output), shape.2, shape.1, shape.0);
        let pairs = interleaved(&left).into_iter().zip(interleaved(&right));
        // The sum of two halves is exact in fp32.
        let sums = pairs.map(|(a, b)| half::to_f32(a) + half::to_f32(b));
        let expected: Vec<u16> = sums
            .map(|sum| half::from_f32(if relu { sum.max(0.0) } else { sum }))
            .collect();
        assert_eq!(found, expected, "{add:?}");
    }
}

#[test]
fn fp16_maps_become_fp32_shifted_and_scaled() {
    let mut npu = driver(64 << 20);
    let mut random = Random(29);
    for shape in shapes(&mut random) {
        let map = random_map(&mut random, shape);
        let (offset, multiplier) = (small(&mut random), small(&mut random));
        let dequantize = Dequantize {
            input: place(&mut npu, &map),
            offset: half::to_f32(offset).to_bits(),
            multiplier,
            output: empty(&mut npu, shape.0.next_multiple_of(4) * shape.1 * shape.2 * 4),
        };
        run(&mut npu, &[dequantize]).unwrap_or_else(|why| panic!("{dequantize:?}: {why}"));
        let native = read(&mut npu, dequantize.output);
        let found = words(&native, shape.1 * shape.2, shape.0);
        let value = |bits: u16| (half::to_f32(bits) + half::to_f32(offset)) * half::to_f32(multiplier);
        let expected: Vec<u32> = interleaved(&map)
            .into_iter()
            .map(|bits| value(bits).to_bits())
            .collect();
        assert_eq!(found, expected, "{dequantize:?}");
    }
}

#[test]
fn fp16_pooling_is_exact_for_extrema_and_within_its_roundings_for_means() {
    let mut npu = driver(64 << 20);
    let mut random = Random(31);
    let mut done = 0;
    while done < 24 {
        let shape = (1 + random.below(20), 1 + random.below(14), 1 + random.below(14));
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
        let average = reference::Pool::Average {
            reciprocal_width: 65536 / i64::from(kernel_width),
            reciprocal_height: 65536 / i64::from(kernel_height),
        };
        let (method, pool, pad) = match done % 3 {
            0 => (PoolMethod::Maximum, reference::Pool::Max, 0xFC00),
            1 => (PoolMethod::Minimum, reference::Pool::Min, 0x7C00),
            _ => (PoolMethod::Average, average, small(&mut random)),
        };
        let operation = Pool {
            precision: Precision::Fp16,
            input: place(&mut npu, &map),
            method,
            window,
            pad_value: i32::from(pad),
            output: empty(
                &mut npu,
                layout::features::bytes(Precision::Fp16, columns, rows, shape.0, 4),
            ),
        };
        run(&mut npu, &[operation]).unwrap_or_else(|why| panic!("{operation:?}: {why}"));
        let values: Vec<u16> = layout::features::unpack(&read(&mut npu, operation.output), columns, rows, shape.0);
        let bounds = reference::pool_halves(&map, windows, pool, pad);
        for (index, &bits) in values.iter().enumerate() {
            let (pixel, channel) = (index / shape.0, index % shape.0);
            let (wanted, bound) = bounds.at(channel, pixel / columns, pixel % columns);
            let value = f64::from(half::to_f32(bits));
            let rounding = if method == PoolMethod::Average {
                wanted.abs() * 2f64.powi(-10) + 1e-7
            } else {
                0.0
            };
            assert!(
                (value - wanted).abs() <= bound + rounding,
                "{operation:?} [{pixel}, {channel}]: {value} for {wanted}"
            );
        }
    }
}

#[test]
fn a_map_added_to_an_fp16_convolution_equals_the_sum_of_both() {
    let mut npu = driver(64 << 20);
    let mut random = Random(30);
    for round in 0..12 {
        let shape = (1 + random.below(30), 1 + random.below(9), 1 + random.below(9));
        let kernels = 1 + random.below(40);
        let (input, added) = (
            random_map(&mut random, shape),
            random_map(&mut random, (kernels, shape.1, shape.2)),
        );
        // One tap of whole numbers, so that every sum is exact in whatever order it is made.
        let weights = Kernels::from_fn((kernels, shape.0), (1, 1), || {
            half::from_f32(random.below(5) as f32 - 2.0)
        });
        let aligned = kernels.next_multiple_of(8);
        let bytes = layout::features::bytes(Precision::Fp16, shape.2, shape.1, aligned, 4);
        let mut residual = layout::features::pack(&interleaved(&added), shape.2, shape.1, kernels, 4);
        residual.resize(bytes, 0);
        let relu = round % 2 == 1;
        let operation = Convolution {
            precision: Precision::Fp16,
            kind: ConvolutionKind::Dense,
            input: place(&mut npu, &input),
            output_channels: kernels as u32,
            weights: buffer(
                &mut npu,
                &layout::weights::pack_dense(&kernel_major(&weights), kernels, 1, shape.0),
            ),
            window: Window::of(1, 1),
            pad_value: 0,
            result: ConvolutionResult::Fp16 {
                residual: Some(buffer(&mut npu, &residual)),
                relu,
            },
            output: empty(&mut npu, bytes),
        };
        run(&mut npu, &[operation]).unwrap_or_else(|why| panic!("{operation:?}: {why}"));
        let values: Vec<u16> = layout::features::unpack(&read(&mut npu, operation.output), shape.2, shape.1, kernels);
        for (index, &bits) in values.iter().enumerate() {
            let (pixel, kernel) = (index / kernels, index % kernels);
            let (y, x) = (pixel / shape.2, pixel % shape.2);
            let products =
                (0..shape.0).map(|c| half::to_f32(input.at(c, y, x)) * half::to_f32(weights.at(kernel, c, 0, 0)));
            let sum = products.sum::<f32>() + half::to_f32(added.at(kernel, y, x));
            let wanted = half::from_f32(if relu { sum.max(0.0) } else { sum });
            assert_eq!(bits, wanted, "{operation:?} [{pixel}, {kernel}]");
        }
    }
}
