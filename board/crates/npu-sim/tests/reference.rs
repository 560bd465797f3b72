//! The simulator against the independent reference on random operators, written as two other generators write them.
//! Integers must be equal. A failing case is printed whole with its seed.

mod support;

use npu_reference::{Map, half, native, pool, pool_halves, post_process, saturate_i8};
use support::case::{After, Case, Wish, compare, convolution, guarded, verify};
use support::conv::{Kind, Output};
use support::element::{Join, table_load};
use support::machine::{FIRST, Machine, NO_FAULT};
use support::pooling::{Pooling, random_window};
use support::post;
use support::random::{Random, for_seeds};
use support::stages;
use support::style::Style;

fn check(random: Random, kind: Kind, output: Output, after: After) {
    check_sized(random, (kind, false), output, after);
}

fn check_sized(mut random: Random, (kind, large): (Kind, bool), output: Output, after: After) {
    let machine = Machine::new(FIRST);
    let style = random.pick(&Style::ALL);
    let wish = Wish {
        output,
        after,
        large,
        ..Wish::small(kind, style)
    };
    let Case {
        layer,
        mut programs,
        expected,
        post,
    } = convolution(&mut random, &machine, wish, None);
    if let npu_reference::Element::Table(lookup) = &post.element {
        let tables = [&lookup.le.entries, &lookup.lo.entries];
        if style == Style::Open {
            (0..2).for_each(|table| machine.load_table(table, tables[table as usize]));
        } else {
            let scratch = machine.reserve(128, 64);
            let loads = (0..2).map(|table| table_load(table, tables[table as usize], scratch));
            programs.splice(0..0, loads);
        }
    }
    let fault = machine.run(&programs, style);
    assert_eq!(fault, NO_FAULT, "\n{wish:?}\n{layer:?}\n{:?}", post.bn);
    if let Err(why) = verify(&machine, &layer, &expected) {
        panic!("{why}\n{wish:?}\n{layer:?}\n{post:?}");
    }
}

#[test]
fn dense_convolutions_give_the_exact_accumulators() {
    for_seeds("dense int32", 60, |random| {
        check(random, Kind::Dense, Output::Int32, After::Nothing);
    });
}

#[test]
fn dense_convolutions_give_the_exact_requantized_bytes() {
    for_seeds("dense int8", 80, |random| {
        check(random, Kind::Dense, Output::Int8, After::Stages)
    });
}

#[test]
fn depthwise_convolutions_give_the_exact_requantized_bytes() {
    for_seeds("depthwise", 60, |random| {
        check(random, Kind::Depthwise, Output::Int8, After::Stages)
    });
}

#[test]
fn first_layers_give_the_exact_requantized_bytes() {
    for_seeds("first layer", 60, |random| {
        check(random, Kind::First, Output::Int8, After::Stages)
    });
}

#[test]
fn int8_convolutions_of_every_kind_leave_as_the_exact_floats() {
    for kind in [Kind::Dense, Kind::Depthwise, Kind::First] {
        for_seeds("to fp16", 25, |random| check(random, kind, Output::Half, After::Stages));
        for_seeds("to fp32", 25, |random| {
            check(random, kind, Output::Float, After::Stages)
        });
    }
}

#[test]
fn layers_larger_than_the_buffer_run_in_bands_with_streamed_weights() {
    for_seeds("large", 6, |random| {
        check_sized(random, (Kind::Dense, true), Output::Int8, After::Stages);
    });
    for_seeds("large depthwise", 4, |random| {
        check_sized(random, (Kind::Depthwise, true), Output::Int8, After::Stages);
    });
}

#[test]
fn activation_tables_give_the_exact_bytes_whoever_loaded_them() {
    for_seeds("tables", 40, |random| {
        check(random, Kind::Dense, Output::Int8, After::Tables)
    });
}

fn maps(random: &mut Random, machine: &Machine, shape: (usize, usize, usize)) -> (Map<i8>, u32) {
    let map = Map::from_fn(shape.0, shape.1, shape.2, |_, _, _| random.i8());
    let bytes = native::pack_features(&map, native::Pitch::packed(shape.1, shape.2), shape.0, 0x5A);
    let address = machine.place(&bytes);
    (map, address)
}

#[test]
fn element_wise_tasks_join_two_maps_exactly() {
    for_seeds("join", 60, |mut random| {
        let machine = Machine::new(FIRST);
        let style = random.pick(&Style::ALL);
        let shape = (8 * random.size(1, 6), random.size(1, 12), random.size(1, 12));
        let (left, left_at) = maps(&mut random, &machine, shape);
        let (right, right_at) = maps(&mut random, &machine, shape);
        let post = stages::join(&mut random, &left, right.clone().into());
        let mut join = Join {
            shape,
            left: left_at,
            right: right_at,
            output: 0,
            rows: (0, shape.1),
        };
        let bytes = shape.0 / 8 * join.surface_bytes();
        join.output = guarded(&machine, bytes);
        let split = random.size(0, shape.1 - 1);
        let bands = [(0, split), (split, shape.1 - split)];
        let programs: Vec<_> = bands
            .into_iter()
            .filter(|(_, rows)| *rows > 0)
            .map(|rows| Join { rows, ..join.clone() }.program(&post, style))
            .collect();
        assert_eq!(
            machine.run(&programs, style),
            NO_FAULT,
            "\n{style:?}\n{join:?}\n{:?}",
            post.bs
        );
        let packed = native::Pitch::packed(shape.1, shape.2);
        let got = native::unpack_features::<i8>(&machine.read(join.output, bytes), shape, packed);
        let expected = post_process(&left.map(i32::from), &post).map(saturate_i8);
        if let Err(why) = compare(&got.map(i32::from), &expected.map(i32::from)) {
            panic!("{why}\n{style:?}\n{join:?}\n{post:?}");
        }
    });
}

#[test]
fn element_wise_tasks_join_operands_of_every_form_and_size_exactly() {
    for_seeds("forms", 80, |mut random| {
        let machine = Machine::new(FIRST);
        let style = random.pick(&Style::ALL);
        let shape = (8 * random.size(1, 6), random.size(1, 12), random.size(1, 12));
        let pitch = native::Pitch::packed(shape.1, shape.2);
        let (left, left_at) = maps(&mut random, &machine, shape);
        let second = stages::second(&mut random, shape);
        let right = machine.place(&post::pack_operand(&second, pitch, shape.0));
        let post = stages::join(&mut random, &left, second);
        let mut join = Join {
            shape,
            left: left_at,
            right,
            output: 0,
            rows: (0, shape.1),
        };
        let bytes = shape.0 / 8 * join.surface_bytes();
        join.output = guarded(&machine, bytes);
        assert_eq!(
            machine.run(&[join.program(&post, style)], style),
            NO_FAULT,
            "\n{post:?}"
        );
        let got = native::unpack_features::<i8>(&machine.read(join.output, bytes), shape, pitch);
        let expected = post_process(&left.map(i32::from), &post).map(saturate_i8);
        if let Err(why) = compare(&got.map(i32::from), &expected.map(i32::from)) {
            panic!("{why}\n{style:?}\n{join:?}\n{post:?}");
        }
    });
}

#[test]
fn pooling_gives_the_exact_extrema_and_averages() {
    for_seeds("pooling", 80, |mut random| {
        let machine = Machine::new(FIRST);
        let style = random.pick(&Style::ALL);
        let shape = (8 * random.size(1, 6), random.size(1, 16), random.size(1, 16));
        let (input, from) = maps(&mut random, &machine, shape);
        let (window, what) = random_window(&mut random, shape.1, shape.2);
        let mut pooling = Pooling {
            input: shape,
            half: false,
            window,
            pool: what,
            pad: random.pick(&[0, -128, 127, -1]),
            from,
            to: 0,
        };
        pooling.to = guarded(&machine, pooling.output_bytes());
        assert_eq!(machine.run(&[pooling.program()], style), NO_FAULT, "\n{pooling:?}");
        let (height, width) = pooling.output();
        let bytes = machine.read(pooling.to, pooling.output_bytes());
        let got = native::unpack_features::<i8>(&bytes, (shape.0, height, width), native::Pitch::packed(height, width));
        let expected = pool(&input, window, what, pooling.pad);
        if let Err(why) = compare(&got.map(i32::from), &expected.map(i32::from)) {
            panic!("{why}\n{pooling:?}");
        }
    });
}

#[test]
fn pooling_of_fp16_gives_the_exact_extrema_and_averages_within_their_bound() {
    for_seeds("fp16 pooling", 80, |mut random| {
        let machine = Machine::new(FIRST);
        let style = random.pick(&Style::ALL);
        let shape = (4 * random.size(1, 6), random.size(1, 12), random.size(1, 12));
        let input = Map::from_fn(shape.0, shape.1, shape.2, |_, _, _| random.half());
        let packed = native::pack_features(&input, native::Pitch::packed(shape.1, shape.2), shape.0, 0x5A);
        let (window, what) = random_window(&mut random, shape.1, shape.2);
        let pad = random.half();
        let mut pooling = Pooling {
            input: shape,
            half: true,
            window,
            pool: what,
            pad: i32::from(pad),
            from: machine.place(&packed),
            to: 0,
        };
        pooling.to = guarded(&machine, pooling.output_bytes());
        assert_eq!(machine.run(&[pooling.program()], style), NO_FAULT, "\n{pooling:?}");
        let (height, width) = pooling.output();
        let bytes = machine.read(pooling.to, pooling.output_bytes());
        let got =
            native::unpack_features::<u16>(&bytes, (shape.0, height, width), native::Pitch::packed(height, width));
        let expected = pool_halves(&input, window, what, pad);
        for (&got, &(exact, bound)) in got.values.iter().zip(&expected.values) {
            // Half a step of fp16 near the result: 11 significant bits, never below the smallest denormal's half.
            let step = 2f64.powf(exact.abs().max(2f64.powi(-14)).log2().floor() - 11.0);
            let slack = if bound == 0.0 { 0.0 } else { bound + step };
            let got = f64::from(half::to_f32(got));
            assert!(
                (got - exact).abs() <= slack,
                "{got}, not {exact} ± {slack}\n{pooling:?}"
            );
        }
    });
}
