//! Worked examples of appendix B as the builder makes them: B.1 word for word, of the others every listed field (§12.27).

use alloc::vec::Vec;

use npu_device::{
    Convolution, ConvolutionKind, ConvolutionResult, FeatureMap, Operation, OutputConversion, Pool, PoolMethod,
    Precision, Rescale, Window,
};
use npu_regs::worked_examples::{B1, B2, B2_FEATURE_STEP, B2_SECOND_BAND, B3, B4, B5, B6};
use npu_regs::{Command, register_at};

use super::{INPUT, OUTPUT, STREAM, WEIGHTS, at, b1, check, table, value, words};
use crate::plan::testing;
use crate::soc::RK3568;

/// Where B.1 keeps its operands.
const B1_ADDRESSES: [(u32, u32); 4] = [(0x1070, INPUT), (0x1110, WEIGHTS), (0x4020, OUTPUT), (0x5020, STREAM)];

#[test]
fn worked_example_b1_is_built_word_for_word() {
    let (table, buffer) = table();
    let tasks = testing::convolution(&b1(buffer), &table, &RK3568, 7, 18);
    assert_eq!(tasks.len(), 3);
    let next = INPUT + 0x480;
    let built = words(&tasks[0], Some((next, 137)));
    let mut expected = Vec::new();
    let mut write = |offset: u32| {
        let mut values = B1.listed.iter().chain(&B1_ADDRESSES);
        let listed = values.find(|(at, _)| *at == offset).map_or(0, |(_, value)| *value);
        let value = match offset {
            0x10 => next,
            0x14 => 0x88,
            pointer if pointer & 0xFFF == 4 => 0x0E,
            _ => listed,
        };
        let register = register_at(offset).unwrap();
        expected.push(Command::Write { register, value }.encode());
    };
    // The order of §3.2, written out.
    [0x1004, 0x2004, 0x3004, 0x1040, 0x4004, 0x5004]
        .into_iter()
        .for_each(&mut write);
    let cna = [
        0x100C..=0x1018,
        0x1020..=0x1038,
        0x1040..=0x1044,
        0x104C..=0x1068,
        0x1070..=0x1088,
        0x1100..=0x1104,
        0x1110..=0x114C,
        0x1210..=0x1230,
    ];
    let rest = [
        0x200C..=0x200C,
        0x300C..=0x3014,
        0x302C..=0x302C,
        0x400C..=0x4014,
        0x4020..=0x4024,
        0x4030..=0x4054,
        0x4060..=0x4088,
        0x4090..=0x40AC,
        0x40C0..=0x40C4,
        0x4100..=0x412C,
        0x500C..=0x5048,
        0x504C..=0x504C,
        0x5064..=0x5068,
        0x10..=0x14,
    ];
    for range in cna.into_iter().chain(rest) {
        range.step_by(4).for_each(&mut write);
    }
    expected.push(0x0041_0000_0000_0000);
    expected.push(0x0081_0000_001F_0008);
    assert_eq!(expected.len(), 137);
    assert_eq!(built, expected);
}

#[test]
fn the_bands_of_worked_example_b1_follow_each_other_and_stream_their_weights() {
    let (table, buffer) = table();
    let tasks = testing::convolution(&b1(buffer), &table, &RK3568, 7, 18);
    let bands: Vec<_> = tasks.iter().map(|task| words(task, None)).collect();
    // §9.10: previous output rows · stride, in lines of 96 pixels; the weights do not fit one bank, so none is reused.
    for (band, first_out) in bands.iter().zip([0, 18, 36]) {
        assert_eq!(value(band, 0x1070), INPUT + first_out * 2 * 96 * 8);
        assert_eq!(value(band, 0x4020), OUTPUT + first_out * 48 * 8);
        assert_eq!(value(band, 0x1040), 0x17);
    }
    // The last band has 12 output rows on 24 input rows; one row of padding is implied.
    check(
        &bands[2],
        &[(0x1020, 0x0060_0018), (0x3010, 0x000B_002F), (0x102C, 12 * 48)],
    );
}

#[test]
fn worked_example_b2_has_every_listed_field() {
    let (table, buffer) = table();
    let layer = Convolution {
        kind: ConvolutionKind::FirstLayer { unsigned: true },
        input: FeatureMap {
            at: at(buffer, INPUT),
            width: 192,
            height: 192,
            channels: 3,
        },
        window: Window {
            pad_right: 1,
            pad_bottom: 1,
            ..Window::of(3, 3).stride(2)
        },
        ..b1(buffer)
    };
    let tasks = testing::convolution(&layer, &table, &RK3568, 7, 74);
    let (first, second) = (words(&tasks[0], None), words(&tasks[1], None));
    check(&first, B2.listed);
    check(&first, B2.implied);
    check(&second, B2_SECOND_BAND.listed);
    check(&second, B2_SECOND_BAND.implied);
    assert_eq!(value(&second, 0x1070), INPUT + B2_FEATURE_STEP);
}

#[test]
fn worked_example_b3_has_every_listed_field() {
    let (table, buffer) = table();
    let layer = Convolution {
        precision: Precision::Fp16,
        kind: ConvolutionKind::FirstLayer { unsigned: false },
        input: FeatureMap {
            at: at(buffer, INPUT),
            width: 10,
            height: 10,
            channels: 3,
        },
        output_channels: 3,
        window: Window::of(1, 1),
        pad_value: 0,
        result: ConvolutionResult::Fp16 {
            residual: None,
            relu: false,
        },
        ..b1(buffer)
    };
    let tasks = testing::convolution(&layer, &table, &RK3568, 1, 10);
    let built = words(&tasks[0], None);
    assert_eq!(built.len(), 117);
    assert_eq!(*built.last().unwrap(), 0x0081_0000_000F_0008);
    check(&built, B3.listed);
    check(&built, B3.implied);
}

#[test]
fn worked_example_b4_has_every_listed_field() {
    let (table, buffer) = table();
    let add = npu_device::Add {
        a: FeatureMap {
            at: at(buffer, INPUT),
            width: 48,
            height: 48,
            channels: 16,
        },
        a_rescale: Rescale {
            offset: 0x80,
            multiplier: 1 << 14,
            shift: 0,
        },
        b: at(buffer, WEIGHTS),
        b_rescale: Rescale {
            offset: 0x80,
            multiplier: 0x3E80,
            shift: 3,
        },
        relu: true,
        conversion: OutputConversion {
            scale: 0x7BCF,
            shift: 0x1D,
            offset: -128,
            ties_up: false,
        },
        output: at(buffer, OUTPUT),
    };
    let plan = crate::plan::plan(&[Operation::Add(add)], &table, &RK3568, 0).unwrap();
    let built = words(&plan.tasks[0], None);
    assert_eq!((plan.tasks.len(), built.len()), (1, 73));
    check(&built, B4.listed);
    check(&built, B4.implied);
    assert_eq!(value(&built, 0x5038), WEIGHTS);
}

#[test]
fn worked_example_b5_has_every_listed_field() {
    let (table, buffer) = table();
    // Rows of 8176 pixels, and what is left.
    let dequantize = npu_device::Dequantize {
        input: FeatureMap {
            at: at(buffer, INPUT),
            width: 8176,
            height: 2,
            channels: 4,
        },
        offset: 0xC1A0_0000,
        multiplier: 0x4424,
        output: at(buffer, OUTPUT),
    };
    let plan = crate::plan::plan(&[Operation::Dequantize(dequantize)], &table, &RK3568, 0).unwrap();
    assert_eq!(plan.tasks.len(), 2);
    for (index, task) in plan.tasks.iter().enumerate() {
        let built = words(task, None);
        assert_eq!(built.len(), 73);
        check(&built, B5.listed);
        // Two rows make one surface twice as large; the rest is that of one row.
        let surface = 2 * 8176 * 16;
        let implied = |&(offset, value): &(u32, u32)| match offset {
            0x4024 | 0x40C0 => (offset, surface),
            _ => (offset, value),
        };
        check(&built, &B5.implied.iter().map(implied).collect::<Vec<_>>());
        let pixels = index as u32 * 8176;
        check(
            &built,
            &[
                (0x5018, INPUT + pixels * 8),
                (0x4020, OUTPUT + pixels * 16),
                (0x504C, 8176 * 8),
            ],
        );
    }
}

#[test]
fn worked_example_b6_has_every_listed_field() {
    let (table, buffer) = table();
    let pool = Pool {
        precision: Precision::Int8,
        input: FeatureMap {
            at: at(buffer, INPUT),
            width: 20,
            height: 20,
            channels: 128,
        },
        method: PoolMethod::Maximum,
        window: Window::of(3, 3).padding(1),
        pad_value: -128,
        output: at(buffer, OUTPUT),
    };
    let plan = crate::plan::plan(&[Operation::Pool(pool)], &table, &RK3568, 0).unwrap();
    let built = words(&plan.tasks[0], None);
    assert_eq!((plan.tasks.len(), built.len()), (1, 33));
    assert_eq!(*built.last().unwrap(), 0x0081_0000_0060_0008);
    check(&built, B6.listed);
    check(&built, B6.implied);
    check(&built, &[(0x6070, OUTPUT), (0x701C, INPUT)]);
}
