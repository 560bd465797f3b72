//! Plans sums, scale changes, table functions and fp16 to fp32: tasks of DPU and DPU_RDMA alone (sheet §2.6, appendix B.4, B.5).
//!
//! Such a task does not care where a pixel lies in its row. A map whose pixels do not fill whole groups of four is
//! therefore one row of all its pixels, padding included, which leaves no gap between surfaces; large maps are chunks of
//! such a row.

use alloc::format;
use alloc::sync::Arc;

use npu_device::layout::features;
use npu_device::{
    Activation, ActivationTable, Add, AddFp16, BufferRange, Dequantize, DeviceError, FeatureMap, OutputConversion,
    Precision, Requantize, Rescale,
};

use super::Planner;
use crate::task::{Lookup, Operand, PointWise, PointWiseTask, TableTask, Work};

/// Widest and highest cube: 13 bits, in whole groups of four pixels (sheet §4.5).
const MAX_SIDE: usize = 8188;
/// Pixels of a row where the vendor's programs turn fp16 into fp32 (appendix B.5).
const WIDENED_PIXELS: usize = 8176;
/// Most channels, the same 13 bits.
const MAX_CHANNELS: u32 = 8192;
/// Largest distance of table entries: keeps the tables' reach inside int32.
const MAX_STEP_SHIFT: u8 = 16;
/// Largest shift of the two scale stages (6 bits).
const MAX_SHIFT: u8 = 63;

/// A map at device addresses, input and output of one layout.
struct Map {
    /// Pixels from surface to surface.
    pixels: usize,
    width: usize,
    height: usize,
    /// Whole surfaces.
    channels: usize,
    input: u32,
    output: u32,
    bytes: u64,
}

pub(super) fn check_conversion(conversion: &OutputConversion) -> Result<(), DeviceError> {
    if conversion.shift > MAX_SHIFT {
        return Err(DeviceError::Invalid(format!(
            "conversion: shift {} is more than {MAX_SHIFT}",
            conversion.shift
        )));
    }
    Ok(())
}

/// The tables' place in a task, checked.
pub(super) fn lookup(rescale: &Rescale, table: &ActivationTable) -> Result<Lookup, DeviceError> {
    check_rescale("rescale", rescale, true)?;
    let step_shift = table.step_shift;
    if step_shift > MAX_STEP_SHIFT {
        return Err(DeviceError::Invalid(format!(
            "table: step shift {step_shift} is more than {MAX_STEP_SHIFT}"
        )));
    }
    Ok(Lookup {
        rescale: *rescale,
        step_shift,
    })
}

pub(super) fn check_rescale(what: &str, rescale: &Rescale, signed: bool) -> Result<(), DeviceError> {
    if rescale.shift > MAX_SHIFT {
        return Err(DeviceError::Invalid(format!(
            "{what}: shift {} is more than {MAX_SHIFT}",
            rescale.shift
        )));
    }
    if !signed && rescale.multiplier < 0 {
        return Err(DeviceError::Invalid(format!(
            "{what}: multiplier {} is negative",
            rescale.multiplier
        )));
    }
    Ok(())
}

/// A map's sizes, checked.
struct Shape {
    width: usize,
    height: usize,
    /// Whole surfaces.
    channels: usize,
    bytes: u64,
}

fn shape(map: &FeatureMap, precision: Precision) -> Result<Shape, DeviceError> {
    let &FeatureMap {
        width,
        height,
        channels,
        ..
    } = map;
    let sides = [width, height].iter().all(|&side| (1..=1 << 14).contains(&side));
    if !sides || channels == 0 || channels > MAX_CHANNELS {
        return Err(DeviceError::Invalid(format!(
            "map of {width} x {height} x {channels}: 1 to 16384 pixels a side and 1 to {MAX_CHANNELS} channels"
        )));
    }
    let (width, height) = (width as usize, height as usize);
    let surface = precision.surface_channels() as usize;
    let channels = (channels as usize).next_multiple_of(surface);
    let bytes = features::bytes(precision, width, height, channels, surface) as u64;
    Ok(Shape {
        width,
        height,
        channels,
        bytes,
    })
}

impl Planner<'_> {
    pub(crate) fn add(&mut self, operation: &Add) -> Result<(), DeviceError> {
        check_rescale("first operand", &operation.a_rescale, true)?;
        check_rescale("second operand", &operation.b_rescale, false)?;
        let map = self.map(&operation.a, operation.output, Precision::Int8)?;
        let operand = Operand {
            address: self.second(&map, operation.b)?,
            rescale: operation.b_rescale,
            relu: operation.relu,
        };
        let what = PointWise::Add {
            a: operation.a_rescale,
            operand,
        };
        self.tasks_of(&map, what, &operation.conversion)
    }

    pub(crate) fn add_fp16(&mut self, operation: &AddFp16) -> Result<(), DeviceError> {
        let map = self.map(&operation.a, operation.output, Precision::Fp16)?;
        let operand = Operand {
            address: self.second(&map, operation.b)?,
            rescale: Rescale::IDENTITY,
            relu: operation.relu,
        };
        self.tasks_of(&map, PointWise::AddFp16(operand), &OutputConversion::IDENTITY)
    }

    /// Rows of pixels, one after the other and without those that only fill a surface up: the output has no room for them.
    pub(crate) fn dequantize(&mut self, operation: &Dequantize) -> Result<(), DeviceError> {
        let Shape {
            width,
            height,
            channels,
            bytes,
        } = shape(&operation.input, Precision::Fp16)?;
        let pixels = width * height;
        let input = self.address(operation.input.at, bytes, "input")?;
        let out_bytes = (channels * pixels * 4) as u64;
        let output = self.address(operation.output, out_bytes, "output")?;
        self.refuse_overlap((output, out_bytes), &[(input, bytes)], "output")?;
        let what = PointWise::Dequantize {
            offset: operation.offset,
            multiplier: operation.multiplier,
        };
        self.reserve(pixels.div_ceil(WIDENED_PIXELS))?;
        for first in (0..pixels).step_by(WIDENED_PIXELS) {
            self.push(Work::PointWise(PointWiseTask {
                width: WIDENED_PIXELS.min(pixels - first),
                height: 1,
                channels,
                input: input + (first * 8) as u32,
                output: output + (first * 16) as u32,
                surface_bytes: features::surface_pixels(width, height) * 8,
                out_surface_bytes: pixels * 16,
                what,
                conversion: OutputConversion::IDENTITY,
            }));
        }
        Ok(())
    }

    pub(crate) fn requantize(&mut self, operation: &Requantize) -> Result<(), DeviceError> {
        check_rescale("rescale", &operation.rescale, true)?;
        let map = self.map(&operation.input, operation.output, Precision::Int8)?;
        self.tasks_of(&map, PointWise::Requantize(operation.rescale), &operation.conversion)
    }

    pub(crate) fn activation(&mut self, operation: &Activation) -> Result<(), DeviceError> {
        let lookup = lookup(&operation.rescale, &operation.table)?;
        let map = self.map(&operation.input, operation.output, Precision::Int8)?;
        self.load_tables(&operation.table)?;
        self.tasks_of(&map, PointWise::Table(lookup), &operation.conversion)
    }

    /// Pushes the tasks that load both tables.
    pub(super) fn load_tables(&mut self, table: &Arc<ActivationTable>) -> Result<(), DeviceError> {
        self.reserve(2)?;
        for upper in [false, true] {
            let table = Arc::clone(table);
            self.push(Work::Table(TableTask { table, upper }));
        }
        Ok(())
    }

    /// Address of a second operand, laid out as the map is.
    fn second(&self, map: &Map, at: BufferRange) -> Result<u32, DeviceError> {
        let address = self.address(at, map.bytes, "second operand")?;
        self.refuse_overlap((map.output, map.bytes), &[(address, map.bytes)], "output")?;
        Ok(address)
    }

    fn map(&self, input: &FeatureMap, output: BufferRange, precision: Precision) -> Result<Map, DeviceError> {
        let Shape {
            width,
            height,
            channels,
            bytes,
        } = shape(input, precision)?;
        let map = Map {
            pixels: features::surface_pixels(width, height),
            width,
            height,
            channels,
            input: self.address(input.at, bytes, "input")?,
            output: self.address(output, bytes, "output")?,
            bytes,
        };
        self.refuse_overlap((map.output, bytes), &[(map.input, bytes)], "output")?;
        Ok(map)
    }

    fn tasks_of(&mut self, map: &Map, what: PointWise, conversion: &OutputConversion) -> Result<(), DeviceError> {
        check_conversion(conversion)?;
        let task = |width: usize, height: usize, first_pixel: usize| {
            let offset = (first_pixel * 8) as u32;
            Work::PointWise(PointWiseTask {
                width,
                height,
                channels: map.channels,
                input: map.input + offset,
                output: map.output + offset,
                surface_bytes: map.pixels * 8,
                out_surface_bytes: map.pixels * 8,
                what: what.further(offset),
                conversion: *conversion,
            })
        };
        if (map.width * map.height).is_multiple_of(4) && map.width.max(map.height) <= MAX_SIDE {
            self.reserve(1)?;
            self.push(task(map.width, map.height, 0));
            return Ok(());
        }
        self.reserve(map.pixels.div_ceil(MAX_SIDE))?;
        for first in (0..map.pixels).step_by(MAX_SIDE) {
            self.push(task(MAX_SIDE.min(map.pixels - first), 1, first));
        }
        Ok(())
    }
}
