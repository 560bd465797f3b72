//! Appendix B.1 to B.3, field by field, and a first layer with its converter.

use alloc::vec::Vec;

use npu_reference::native;
use npu_reference::{Geometry, Map, convolve};
use npu_regs::worked_examples::{B1, B2, B2_FEATURE_STEP, B2_SECOND_BAND, WorkedExample};

use super::operands::{Operands, geometry};
use super::program::{Bench, Program, Random, decode};
use crate::cbuf::Banks;
use crate::cna::Source;
use crate::tile::{Cube, Precision};

/// Registers of the blocks up to the accumulator.
fn loader(example: &WorkedExample) -> impl Iterator<Item = (u32, u32)> + '_ {
    let values = example.listed.iter().chain(example.implied).copied();
    values.filter(|&(offset, _)| offset < 0x4000)
}

#[test]
fn example_b1_is_a_band_of_37_rows_in_seven_banks() {
    let task = decode(loader(&B1)).expect("vendor's values");
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
    assert_eq!((task.buffer.grains, task.window.pad_value), (5, 0x80));
}

#[test]
fn example_b2_is_a_first_layer_of_three_interleaved_channels_in_two_bands() {
    let task = decode(loader(&B2)).expect("vendor's values");
    assert_eq!((task.cube.width, task.cube.height, task.cube.channels), (96, 74, 64));
    assert_eq!((task.input.channels, task.input.real_channels), (8, 3));
    assert_eq!(task.input.row_read_bytes(), 192 * 3);
    let second = loader(&B2_SECOND_BAND).chain([(0x1070, B2_FEATURE_STEP)]);
    let task = decode(second).expect("the second band");
    assert!(task.buffer.weight_reuse);
    assert_eq!((task.input.height, task.input.address), (44, 148 * 192 * 3));
}

#[cfg(feature = "float")]
#[test]
fn example_b3_is_an_fp16_first_layer() {
    let task = decode(loader(&npu_regs::worked_examples::B3)).expect("vendor's values");
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
