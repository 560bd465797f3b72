//! Pooling tasks from their registers (sheet §2.9, §12.18, decision 0044).

use npu_reference::{Pool, Window, native, pool};

use crate::bench::Bench;
use crate::output::Expected;
use crate::registers::Executed;

/// What a task must write.
pub fn prepare(task: &Executed, bench: &Bench) -> Result<Expected, String> {
    if task.bits(0x6084, 2, 0) != 0 {
        return Err("pooling of another format than int8".into());
    }
    let shape = (
        task.size(0x6014, 12, 0),
        task.size(0x6010, 12, 0),
        task.size(0x600C, 12, 0),
    );
    let pitch = native::Pitch {
        line: task.get(0x7024) as usize / 8,
        surface: task.get(0x7028) as usize / 8,
    };
    let input = native::unpack_features::<i8>(bench.features(task.get(0x701C)), shape, pitch);
    let pads = |lsb: u32| task.bits(0x6040, lsb + 2, lsb) as usize;
    let window = Window {
        size: (task.size(0x6034, 11, 8), task.size(0x6034, 3, 0)),
        stride: (task.size(0x6034, 23, 20), task.size(0x6034, 19, 16)),
        before: (pads(4), pads(0)),
        after: (pads(12), pads(8)),
    };
    let what = match task.bits(0x6024, 1, 0) {
        0 => Pool::Average {
            reciprocal_width: i64::from(task.get(0x6038)),
            reciprocal_height: i64::from(task.get(0x603C)),
        },
        1 => Pool::Max,
        _ => Pool::Min,
    };
    let output = pool(&input, window, what, (task.get(0x6044) << 13) as i32 >> 13);
    if (output.height, output.width) != (task.size(0x601C, 12, 0), task.size(0x6018, 12, 0)) {
        return Err(format!("{} x {} windows", output.height, output.width));
    }
    let line = output.width + task.bits(0x6024, 28, 16) as usize;
    let mut expected = Expected::default();
    for (index, &value) in output.values.iter().enumerate() {
        let (channel, pixel) = (
            index / (output.height * output.width),
            index % (output.height * output.width),
        );
        let at = (pixel / output.width * line + pixel % output.width) * 8;
        let surface = channel / 8 * task.get(0x607C) as usize;
        expected.bytes.push((surface + at + channel % 8, value as u8));
    }
    Ok(expected)
}
