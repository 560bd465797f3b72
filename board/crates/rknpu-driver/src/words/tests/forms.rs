//! Tasks of which the sheet decodes the form and no whole example: table loads, activations, depthwise convolutions.

use alloc::vec::Vec;

use npu_device::{Convolution, ConvolutionKind, FeatureMap, Operation, OutputConversion, Rescale};

use super::{INPUT, OUTPUT, STREAM, WEIGHTS, at, b1, check, table, value, words};
use crate::soc::RK3568;

#[test]
fn the_tables_of_an_activation_are_two_tasks_of_588_words() {
    let (table, buffer) = table();
    let entries = npu_device::ActivationTable {
        lower: core::array::from_fn(|index| index as i16 - 600),
        upper: core::array::from_fn(|index| index as i16 + 7),
        step_shift: 5,
    };
    let activation = npu_device::Activation {
        input: FeatureMap {
            at: at(buffer, INPUT),
            width: 4,
            height: 2,
            channels: 8,
        },
        rescale: Rescale {
            offset: 3,
            multiplier: 100,
            shift: 1,
        },
        table: alloc::sync::Arc::new(entries),
        conversion: OutputConversion::IDENTITY,
        output: at(buffer, OUTPUT),
    };
    let plan = crate::plan::plan(&[Operation::Activation(activation)], &table, &RK3568, 0).unwrap();
    assert_eq!(plan.tasks.len(), 3);
    for (task, access, first) in [(0, 0x20000, -600i16), (1, 0x30000, 7)] {
        let built = words(&plan.tasks[task], None);
        assert_eq!((built.len(), plan.tasks[task].words()), (588, 588));
        let data: Vec<u64> = built
            .iter()
            .copied()
            .filter(|&word| word as u16 == 0x4104 && word >> 48 == 0x1001)
            .collect();
        // 513 entries, one word more, and the closing 0 of the full task.
        assert_eq!(data.len(), 515);
        assert_eq!((data[0] >> 16) as i16, first);
        assert_eq!(data[513], data[512]);
        let opened = built.iter().position(|&word| word as u16 == 0x4100).unwrap();
        assert_eq!((built[opened] >> 16) as u32, access);
        assert_eq!(value(&built, 0x4100), 0);
        // 1 x 1 x 8 (§2.6).
        check(&built, &[(0x4030, 0), (0x4034, 0), (0x403C, 0x0007_0007)]);
    }
    check(
        &words(&plan.tasks[2], None),
        &[
            (0x4070, 0x302),
            (0x4108, 0x68),
            (0x410C, 0x0005_0500),
            (0x4110, 0xFFFF_C000),
            (0x4114, 0),
            (0x4118, 0),
            (0x411C, 0x4000),
            (0x4060, 0x48),
            (0x4064, 3),
            (0x4068, 100 << 16 | 1 << 8),
            (0x4040, 0x53),
        ],
    );
}

#[test]
fn a_depthwise_task_has_the_modes_of_the_sheet() {
    let (table, buffer) = table();
    let layer = Convolution {
        kind: ConvolutionKind::Depthwise,
        ..b1(buffer)
    };
    let plan = crate::plan::plan(&[Operation::Convolution(layer)], &table, &RK3568, 0).unwrap();
    let first = words(&plan.tasks[0], None);
    check(
        &first,
        &[
            (0x100C, 3),
            (0x1034, 9 * 32),
            (0x1030, 9 * 32),
            (0x1038, 0x0303_0001),
            (0x200C, 3),
            (0x300C, 2),
            (0x3014, 31),
            (0x400C, 0x138),
            (0x4010, 0xE0),
            (0x4050, 0x36D),
            (0x40C0, 4 * 0x4800),
            (0x5044, 0x4006),
            (0x5024, 31),
        ],
    );
    let last = words(plan.tasks.last().unwrap(), None);
    check(&last, &[(0x1110, WEIGHTS + 9 * 32), (0x5020, STREAM + 32 * 8)]);
}
