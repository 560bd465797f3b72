//! Streams as the builder makes them, value by value.

mod forms;
mod worked_examples;

use alloc::vec::Vec;

use npu_device::{
    BufferEntry, BufferId, BufferRange, BufferTable, CachePolicy, ChannelParameters, Convolution, ConvolutionKind,
    ConvolutionResult, FeatureMap, OutputConversion, Precision, Rectifier, Window,
};

use super::program::TaskValues;
use crate::task::TaskPlan;

/// One buffer of 1 GiB at address 0x1000_0000, so that offsets stand for symbolic addresses.
fn table() -> (BufferTable, BufferId) {
    let mut table = BufferTable::new(u64::MAX);
    let entry = BufferEntry {
        address: 0x1000_0000,
        size_bytes: 1 << 30,
        policy: CachePolicy::Cached,
    };
    let id = table.insert(entry).unwrap();
    (table, id)
}

const INPUT: u32 = 0x1000_0000;
const WEIGHTS: u32 = 0x1100_0000;
const STREAM: u32 = 0x1200_0000;
const OUTPUT: u32 = 0x1300_0000;

fn at(buffer: BufferId, address: u32) -> BufferRange {
    BufferRange {
        buffer,
        offset: u64::from(address - INPUT),
    }
}

fn words(task: &TaskPlan, next: Option<(u32, usize)>) -> Vec<u64> {
    let mut words = Vec::new();
    super::emit(&mut TaskValues::new(), &mut words, task, next, 0).unwrap();
    words
}

/// Value that a task leaves in a register.
fn value(words: &[u64], offset: u32) -> u32 {
    let writes = |&&word: &&u64| u32::from(word as u16) == offset && word >> 48 != 0x81 && word >> 48 != 0x41;
    (words.iter().rfind(writes).expect("the register is written") >> 16) as u32
}

fn check(words: &[u64], expected: &[(u32, u32)]) {
    for &(offset, expected) in expected {
        let found = value(words, offset);
        assert_eq!(found, expected, "0x{offset:04X}: 0x{found:X} instead of 0x{expected:X}");
    }
}

/// The layer of worked example B.1.
fn b1(buffer: BufferId) -> Convolution {
    Convolution {
        precision: Precision::Int8,
        kind: ConvolutionKind::Dense,
        input: FeatureMap {
            at: at(buffer, INPUT),
            width: 96,
            height: 96,
            channels: 64,
        },
        output_channels: 64,
        weights: at(buffer, WEIGHTS),
        // 48 x 48 outputs with nothing above and left: the last row and column are padding.
        window: Window {
            pad_right: 1,
            pad_bottom: 1,
            ..Window::of(3, 3).stride(2)
        },
        pad_value: -128,
        result: ConvolutionResult::Int8 {
            parameters: Some(ChannelParameters::Full(at(buffer, STREAM))),
            rectifier: Rectifier::Relu,
            residual: None,
            output: OutputConversion {
                scale: 0x5BEC,
                shift: 0x16,
                offset: -128,
                ties_up: false,
            },
        },
        output: at(buffer, OUTPUT),
    }
}
