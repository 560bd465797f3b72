//! A start as text, for people. Knows the words' order, not their meaning: that is `npu_regs::disassemble`.

use alloc::string::String;
use core::fmt::Write;

use crate::commands::stream_bytes;
use crate::task::{PointWise, Source, TaskPlan, Work};

/// Appends the listing of one start.
pub(crate) fn append(text: &mut String, number: usize, tasks: &[TaskPlan], words: &[u64]) {
    let mut offset = 0;
    for (index, task) in tasks.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(text, "; start {number}, task {index}, operation {}: ", task.operation);
        describe(text, task);
        let end = words.len().min(offset + task.words());
        for &word in words.get(offset..end).unwrap_or_default() {
            text.push_str(&npu_regs::disassemble(word));
            text.push('\n');
        }
        offset += stream_bytes(task) / 8;
    }
}

fn describe(text: &mut String, task: &TaskPlan) {
    let _ = match &task.work {
        Work::Convolution(task) if task.is_product() => {
            writeln!(text, "{} rows x K {} -> N {}", task.width, task.channels, task.kernels)
        }
        Work::Convolution(task) => {
            let kind = match task.source {
                Source::Dense => "convolution",
                Source::Depthwise => "depthwise convolution",
                Source::Interleaved { .. } => "first layer",
            };
            writeln!(
                text,
                "{kind} {}x{} of {}x{}x{} -> {}x{}x{}{}",
                task.window.kernel_width,
                task.window.kernel_height,
                task.width,
                task.rows,
                task.real_channels,
                task.out_width,
                task.out_rows,
                task.kernels,
                match (task.operand(), task.lookup()) {
                    (Some(_), _) => ", plus a map",
                    (None, Some(_)) => ", through the tables",
                    (None, None) => "",
                }
            )
        }
        Work::PointWise(task) => {
            let what = match task.what {
                PointWise::Requantize(_) => "requantize",
                PointWise::Add { .. } => "add",
                PointWise::AddFp16(_) => "fp16 add",
                PointWise::Dequantize { .. } => "fp16 to fp32",
                PointWise::Table(_) => "activation",
            };
            writeln!(text, "{what} {}x{}x{}", task.width, task.height, task.channels)
        }
        Work::Pool(task) => writeln!(
            text,
            "pool {}x{} of {}x{}x{} -> {}x{}",
            task.window.kernel_width,
            task.window.kernel_height,
            task.width,
            task.height,
            task.channels,
            task.out_width,
            task.out_height
        ),
        Work::Table(load) => writeln!(text, "table {}", if load.upper { "LO" } else { "LE" }),
        Work::Idle => writeln!(text, "idle"),
        Work::Raw(raw) => writeln!(
            text,
            "{} tasks of the caller from 0x{:08X}, words in the caller's buffer",
            raw.tasks, raw.address
        ),
    };
}
