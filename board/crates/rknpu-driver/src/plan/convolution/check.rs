//! What a convolution may ask for (sheet §4.5, errata 15 and 28), before anything is planned.

use alloc::format;

use npu_device::{Convolution, ConvolutionKind, ConvolutionResult, DeviceError, Precision};

use super::MAX_SIDE;
use crate::plan::point_wise::{check_conversion, check_rescale};

/// Largest kernel side, dense and depthwise; stride, padding, dilation (sheet §4.5).
const MAX_KERNEL: u32 = 31;
const MAX_DEPTHWISE_KERNEL: u32 = 8;
const MAX_STRIDE: u32 = 7;
const MAX_PADDING: u32 = 15;
const MAX_DILATION: u32 = 31;
/// Most channels: the output's field has 13 bits, and the packed operands stay below 4 GiB.
const MAX_CHANNELS: u32 = 8192;
/// Most rows of a map: keeps every size below 2^31.
pub(super) const MAX_MAP_ROWS: u32 = 8192;
/// Most products of one sum that cannot leave int32 (sheet §2.5).
const MAX_PRODUCTS: u64 = 131_071;

fn within(what: &str, value: u32, least: u32, most: u32) -> Result<(), DeviceError> {
    if (least..=most).contains(&value) {
        Ok(())
    } else {
        Err(DeviceError::Invalid(format!("{what} = {value}: {least} to {most}")))
    }
}

/// Refuses what breaks a limit, by name.
pub(super) fn check(operation: &Convolution) -> Result<(), DeviceError> {
    let Convolution {
        precision,
        kind,
        input,
        window,
        ..
    } = operation;
    let most_kernel = if *kind == ConvolutionKind::Depthwise {
        MAX_DEPTHWISE_KERNEL
    } else {
        MAX_KERNEL
    };
    within("input width", input.width, 1, MAX_SIDE as u32)?;
    within("input height", input.height, 1, MAX_MAP_ROWS)?;
    within("input channels", input.channels, 1, MAX_CHANNELS)?;
    within("output channels", operation.output_channels, 1, MAX_CHANNELS)?;
    within("kernel width", window.kernel_width, 1, most_kernel)?;
    within("kernel height", window.kernel_height, 1, most_kernel)?;
    within("horizontal stride", window.stride_x, 1, MAX_STRIDE)?;
    within("vertical stride", window.stride_y, 1, MAX_STRIDE)?;
    within("horizontal dilation", window.dilation_x, 1, MAX_DILATION)?;
    within("vertical dilation", window.dilation_y, 1, MAX_DILATION)?;
    // A window that sees padding only has no rows to load.
    let (extent_x, extent_y) = window.extent().unwrap_or((1, 1));
    within("left padding", window.pad_left, 0, MAX_PADDING.min(extent_x - 1))?;
    within("right padding", window.pad_right, 0, MAX_PADDING.min(extent_x - 1))?;
    within("top padding", window.pad_top, 0, MAX_PADDING.min(extent_y - 1))?;
    within("bottom padding", window.pad_bottom, 0, MAX_PADDING.min(extent_y - 1))?;
    match (precision, i8::try_from(operation.pad_value)) {
        (Precision::Int8, Ok(_)) | (Precision::Fp16, _) => {}
        (Precision::Int8, Err(_)) => {
            return Err(DeviceError::Invalid(format!(
                "pad value {}: an int8",
                operation.pad_value
            )));
        }
    }
    let channels = if *kind == ConvolutionKind::Depthwise {
        1
    } else {
        u64::from(input.channels)
    };
    let products = channels * u64::from(window.kernel_width * window.kernel_height);
    if products > MAX_PRODUCTS {
        return Err(DeviceError::Unsupported(format!(
            "{products} products a sum: more than {MAX_PRODUCTS} can leave int32"
        )));
    }
    match kind {
        ConvolutionKind::Depthwise if operation.output_channels != input.channels => {
            return Err(DeviceError::Invalid(format!(
                "output channels = {}: a depthwise convolution has the input's {}",
                operation.output_channels, input.channels
            )));
        }
        ConvolutionKind::FirstLayer { .. } => {
            within("channels of a first layer", input.channels, 1, 4)?;
            // It announces whole groups of four pixels (appendix B.3).
            within("width of a first layer", input.width, 1, MAX_SIDE as u32 / 4 * 4)?;
        }
        ConvolutionKind::Depthwise | ConvolutionKind::Dense => {}
    }
    match (precision, &operation.result) {
        (Precision::Int8, ConvolutionResult::Fp16 { .. })
        | (Precision::Fp16, ConvolutionResult::Int8 { .. } | ConvolutionResult::Fp16OfInt8 { .. }) => {
            return Err(DeviceError::Unsupported(
                "int8 sums become int8, fp16 (Fp16OfInt8) or int32; fp16 sums fp16 (Fp16) or fp32".into(),
            ));
        }
        (_, ConvolutionResult::Int8 { output, .. } | ConvolutionResult::Fp16OfInt8 { output, .. }) => {
            check_conversion(output)?;
        }
        _ => {}
    }
    if let ConvolutionResult::Int8 {
        residual: Some(residual),
        ..
    } = &operation.result
    {
        check_rescale("residual", &residual.rescale, false)?;
    }
    match kind {
        ConvolutionKind::FirstLayer { unsigned: true } if *precision == Precision::Fp16 => {
            Err(DeviceError::Invalid("unsigned pixels are int8".into()))
        }
        ConvolutionKind::Depthwise | ConvolutionKind::FirstLayer { .. } if operation.result.residual().is_some() => {
            Err(DeviceError::Unsupported(
                "a residual is added to dense convolutions only (erratum 28); add it in an operation of its own".into(),
            ))
        }
        _ => Ok(()),
    }
}
