//! DPU-only tasks (§2.7, §2.8): every row of the output table that has no convolution, written register by register, against
//! values worked out from the sheet.

mod support;

use npu_reference::{
    Algorithm, Converter, Element, Joining, Map, Multiplier, Operand, Post, Rectifier, Stage, Ties, half,
};
use npu_reference::{native, post_process, saturate_i8};
use npu_regs::task::Mix;
use support::element::Join;
use support::machine::{FIRST, Machine, NO_FAULT};
use support::program::Program;
use support::random::{Random, for_seeds};
use support::rows::{Format, copy};
use support::style::Style;

const STYLE: Style = Style::Vendor { zeros_in_front: false };

fn words(bytes: &[u8]) -> Vec<u32> {
    let word = |four: &[u8]| u32::from_le_bytes(four.try_into().unwrap());
    bytes.chunks_exact(4).map(word).collect()
}

#[test]
fn the_residual_add_of_appendix_b4_gives_its_exact_bytes_in_bands_and_in_place() {
    for_seeds("residual add", 40, |mut random| {
        let random = &mut random;
        let machine = Machine::new(FIRST);
        let shape = (8 * random.size(1, 4), random.size(1, 9), random.size(1, 9));
        let map = |random: &mut Random| Map::from_fn(shape.0, shape.1, shape.2, |_, _, _| random.i8());
        let (left, right) = (map(random), map(random));
        let post = Post {
            bs: Stage {
                alu: Some((Algorithm::Add, Operand::Common(0x80))),
                multiplier: Some(Multiplier {
                    operand: Operand::Common(1 << 14),
                    shift: 0,
                    negative_shift: 0,
                    leaky: false,
                }),
                rectifier: Rectifier::Off,
            },
            element: Element::Operand {
                second: right.clone().into(),
                converter: Converter {
                    offset: random.within(-128, 128) as i32,
                    scale: random.within(0x4000, 0x7FFF) as i32,
                    shift: random.size(0, 3) as u32,
                    offset_first: true,
                    ties: random.pick(&[Ties::Even, Ties::Up]),
                },
                joining: Joining::Alu(random.pick(&[Algorithm::Add, Algorithm::Max, Algorithm::Min])),
                rectifier: random.pick(&[Rectifier::Off, Rectifier::Relu]),
            },
            out: Converter {
                offset: -128,
                scale: 0x7BCF,
                shift: random.size(27, 30) as u32,
                offset_first: false,
                ties: Ties::Even,
            },
            ..Post::BYPASS
        };
        let pitch = native::Pitch::packed(shape.1, shape.2);
        let pack = |map: &Map<i8>| native::pack_features(map, pitch, shape.0, 0);
        let expected = post_process(&left.map(i32::from), &post).map(saturate_i8);
        let (left, right) = (machine.place(&pack(&left)), machine.place(&pack(&right)));
        let bytes = pack(&expected).len();
        // A third of the results replaces an operand value by value.
        let output = match random.size(0, 2) {
            0 => machine.reserve(bytes, 64),
            1 => left,
            _ => right,
        };
        let split = random.size(1, shape.1);
        let bands = [(0, split), (split, shape.1 - split)];
        let bands = bands.into_iter().filter(|band| band.1 > 0);
        let style = random.pick(&Style::ALL);
        let join = |rows| Join {
            shape,
            left,
            right,
            output,
            rows,
        };
        let programs: Vec<Program> = bands.map(|rows| join(rows).program(&post, style)).collect();
        assert_eq!(machine.run(&programs, style), NO_FAULT);
        let got = machine.read(output, bytes);
        let got = native::unpack_features::<i8>(&got, shape, pitch);
        assert_eq!(got.values, expected.values, "{shape:?} {style:?}");
    });
}

#[test]
fn the_rows_of_the_output_table_have_the_words_of_the_sheet() {
    let rows = [
        ((Format::Int8, Format::Int8), 0, 0x4001, 0x2, 1),
        ((Format::Int8, Format::Float), 0xA000_0000, 0x4001, 0x126, 2),
        ((Format::Half, Format::Float), 0xA800_0002, 0x1_4041, 0x2, 1),
        ((Format::Float, Format::Float), 0xB400_0002, 0x2_C041, 0x2, 1),
    ];
    for (formats, format, reader, ow, surfaces) in rows {
        let program = copy(formats, (8, 1, 4), (FIRST, FIRST));
        let words = [0x4010, 0x5044, 0x4050, 0x40C0].map(|offset| program.get(offset));
        let stride = program.get(0x4024);
        assert_eq!(words, [format, reader, ow, surfaces * stride], "{formats:?}");
    }
}

#[test]
fn a_window_of_a_wider_map_is_read_past_its_line_and_surface_notches() {
    let machine = Machine::new(FIRST);
    // Two surfaces of 8 x 4 pixels, of which columns 2 to 4 and rows 1 to 2 are read.
    let map: Vec<u8> = (0..2 * 32 * 8).map(|at| (at * 13 % 251) as u8).collect();
    let from = machine.place(&map) + (8 + 2) * 8;
    let to = machine.reserve(2 * 8 * 8, 64);
    let mut program = copy((Format::Int8, Format::Int8), (16, 2, 3), (from, to));
    program.set_all(&[(0x5048, 5 << 19), (0x504C, 32 * 8 - 2 * 8 * 8)]);
    assert_eq!(machine.run(&[program], STYLE), NO_FAULT);
    let got = machine.read(to, 2 * 8 * 8);
    for (surface, row, column) in (0..2).flat_map(|s| (0..2).flat_map(move |y| (0..3).map(move |x| (s, y, x)))) {
        let (at, want) = (
            surface * 8 + row * 3 + column,
            (surface * 32 + (row + 1) * 8 + column + 2) * 8,
        );
        assert_eq!(got[at * 8..at * 8 + 8], map[want..want + 8]);
    }
    // Six pixels of two surfaces and 73 words.
    assert_eq!(machine.peek(0x8038), 12 + 73);
}

#[test]
fn int8_is_widened_to_fp32_in_two_16_byte_surfaces_with_its_exponent() {
    let machine = Machine::new(FIRST);
    let from = machine.place(&(0..3 * 8).map(|v| (v * 11 - 128i32) as u8).collect::<Vec<u8>>());
    let to = machine.reserve(2 * 3 * 16, 64);
    let mut program = copy((Format::Int8, Format::Float), (8, 1, 3), (from, to));
    // (x + 100) * 3, then by 2^-4: ALU operand, multiplier without shift, MINUS_EXP.
    program.set_all(&[(0x4040, 0x48), (0x4044, 100), (0x4048, 3 << 16), (0x4088, 4 << 12)]);
    assert_eq!(machine.run(&[program], STYLE), NO_FAULT);
    let got = words(&machine.read(to, 2 * 3 * 16));
    let value = |channel: usize, pixel: usize| (pixel * 8 + channel) as f32 * 11.0 - 128.0;
    for (index, bits) in got.into_iter().enumerate() {
        let (surface, pixel, lane) = (index / 12, index % 12 / 4, index % 4);
        let expected = (value(surface * 4 + lane, pixel) + 100.0) * 3.0 / 16.0;
        assert_eq!(f32::from_bits(bits), expected, "value {index}");
    }
}

#[test]
fn fp16_is_dequantized_to_fp32_by_an_fp32_zero_point_and_an_fp16_multiplier() {
    // Appendix B.5: -20.0 is added, 0x4424 is 4.14.
    let machine = Machine::new(FIRST);
    let input: Vec<f32> = (0..2 * 5 * 4).map(|v| v as f32 * 0.75 - 7.0).collect();
    let bytes = |pixels: usize| {
        let mut bytes = Vec::new();
        for surface in input.chunks(pixels * 4) {
            bytes.extend(surface.iter().flat_map(|&v| half::from_f32(v).to_le_bytes()));
            bytes.resize(bytes.len().next_multiple_of(32), 0);
        }
        bytes
    };
    let from = machine.place(&bytes(5));
    let to = machine.reserve(2 * 5 * 16, 64);
    let mut program = copy((Format::Half, Format::Float), (8, 1, 5), (from, to));
    program.set_all(&[(0x4040, 0x48), (0x4044, 0xC1A0_0000), (0x4048, 0x4424_0000)]);
    assert_eq!(machine.run(&[program], STYLE), NO_FAULT);
    let got = words(&machine.read(to, 2 * 5 * 16));
    let expected: Vec<u32> = input
        .iter()
        .map(|&v| ((half::to_f32(half::from_f32(v)) - 20.0) * half::to_f32(0x4424)).to_bits())
        .collect();
    assert_eq!(got, expected);
}

#[test]
fn fp32_stays_fp32_in_16_byte_pixels_and_an_unaligned_cube_says_so() {
    let machine = Machine::new(FIRST);
    let input: Vec<f32> = (0..2 * 3 * 4).map(|v| v as f32 * 1.5 - 9.0).collect();
    let from = machine.place(&input.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>());
    let to = machine.reserve(2 * 3 * 16, 64);
    let mut program = copy((Format::Float, Format::Float), (8, 1, 3), (from, to));
    // Add 128.0 and multiply by fp16 0.5; BN rectifies to [0, 60.0]; the unaligned form has a surface length.
    program.set_all(&[(0x4040, 0x48), (0x4044, 128f32.to_bits()), (0x4048, 0x3800_0000)]);
    program.set_all(&[
        (0x4060, 0x92),
        (0x406C, 60f32.to_bits()),
        (0x400C, 0x0200_0109 | 3 << 9),
    ]);
    assert_eq!(machine.run(&[program], STYLE), NO_FAULT);
    let got = words(&machine.read(to, 2 * 3 * 16));
    let expected: Vec<u32> = input.iter().map(|v| ((v + 128.0) * 0.5).min(60.0).to_bits()).collect();
    assert_eq!(got, expected);
    assert_eq!(f32::from_bits(expected[23]), 60.0);
}

/// One surface upsampled (S-iav's description of the vendor's task, §2.7).
fn upsample(from: u32, to: u32, (width, height): (u32, u32)) -> Program {
    let mut program = Program::new(Mix::Dpu);
    let row = 2 * width * 8;
    program.set_all(&[
        (0x400C, 0x109),
        (0x4010, 0x0400_0000),
        (0x4020, to),
        (0x4024, row),
        (0x4030, 2 * width - 1),
        (0x4034, height - 1),
        (0x4038, (2 * width) << 16 | (2 * width)),
        (0x403C, 0x0007_0007),
        (0x4040, 0x53),
        (0x4050, 0x126),
        (0x4060, 0x53),
        (0x4070, 0x383),
        (0x4084, 1),
        (0x40C0, 4 * width * height * 8),
        (0x500C, width - 1),
        (0x5010, height - 1),
        (0x5014, 7),
        (0x5018, from),
        (0x501C, 1),
        (0x5028, 1),
        (0x5034, 1),
        (0x5044, 0xC001),
        (0x5048, 0x1249),
        (0x5068, 0x0101_0101),
    ]);
    program
}

#[test]
fn nearest_upsampling_repeats_every_pixel_in_both_directions() {
    for_seeds("upsampling", 30, |mut random| {
        let machine = Machine::new(FIRST);
        let map = Map::from_fn(
            8 * random.size(1, 4),
            random.size(1, 9),
            random.size(1, 9),
            |_, _, _| random.i8(),
        );
        // One task a surface; surfaces of both maps follow each other without a gap.
        let exact = |map: &Map<i8>| native::Pitch::exact(map.height, map.width);
        let expected = npu_reference::upsample(&map);
        let from = machine.place(&native::pack_features(&map, exact(&map), map.channels, 0));
        let bytes = native::pack_features(&expected, exact(&expected), map.channels, 0);
        let to = machine.reserve(bytes.len(), 64);
        let pixels = map.height * map.width;
        let size = (map.width as u32, map.height as u32);
        let programs: Vec<Program> = (0..map.channels / 8)
            .map(|surface| {
                upsample(
                    from + (surface * pixels * 8) as u32,
                    to + (surface * pixels * 32) as u32,
                    size,
                )
            })
            .collect();
        assert_eq!(machine.run(&programs, random.pick(&Style::ALL)), NO_FAULT, "{size:?}");
        assert!(machine.read(to, bytes.len()) == bytes, "{} x {size:?}", map.channels);
        assert_eq!(machine.peek(0x8034), bytes.len() as u32 / 8);
    });
}
