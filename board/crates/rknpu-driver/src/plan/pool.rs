//! Plans pooling: one task of PPU and PPU_RDMA (sheet §2.9, §4.5).

use alloc::format;

use npu_device::layout::features;
use npu_device::{DeviceError, Pool, Precision};

use super::Planner;
use crate::task::{PoolTask, Work};

/// Largest kernel side, stride and padding; sides and channels have 13 bits (sheet §4.5).
const MAX_KERNEL: u32 = 7;
const MAX_STRIDE: u32 = 8;
const MAX_PADDING: u32 = 7;
const MAX_SIDE: u32 = 8192;

impl Planner<'_> {
    pub(crate) fn pool(&mut self, operation: &Pool) -> Result<(), DeviceError> {
        check(operation)?;
        let (out_width, out_height) = operation
            .output_size()
            .ok_or_else(|| DeviceError::Invalid("window: larger than the padded input".into()))?;
        let Pool { input, window, .. } = operation;
        let precision = operation.precision;
        let (width, height) = (input.width as usize, input.height as usize);
        let (out_width, out_height) = (out_width as usize, out_height as usize);
        let surface = precision.surface_channels() as usize;
        let channels = (input.channels as usize).next_multiple_of(surface);
        let in_bytes = features::bytes(precision, width, height, channels, surface) as u64;
        let out_bytes = features::bytes(precision, out_width, out_height, channels, surface) as u64;
        let task = PoolTask {
            precision,
            method: operation.method,
            width,
            height,
            channels,
            out_width,
            out_height,
            window: *window,
            pad_value: operation.pad_value,
            input: self.address(input.at, in_bytes, "input")?,
            output: self.address(operation.output, out_bytes, "output")?,
        };
        self.refuse_overlap((task.output, out_bytes), &[(task.input, in_bytes)], "output")?;
        self.reserve(1)?;
        self.push(Work::Pool(task));
        Ok(())
    }
}

fn check(operation: &Pool) -> Result<(), DeviceError> {
    let Pool { input, window, .. } = operation;
    let within = |what: &str, value: u32, least: u32, most: u32| {
        if (least..=most).contains(&value) {
            Ok(())
        } else {
            Err(DeviceError::Invalid(format!("{what} = {value}: {least} to {most}")))
        }
    };
    within("input width", input.width, 1, MAX_SIDE)?;
    within("input height", input.height, 1, MAX_SIDE)?;
    within("input channels", input.channels, 1, MAX_SIDE)?;
    within("kernel width", window.kernel_width, 1, MAX_KERNEL)?;
    within("kernel height", window.kernel_height, 1, MAX_KERNEL)?;
    // A stride beyond the kernel hangs the unit (erratum 26).
    let most = |kernel: u32| MAX_STRIDE.min(kernel);
    within("horizontal stride", window.stride_x, 1, most(window.kernel_width))?;
    within("vertical stride", window.stride_y, 1, most(window.kernel_height))?;
    within("horizontal dilation", window.dilation_x, 1, 1)?;
    within("vertical dilation", window.dilation_y, 1, 1)?;
    for (what, pad) in [
        ("left padding", window.pad_left),
        ("right padding", window.pad_right),
        ("top padding", window.pad_top),
        ("bottom padding", window.pad_bottom),
    ] {
        within(what, pad, 0, MAX_PADDING)?;
    }
    let rest = |size: u32, pads: u32, kernel: u32, stride: u32| {
        (size + pads)
            .checked_sub(kernel)
            .is_some_and(|free| free.is_multiple_of(stride))
    };
    let (pads_x, pads_y) = (window.pad_left + window.pad_right, window.pad_top + window.pad_bottom);
    if !rest(input.width, pads_x, window.kernel_width, window.stride_x)
        || !rest(input.height, pads_y, window.kernel_height, window.stride_y)
    {
        return Err(DeviceError::Invalid(
            "window: (input + padding - kernel) must be a multiple of the stride, else the unit starves (sheet §2.9)"
                .into(),
        ));
    }
    let (fits, wanted) = match operation.precision {
        Precision::Int8 => (i8::try_from(operation.pad_value).is_ok(), "an int8"),
        Precision::Fp16 => (
            u16::try_from(operation.pad_value).is_ok(),
            "the 16 bits of an fp16 value",
        ),
    };
    if !fits {
        return Err(DeviceError::Invalid(format!(
            "pad value {}: {wanted}",
            operation.pad_value
        )));
    }
    Ok(())
}
