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
use support::style::Style;

const STYLE: Style = Style::Vendor { zeros_in_front: false };

/// A task that copies a cube: formats as codes, bytes of a pixel in and out, channels of an input pixel.
struct Copy {
    format: u32,
    reader: u32,
    atoms: (u32, u32),
    channels: (u32, u32),
    ow: u32,
    surfaces: u32,
}

impl Copy {
    fn program(&self, from: u32, to: u32, (width, height): (u32, u32)) -> Program {
        let pixels = width * height;
        let pitch = |atom: u32| {
            if atom == 8 {
                pixels.next_multiple_of(4) * 8
            } else {
                pixels * 16
            }
        };
        let stride = pitch(self.atoms.1);
        let mut program = Program::new(Mix::Dpu);
        program.set_all(&[
            (0x400C, 0x109),
            (0x4010, self.format),
            (0x4020, to),
            (0x4024, stride),
            (0x4030, width - 1),
            (0x4034, height - 1),
            (0x403C, (self.channels.0 - 1) << 16 | (self.channels.0 - 1)),
            (0x4040, 0x53),
            (0x4050, self.ow),
            (0x4060, 0x53),
            (0x4070, 0x383),
            (0x4084, 1),
            (0x40C0, self.surfaces * stride),
            (0x500C, width - 1),
            (0x5010, height - 1),
            (0x5014, self.channels.0 - 1),
            (0x5018, from),
            (0x501C, 1),
            (0x5028, 1),
            (0x5034, 1),
            (0x5044, self.reader),
            (0x504C, pitch(self.atoms.0) - pixels * self.atoms.0),
            (0x5068, 0x0101_0101),
        ]);
        program
    }
}

const INT8: Copy = Copy {
    format: 0,
    reader: 0x4001,
    atoms: (8, 8),
    channels: (16, 8),
    ow: 0x2,
    surfaces: 1,
};
const INT8_TO_FP32: Copy = Copy {
    format: 0xA000_0000,
    atoms: (8, 16),
    channels: (8, 8),
    ow: 0x126,
    surfaces: 2,
    ..INT8
};
const FP16_TO_FP32: Copy = Copy {
    format: 0xA800_0002,
    reader: 0x1_4041,
    atoms: (8, 16),
    channels: (8, 4),
    ow: 0x2,
    surfaces: 1,
};
const FP32_TO_FP32: Copy = Copy {
    format: 0xB400_0002,
    reader: 0x2_C041,
    atoms: (16, 16),
    channels: (8, 4),
    ..FP16_TO_FP32
};

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
fn a_window_of_a_wider_map_is_read_past_its_line_and_surface_notches() {
    let machine = Machine::new(FIRST);
    // Two surfaces of 8 x 4 pixels, of which columns 2 to 4 and rows 1 to 2 are read.
    let map: Vec<u8> = (0..2 * 32 * 8).map(|at| (at * 13 % 251) as u8).collect();
    let from = machine.place(&map) + (8 + 2) * 8;
    let to = machine.reserve(2 * 8 * 8, 64);
    let mut program = INT8.program(from, to, (3, 2));
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
    let mut program = INT8_TO_FP32.program(from, to, (3, 1));
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
    let mut program = FP16_TO_FP32.program(from, to, (5, 1));
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
    let mut program = FP32_TO_FP32.program(from, to, (3, 1));
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

#[test]
fn a_table_loaded_by_two_tasks_or_by_the_cpu_activates_alike() {
    let entry = |table: i32, index: i32| ((index - 256) * (37 + 11 * table)) as i16;
    let outcome = |by_tasks: bool| {
        let machine = Machine::new(FIRST);
        let from = machine.place(&(0..16 * 8).map(|v| (v * 2 - 128i32) as i8 as u8).collect::<Vec<u8>>());
        let to = machine.reserve(16 * 8, 64);
        let dump = machine.reserve(64, 64);
        let mut activation = INT8.program(from, to, (8, 1));
        // BN scales by 512 into the tables' domain; the sum of both tables' entries is then cut to int8.
        activation.set_all(&[
            (0x4060, 0x48),
            (0x4068, 512 << 16),
            (0x4070, 0x302),
            (0x4100, 0),
            (0x4104, 0),
            (0x4108, 0x68),
            (0x410C, 0x0005_0500),
            (0x4110, 0xFFFF_C000),
            (0x411C, 0x4000),
            (0x4128, 0x4000_0000),
            (0x412C, 13 << 5),
            (0x4084, 0x4000),
            (0x4088, 20),
        ]);
        let mut programs = Vec::new();
        if by_tasks {
            let mut streams: Vec<Vec<u64>> = (0..2u32)
                .map(|table| {
                    let one = Copy {
                        channels: (8, 8),
                        ..INT8
                    };
                    let mut load = one.program(from, dump, (1, 1));
                    load.set(0x4024, 32).set(0x40C0, 32);
                    load.set(0x504C, 0).set(0x4100, 0x2_0000 | table << 16);
                    let body = &STYLE.bodies(&[load])[0];
                    // Entries 0 to 512, and words that are fetched and dropped (§2.6, §12.6).
                    let at = body.iter().position(|word| word & 0xFFFF == 0x4104).unwrap();
                    let data = (0..516).map(|index| {
                        let value = if index < 513 {
                            entry(table as i32, index) as u16
                        } else {
                            0xDEAD
                        };
                        0x1001u64 << 48 | u64::from(value) << 16 | 0x4104
                    });
                    [&body[..at], &data.collect::<Vec<u64>>(), &body[at + 1..]].concat()
                })
                .collect();
            streams.push(STYLE.bodies(std::slice::from_ref(&activation)).remove(0));
            assert_eq!(streams[0].len() + 4, npu_regs::task::TABLE_WORDS);
            let places: Vec<u32> = streams.iter().map(|s| machine.reserve((s.len() + 4) * 8, 64)).collect();
            for (index, stream) in streams.iter().enumerate() {
                let next = places.get(index + 1).copied().unwrap_or(0);
                let amount = streams.get(index + 1).map_or(0, |s| s.len() as u32 + 3);
                let tail = support::style::tail(next, amount, 0x18);
                let bytes: Vec<u8> = stream.iter().copied().chain(tail).flat_map(u64::to_le_bytes).collect();
                machine.hardware.dma.write(places[index], &bytes).unwrap();
            }
            machine.start((places[0], streams[0].len() as u32 + 3), 3, 0x300, STYLE);
            assert_eq!((machine.fault().as_str(), machine.peek(0x3C)), (NO_FAULT, 3));
        } else {
            for table in 0..2 {
                let entries: Vec<i16> = (0..513).map(|index| entry(table, index)).collect();
                machine.load_table(table as u32, &entries);
            }
            programs.push(activation);
            assert_eq!(machine.run(&programs, STYLE), NO_FAULT);
        }
        machine.read(to, 16 * 8)
    };
    let bytes = outcome(false);
    assert_eq!(bytes, outcome(true));
    // x = -128 + 2v, times 512: entry 256 + x * 16 of LE (start -16384, 32 inputs an entry) is met exactly.
    let expected: Vec<u8> = (0..128)
        .map(|v| {
            let x = (v * 2 - 128) * 512;
            let y = if x <= -16384 {
                i32::from(entry(0, 0))
            } else if x <= 0 {
                i32::from(entry(0, (x + 16384) / 32))
            } else if x <= 16384 {
                i32::from(entry(1, x / 32))
            } else {
                i32::from(entry(1, 512)) + (x - 16384) * 2
            };
            ((f64::from(y) / 64.0).round_ties_even() as i32).clamp(-128, 127) as i8 as u8
        })
        .collect();
    assert_eq!(bytes, expected);
}
