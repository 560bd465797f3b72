//! fp16 through the whole stack beside convolutions: products, sums, pooling and the way to fp32, within the rounding of the
//! independent reference.

mod common;

use common::half::{Shape, place, random_map, small, words};
use common::maps::{buffer, empty, interleaved, read};
use common::pooling::{Pooled, random_window};
use common::{Random, driver, run};
use npu_device::{AddFp16, Dequantize, MatmulFp16, Pool, PoolMethod, Precision, layout};
use npu_reference as reference;
use npu_reference::half;

/// Whole and broken groups of four pixels and channels, and rows beyond the 13 bits of a cube.
fn shapes(random: &mut Random) -> Vec<Shape> {
    let mut shapes = vec![(1, 1, 1), (16, 48, 48), (20, 7, 7), (3, 95, 101)];
    shapes.extend((0..12).map(|_| (1 + random.below(40), 1 + random.below(12), 1 + random.below(12))));
    shapes
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
        let Some(Pooled {
            window,
            windows,
            rows,
            columns,
            average,
        }) = random_window(&mut random, shape.1, shape.2)
        else {
            continue;
        };
        done += 1;
        let map = random_map(&mut random, shape);
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
