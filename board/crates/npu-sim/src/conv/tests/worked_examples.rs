//! Appendix B.1 to B.3, field by field, and a first layer with its converter.

use alloc::vec::Vec;

use npu_reference::native;
use npu_reference::{Geometry, Map, convolve};
use npu_regs::worked_examples::B1;

use super::operands::{Operands, geometry};
use super::program::{Bench, Program, Random, decode};
use crate::cbuf::Banks;
use crate::cna::Source;
use crate::tile::{Cube, Precision};

#[test]
fn example_b1_is_a_band_of_37_rows_in_seven_banks() {
    // The blocks up to the accumulator.
    let loader = B1.iter().copied().filter(|&(offset, _)| offset < 0x4000);
    let task = decode(loader).expect("vendor's values");
    let cube = Cube {
        width: 48,
        height: 18,
        channels: 64,
        real_channels: 64,
        precision: Precision::Int8,
        depthwise: false,
        sums: true,
    };
    assert_eq!(task.cube, cube);
    assert_eq!((task.input.width, task.input.height, task.input.channels), (96, 37, 64));
    let source = Source::Surfaces {
        line_stride: 96,
        surface_stride: 96 * 96,
    };
    assert_eq!(task.input.source, source);
    assert_eq!((task.weights.kernels, task.weights.bytes()), (64, 36_864));
    assert_eq!(task.buffer.banks, Banks { data: 7, weight: 1 });
    assert_eq!((task.buffer.grains, task.window.pad_value), (5, -128));
}

const B2: [(u32, u32); 23] = [
    (0x100C, 0xA000),
    (0x1010, 0x50),
    (0x1014, 0x12),
    (0x1018, 0x3_EDC0),
    (0x1020, 0x00C0_0095),
    (0x1024, 0x0002_0008),
    (0x1028, 96),
    (0x102C, 96 * 74),
    (0x1030, 0x1200),
    (0x1034, 72),
    (0x1038, 0x0303_0040),
    (0x1040, 0x17),
    (0x1044, 0x00C0_0030),
    (0x104C, 0xE_38E1),
    (0x1068, 0xFF80_0000),
    (0x1078, 0x0017_1C07),
    (0x107C, 0x48),
    (0x1080, 0x9000),
    (0x1084, 0x00C0_0095),
    (0x1088, 8),
    (0x200C, 1),
    (0x3010, 0x0049_005F),
    (0x3014, 0x3F),
];

#[test]
fn example_b2_is_a_first_layer_of_three_interleaved_channels_in_two_bands() {
    let task = decode(B2).expect("vendor's values");
    assert_eq!((task.cube.width, task.cube.height, task.cube.channels), (96, 74, 64));
    assert_eq!((task.input.channels, task.input.real_channels), (8, 3));
    assert_eq!(task.input.row_read_bytes(), 192 * 3);
    let second = [
        (0x1018, 0x1_2900),
        (0x1020, 0x00C0_002C),
        (0x1084, 0x00C0_002C),
        (0x1040, 0x2017),
    ];
    let bottom = [
        (0x1028, 96),
        (0x102C, 96 * 22),
        (0x3010, 21 << 16 | 95),
        (0x1070, 0x1_4D00),
    ];
    let task = decode(B2.into_iter().chain(second).chain(bottom)).expect("the second band");
    assert!(task.buffer.weight_reuse);
    assert_eq!((task.input.height, task.input.address), (44, 148 * 192 * 3));
}

#[cfg(feature = "float")]
#[test]
fn example_b3_is_an_fp16_first_layer() {
    let values = [
        (0x100C, 0xA220),
        (0x1010, (1 + 2) << 4),
        (0x1014, 0x9),
        (0x1018, 0x384),
        (0x1020, 0x000A_000A),
        (0x1024, 0x0002_0004),
        (0x1028, 10),
        (0x102C, 100),
        (0x1030, 24),
        (0x1034, 8),
        (0x1038, 0x0101_0003),
        (0x1040, 0x71),
        (0x1044, 0x000C_0003),
        (0x104C, 0x0A),
        (0x1078, 0x0017_1C07),
        (0x107C, 8),
        (0x1080, 100),
        (0x1084, 0x000A_000A),
        (0x1088, 4),
        (0x200C, 0x2001),
        (0x300C, 0x2000),
        (0x3010, 0x0009_0009),
        (0x3014, 7),
    ];
    let task = decode(values).expect("vendor's values");
    assert_eq!(task.cube.precision, Precision::Fp16);
    assert_eq!((task.cube.channels, task.cube.real_channels), (8, 3));
    assert_eq!(task.buffer.banks, Banks { data: 1, weight: 7 });
    assert_eq!(task.input.row_read_bytes(), 64);
}

#[test]
fn a_first_layer_turns_raw_uint8_into_int8_before_it_pads() {
    for channels in 1..=4 {
        let program = Program {
            interleaved: true,
            real: channels,
            kernel: (3, 3),
            stride: (2, 2),
            pad: (1, 1),
            pad_value: -7,
            output: (5, 6),
            line_stride: (11 * channels).div_ceil(8),
            ..Program::new(11, 9, 8, 20)
        };
        let mut random = Random(channels as u64);
        let operands = Operands::random(&program, || random.next() as i8);
        let mut bench = Bench::new();
        operands.place(&program, &bench);
        let raw = Map::from_fn(channels, 9, 11, |_, _, _| random.next() as u8);
        bench.write(program.features, &native::pack_interleaved(&raw));
        // Scale 2^14, shift 14, offset -128 for every channel.
        let converter: Vec<(u32, u32)> = [(0x104C, 14 << 22 | 14 << 16 | 14 << 10 | 14 << 4 | 1)]
            .into_iter()
            .chain([0x1050, 0x1054, 0x1058, 0x105C].map(|at| (at, 0x4000_FF80)))
            .collect();
        let task = program.decode(&converter).expect("accepted");
        let (got, _) = bench.run(&task).expect("runs");
        let features = raw.map(|byte| (i32::from(byte) - 128) as i8);
        let at: Geometry = geometry(&program);
        let expected = convolve(&features, &operands.real_weights(&program), at, -7);
        for (at, value) in expected.values.iter().enumerate() {
            assert_eq!(got.ints[at], Some(*value), "{channels} channels");
        }
    }
}
