//! fp16 convolutions through the whole stack, within the rounding of the independent reference's sums.

mod common;

use common::half::{floats, place, random_map, small};
use common::maps::{buffer, empty, geometry, interleaved, kernel_major, read, window};
use common::{Random, driver, run};
use npu_device::{Convolution, ConvolutionKind, ConvolutionResult, FeatureMap, Precision, Window, layout};
use npu_reference as reference;
use npu_reference::{Kernels, Map, half};

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
