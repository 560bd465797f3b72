//! DPU-only rows of §2.7 on fp16 and fp32, and the widening of int8, against the reference: every operation is rounded to
//! nearest even in a known order, so results are equal bit for bit.

mod support;

use npu_reference::{Map, Post, float_post_process, half, native, post_process, to_halves};
use support::case::guarded;
use support::float;
use support::machine::{FIRST, Machine, NO_FAULT};
use support::post;
use support::random::{Random, for_seeds};
use support::rows::{Format, rows};
use support::stages;
use support::style::Style;

fn shape(random: &mut Random) -> (usize, usize, usize) {
    (8 * random.size(1, 5), random.size(1, 9), random.size(1, 9))
}

fn pitch(format: Format, shape: (usize, usize, usize)) -> native::Pitch {
    if format == Format::Float {
        native::Pitch::exact(shape.1, shape.2)
    } else {
        native::Pitch::packed(shape.1, shape.2)
    }
}

fn check_float(mut random: Random, input: Format, output: Format) {
    let random = &mut random;
    let machine = Machine::new(FIRST);
    let style = random.pick(&Style::ALL);
    let shape = shape(random);
    let (channels, height, width) = shape;
    let halves = Map::from_fn(channels, height, width, |_, _, _| random.half());
    let bytes = match input {
        Format::Half => native::pack_features(&halves, pitch(input, shape), channels, 0),
        _ => native::pack_features(&halves.map(half::to_f32), pitch(input, shape), channels, 0),
    };
    let post = float::random_post(random, shape);
    // Of fp32 the operand's size must be said: 0 is that of the main input (erratum 18).
    let programmed = float::program(&post, channels, input == Format::Float || random.chance(50));
    let size = channels / output.surface_channels() * output.surface(height * width);
    let to = guarded(&machine, size);
    let mut program = rows((input, output), shape, (machine.place(&bytes), to));
    program.set_all(&programmed.registers);
    if let Some(stream) = &programmed.stream {
        program.set(0x5020, machine.place(stream));
    }
    if let Some(second) = &programmed.second {
        program.set(0x502C, machine.place(second));
    }
    if let Some((operand, ..)) = &post.element {
        let packed = native::pack_features(operand, native::Pitch::packed(height, width), channels, 0);
        let surface = Format::Half.surface(height * width) as u32;
        program.set_all(&[(0x5038, machine.place(&packed)), (0x5040, surface)]);
    }
    // Widening fp16 is what happens anyway.
    if input == Format::Half && random.chance(50) {
        program.set(0x5044, program.get(0x5044) | 8);
    }
    assert_eq!(machine.run(&[program], style), NO_FAULT, "\n{shape:?} {post:?}");
    let got = machine.read(to, size);
    let expected = float_post_process(&halves.map(half::to_f32), &post);
    let same = match output {
        Format::Half => native::unpack_features::<u16>(&got, shape, pitch(output, shape)) == to_halves(&expected),
        _ => {
            let got = native::unpack_features::<f32>(&got, shape, pitch(output, shape));
            got.map(f32::to_bits) == expected.map(f32::to_bits)
        }
    };
    assert!(same, "{shape:?} {input:?} to {output:?}\n{post:?}");
}

#[test]
fn fp16_leaves_as_fp32_after_any_stages() {
    for_seeds("fp16 to fp32", 60, |random| {
        check_float(random, Format::Half, Format::Float)
    });
}

#[test]
fn fp16_leaves_as_fp16_after_any_stages() {
    for_seeds("fp16 to fp16", 60, |random| {
        check_float(random, Format::Half, Format::Half)
    });
}

#[test]
fn fp32_leaves_as_fp32_or_fp16_after_any_stages() {
    for_seeds("fp32 to fp32", 40, |random| {
        check_float(random, Format::Float, Format::Float)
    });
    for_seeds("fp32 to fp16", 40, |random| {
        check_float(random, Format::Float, Format::Half)
    });
}

fn check_widened(mut random: Random, output: Format) {
    let random = &mut random;
    let machine = Machine::new(FIRST);
    let style = random.pick(&Style::ALL);
    let shape = shape(random);
    let (channels, height, width) = shape;
    let input = Map::from_fn(channels, height, width, |_, _, _| random.i8());
    let joined = Map::from_fn(channels, height, width, |_, _, _| random.i8());
    let mut post = if random.chance(50) {
        stages::join(random, &input, joined.clone().into())
    } else {
        Post::BYPASS
    };
    // A result of at most 24 bits: float conversions of the reference stay exact.
    post.out = stages::converter(random, 1 << 31);
    let exponent = random.size(0, 20) as u32;
    let programmed = post::program(&post, channels, 0);
    let size = channels / 4 * output.surface(height * width);
    let to = guarded(&machine, size);
    let place = |map: &Map<i8>| machine.place(&native::pack_features(map, pitch(Format::Int8, shape), channels, 0));
    let mut program = rows((Format::Int8, output), shape, (place(&input), to));
    program.set_all(&programmed.registers);
    program.set(0x4010, program.get(0x4010) | programmed.data_format);
    program.set(0x4088, program.get(0x4088) | exponent << 12);
    if post.element != npu_reference::Element::Bypass {
        let surface = Format::Int8.surface(height * width) as u32;
        program.set_all(&[(0x5038, place(&joined)), (0x5040, surface)]);
    }
    assert_eq!(machine.run(&[program], style), NO_FAULT, "\n{shape:?} {post:?}");
    let float = |x: i32| (f64::from(x) * 2f64.powi(-(exponent as i32))) as f32;
    let expected = post_process(&input.map(i32::from), &post);
    assert!(expected.values.iter().all(|x| x.unsigned_abs() < 1 << 24));
    let got = machine.read(to, size);
    let same = match output {
        Format::Half => {
            let got = native::unpack_features::<u16>(&got, shape, pitch(output, shape));
            got == expected.map(|x| half::from_f32(float(x)))
        }
        _ => {
            let got = native::unpack_features::<f32>(&got, shape, pitch(output, shape));
            got.map(f32::to_bits) == expected.map(|x| float(x).to_bits())
        }
    };
    assert!(same, "{shape:?} int8 to {output:?}, exponent {exponent}\n{post:?}");
}

#[test]
fn int8_leaves_as_fp16_or_fp32_after_any_stages() {
    for_seeds("int8 to fp16", 50, |random| check_widened(random, Format::Half));
    for_seeds("int8 to fp32", 50, |random| check_widened(random, Format::Float));
}
