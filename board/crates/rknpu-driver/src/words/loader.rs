//! CNA registers of a convolution task: what to load, how the window moves, how the banks are shared (sheet §2.4, §4).

use npu_device::Precision;
use npu_regs::{Bits, cna, task};

use super::program::TaskValues;
use crate::task::{ConvolutionTask, Source};

/// Code of fp16 in every precision field.
pub(super) const FP16: u32 = 2;
/// Code of depthwise in every mode field.
pub(super) const DEPTHWISE: u32 = 3;

/// Buffer entries of one row: four 8-byte atoms an entry, one atom a pixel and surface (§9.2).
pub(crate) const fn entries_per_row(width: usize, surfaces: usize) -> usize {
    (width * surfaces).div_ceil(4)
}

/// Sets them.
pub(super) fn set(values: &mut TaskValues, plan: &ConvolutionTask) {
    mode(values, plan);
    window(values, plan);
    input(values, plan);
    weights(values, plan);
    buffer(values, plan);
    converter(values, plan);
    values.set(Bits::<cna::DMA_CON0>::raw(task::DMA_CON0_VALUE));
    values.set(Bits::new().with(cna::DMA_CON1::LINE_STRIDE, plan.line_stride as u32));
    values.set(Bits::new().with(cna::DMA_CON2::SURF_STRIDE, plan.surface_stride as u32));
    values.set(Bits::<cna::FEATURE_DATA_ADDR>::raw(plan.features));
    values.set(Bits::<cna::DCOMP_ADDR0>::raw(plan.weights));
}

fn mode(values: &mut TaskValues, plan: &ConvolutionTask) {
    use cna::CONV_CON1;
    let precision = match plan.precision {
        Precision::Int8 => 0,
        Precision::Fp16 => FP16,
    };
    let mode = Bits::new().with(CONV_CON1::PROC_PRECISION, precision);
    let mode = mode.with(CONV_CON1::IN_PRECISION, precision);
    values.set(match plan.source {
        Source::Dense => mode,
        Source::Depthwise => mode.with(CONV_CON1::CONV_MODE, DEPTHWISE),
        // 8 to 11 are one to four channels.
        Source::Interleaved { .. } => mode.with(CONV_CON1::ARGB_IN, 7 + plan.real_channels as u32),
    });
    // Known for three channels only; 0 elsewhere (§2.3).
    let three = matches!(plan.source, Source::Interleaved { .. }) && plan.real_channels == 3;
    let bytes = if three { (plan.width * plan.rows * 9) as u32 } else { 0 };
    values.set(Bits::<cna::CONV_CON4>::raw(bytes));
}

fn window(values: &mut TaskValues, plan: &ConvolutionTask) {
    use cna::{CONV_CON3, PAD_CON0};
    let window = &plan.window;
    let extent_y = (window.kernel_height - 1) * window.dilation_y + 1;
    // KH + stride · (1 + ⌊16 / Wout⌋), §9.3; with dilation the rows that KH taps span.
    let grains = extent_y + window.stride_y * (1 + 16 / plan.out_width as u32);
    values.set(Bits::new().with(cna::CONV_CON2::FEATURE_GRAINS, grains));
    let steps = Bits::new()
        .with(CONV_CON3::CONV_Y_STRIDE, window.stride_y)
        .with(CONV_CON3::CONV_X_STRIDE, window.stride_x);
    // The fields hold the pixels between two taps: 0 = none (§2.4).
    let steps = steps.with(CONV_CON3::ATROUS_Y_DILATION, window.dilation_y - 1);
    values.set(steps.with(CONV_CON3::ATROUS_X_DILATION, window.dilation_x - 1));
    let padding = Bits::new().with(PAD_CON0::PAD_VALUE, u32::from(plan.pad_value as u16));
    let padding = padding.with(PAD_CON0::PAD_LEFT, window.pad_left);
    values.set(padding.with(PAD_CON0::PAD_TOP, window.pad_top));
}

fn input(values: &mut TaskValues, plan: &ConvolutionTask) {
    let (width, height, channels) = (plan.width as u32, plan.rows as u32, plan.channels as u32);
    let input = Bits::new().with(cna::DATA_SIZE0::DATAIN_WIDTH, width);
    values.set(input.with(cna::DATA_SIZE0::DATAIN_HEIGHT, height));
    let real = Bits::new().with(cna::DATA_SIZE1::DATAIN_CHANNEL_REAL, plan.real_channels as u32 - 1);
    values.set(real.with(cna::DATA_SIZE1::DATAIN_CHANNEL, channels));
    values.set(Bits::new().with(cna::DATA_SIZE2::DATAOUT_WIDTH, plan.out_width as u32));
    let atomics = (plan.out_width * plan.out_rows) as u32;
    values.set(Bits::new().with(cna::DATA_SIZE3::DATAOUT_ATOMICS, atomics));
    let loaded = Bits::new().with(cna::FC_DATA_SIZE0::DMA_WIDTH, width);
    values.set(loaded.with(cna::FC_DATA_SIZE0::DMA_HEIGHT, height));
    values.set(Bits::new().with(cna::FC_DATA_SIZE1::DMA_CHANNEL, channels));
}

fn weights(values: &mut TaskValues, plan: &ConvolutionTask) {
    use cna::WEIGHT_SIZE2;
    // All channels of a depthwise group are one kernel to the loader (§4.3).
    let kernels = match plan.source {
        Source::Depthwise => 1,
        Source::Dense | Source::Interleaved { .. } => plan.kernels as u32,
    };
    let each = plan.kernel_bytes as u32;
    values.set(Bits::new().with(cna::WEIGHT_SIZE0::WEIGHT_BYTES, kernels.wrapping_mul(each)));
    values.set(Bits::new().with(cna::WEIGHT_SIZE1::WEIGHT_BYTES_PER_KERNEL, each));
    let size = Bits::new().with(WEIGHT_SIZE2::WEIGHT_KERNELS, kernels);
    let size = size.with(WEIGHT_SIZE2::WEIGHT_WIDTH, plan.window.kernel_width);
    values.set(size.with(WEIGHT_SIZE2::WEIGHT_HEIGHT, plan.window.kernel_height));
}

fn buffer(values: &mut TaskValues, plan: &ConvolutionTask) {
    use cna::{CBUF_CON0, CBUF_CON1};
    let banks = Bits::new().with(CBUF_CON0::DATA_BANK, plan.data_banks as u32);
    let banks = banks.with(CBUF_CON0::WEIGHT_BANK, plan.weight_banks as u32);
    let banks = banks.with(CBUF_CON0::DATA_REUSE, u32::from(plan.data_reuse));
    values.set(banks.with(CBUF_CON0::WEIGHT_REUSE, u32::from(plan.weight_reuse)));
    let surfaces = plan.channels * plan.precision.bytes() as usize / 8;
    // First layers announce whole entries (appendix B.3: 10 pixels, written as 12).
    let width = match plan.source {
        Source::Interleaved { .. } => plan.width.next_multiple_of(4),
        Source::Dense | Source::Depthwise => plan.width,
    };
    let entries = entries_per_row(plan.width, surfaces) as u32;
    let row = Bits::new().with(CBUF_CON1::WIDTH, width as u32);
    values.set(row.with(CBUF_CON1::DATA_ENTRIES, entries));
}

fn converter(values: &mut TaskValues, plan: &ConvolutionTask) {
    use cna::{CVT_CON0, CVT_CON1, CVT_CON2, CVT_CON3, CVT_CON4};
    let converted = match plan.source {
        Source::Interleaved { unsigned: true } => plan.real_channels,
        _ => 0,
    };
    if converted == 0 {
        let off = Bits::<CVT_CON0>::new().with(CVT_CON0::DATA_SIGN, 1);
        values.set(off.with(CVT_CON0::CVT_TYPE, 1));
    } else {
        // Unsigned bytes times 2^14, shifted back by 14, minus 128 (§2.4).
        let shift = |channel: usize| if channel < converted { 14 } else { 0 };
        let on = Bits::<CVT_CON0>::new().with(CVT_CON0::CVT_EN, 1);
        let on = on.with(CVT_CON0::CVT_TRUNCATE_0, shift(0));
        let on = on.with(CVT_CON0::CVT_TRUNCATE_1, shift(1));
        let on = on.with(CVT_CON0::CVT_TRUNCATE_2, shift(2));
        values.set(on.with(CVT_CON0::CVT_TRUNCATE_3, shift(3)));
    }
    let pair = |channel: usize| {
        if channel < converted {
            (1 << 14, (-128i16) as u16)
        } else {
            (1, 0)
        }
    };
    let [(s0, o0), (s1, o1), (s2, o2), (s3, o3)] =
        [0, 1, 2, 3].map(|channel| (pair(channel).0, u32::from(pair(channel).1)));
    values.set(
        Bits::new()
            .with(CVT_CON1::CVT_SCALE0, s0)
            .with(CVT_CON1::CVT_OFFSET0, o0),
    );
    values.set(
        Bits::new()
            .with(CVT_CON2::CVT_SCALE1, s1)
            .with(CVT_CON2::CVT_OFFSET1, o1),
    );
    values.set(
        Bits::new()
            .with(CVT_CON3::CVT_SCALE2, s2)
            .with(CVT_CON3::CVT_OFFSET2, o2),
    );
    values.set(
        Bits::new()
            .with(CVT_CON4::CVT_SCALE3, s3)
            .with(CVT_CON4::CVT_OFFSET3, o3),
    );
}
