//! Sums, scale changes, table functions and pooling of int8 through the whole stack against the independent reference.

mod common;

use std::sync::Arc;

use common::maps::{buffer, converter, empty, int8_map, interleaved, read};
use common::pooling::{Pooled, random_window};
use common::tables::{random_tables, stage};
use common::{Random, driver, run};
use npu_device::{
    Accelerator, Activation, Add, FeatureMap, Operation, OutputConversion, Pool, PoolMethod, Precision, Requantize,
    Rescale, layout,
};
use npu_reference as reference;
use npu_reference::{Algorithm, Element, Joining, Map, Post};

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
                second: right.into(),
                converter: reference::Converter {
                    offset: b.offset,
                    scale: i32::from(b.multiplier),
                    shift: u32::from(b.shift),
                    offset_first: true,
                    ties: reference::Ties::Even,
                },
                joining: Joining::Alu(Algorithm::Add),
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
        let (table, lookup) = random_tables(&mut random, step_shift);
        // Inputs beyond the tables on both sides too.
        let rescale = Rescale {
            offset: random.below(60) as i32 - 30,
            multiplier: 1 + random.below(5 << step_shift) as i16,
            shift: 0,
        };
        let conversion = OutputConversion::from_ratio(1, 300, 0).unwrap();
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
        let (method, pool, pad_value) = match random.below(3) {
            0 => (PoolMethod::Maximum, reference::Pool::Max, -128),
            1 => (PoolMethod::Minimum, reference::Pool::Min, 127),
            _ => (PoolMethod::Average, average, random.below(256) as i32 - 128),
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
