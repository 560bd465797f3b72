//! A start as text, for people. Knows the words' order, not their meaning: that is `npu_regs::disassemble`.

use alloc::string::String;
use core::fmt::Write;

use npu_regs::task::CONVOLUTION_WORDS;

use crate::commands::STREAM_BYTES;
use crate::plan::TaskPlan;

/// Appends the listing of one start.
pub(crate) fn append(text: &mut String, number: usize, tasks: &[TaskPlan], words: &[u64]) {
    for (index, (plan, stream)) in tasks.iter().zip(words.chunks(STREAM_BYTES / 8)).enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "; start {number}, task {index}, operation {}: {} rows x K {} -> N {}",
            plan.operation, plan.rows, plan.k, plan.n
        );
        for &word in &stream[..CONVOLUTION_WORDS.min(stream.len())] {
            text.push_str(&npu_regs::disassemble(word));
            text.push('\n');
        }
    }
}
