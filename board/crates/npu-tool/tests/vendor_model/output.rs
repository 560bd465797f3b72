//! Where results lie (sheet §2.7), written down byte by byte.

use npu_reference::{Map, half, saturate_i8};

use crate::registers::Executed;

/// Bytes that a task must write, and those that it may: channels that do not exist (§11).
#[derive(Default)]
pub struct Expected {
    /// Byte offset from 0x4020 or 0x6070, and what stands there.
    pub bytes: Vec<(usize, u8)>,
    /// Offsets that may hold anything.
    pub free: Vec<std::ops::Range<usize>>,
}

/// One row of values in one format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Int8,
    Half,
    Float,
}

impl Format {
    /// The output format of DATA_FORMAT.
    pub fn of_output(task: &Executed) -> Result<Self, String> {
        match task.bits(0x4010, 31, 29) {
            0 => Ok(Self::Int8),
            2 => Ok(Self::Half),
            5 => Ok(Self::Float),
            other => Err(format!("output format {other}")),
        }
    }

    pub const fn bytes(self) -> usize {
        match self {
            Self::Int8 => 1,
            Self::Half => 2,
            Self::Float => 4,
        }
    }

    /// Bytes of a pixel in one surface.
    pub const fn atom(self) -> usize {
        if matches!(self, Self::Float) { 16 } else { 8 }
    }
}

impl Expected {
    /// Puts one value down.
    fn put(&mut self, task: &Executed, format: Format, (channel, pixel): (usize, usize), bytes: &[u8]) {
        let per_surface = format.atom() / format.bytes();
        let at = channel / per_surface * task.get(0x4024) as usize
            + pixel * format.atom()
            + channel % per_surface * format.bytes();
        self.bytes
            .extend(bytes.iter().enumerate().map(|(index, &byte)| (at + index, byte)));
    }

    /// Integers of the pipeline, row `index` of the map being channel `channels[index]`.
    pub fn integers(&mut self, task: &Executed, values: &Map<i32>, channels: &[usize]) -> Result<(), String> {
        let format = Format::of_output(task)?;
        let exponent = task.bits(0x4088, 19, 12) as i32;
        let float = |value: i32| (f64::from(value) * 2f64.powi(-exponent)) as f32;
        self.each(values, channels, |expected, at, value| match format {
            Format::Int8 => expected.put(task, format, at, &saturate_i8(value).to_le_bytes()),
            Format::Half => expected.put(task, format, at, &half::from_f32(float(value)).to_le_bytes()),
            Format::Float => expected.put(task, format, at, &float(value).to_le_bytes()),
        });
        Ok(())
    }

    /// fp32 values.
    pub fn floats(&mut self, task: &Executed, values: &Map<f32>) -> Result<(), String> {
        let format = Format::of_output(task)?;
        let all: Vec<usize> = (0..values.channels).collect();
        self.each(values, &all, |expected, at, value| match format {
            Format::Int8 => {}
            Format::Half => expected.put(task, format, at, &half::from_f32(value).to_le_bytes()),
            Format::Float => expected.put(task, format, at, &value.to_le_bytes()),
        });
        Ok(())
    }

    fn each<T: Copy>(
        &mut self,
        values: &Map<T>,
        channels: &[usize],
        mut put: impl FnMut(&mut Self, (usize, usize), T),
    ) {
        let pixels = values.height * values.width;
        for (index, value) in values.values.iter().enumerate() {
            put(self, (channels[index / pixels], index % pixels), *value);
        }
    }

    /// Everything of the task's surfaces that was not put down may hold anything.
    pub fn free_surfaces(&mut self, task: &Executed, format: Format, channels: usize, pixels: usize) {
        let surfaces = (channels * format.bytes()).div_ceil(format.atom());
        let stride = task.get(0x4024) as usize;
        self.free
            .extend((0..surfaces).map(|surface| surface * stride..surface * stride + pixels * format.atom()));
    }
}
