//! CNA registers of a matrix-product task: what to load and how the banks are shared (sheet §4.4).

use npu_regs::{Bits, cna, task};

use crate::plan::TaskPlan;
use crate::program::TaskValues;

/// Sets them.
pub(crate) fn set(values: &mut TaskValues, plan: &TaskPlan) {
    let (width, height) = (plan.rows as u32, 1);
    let (k, n) = (plan.k as u32, plan.n as u32);
    // KH + stride * (1 + floor(16 / Wout)), §9.3.
    let grains = 1 + (1 + 16 / width);
    values.set(Bits::new().with(cna::CONV_CON2::FEATURE_GRAINS, grains));
    values.set(
        Bits::new()
            .with(cna::CONV_CON3::CONV_Y_STRIDE, 1)
            .with(cna::CONV_CON3::CONV_X_STRIDE, 1),
    );
    size(values, width, height, k);
    values.set(Bits::new().with(cna::WEIGHT_SIZE0::WEIGHT_BYTES, n.wrapping_mul(k)));
    values.set(Bits::new().with(cna::WEIGHT_SIZE1::WEIGHT_BYTES_PER_KERNEL, k));
    let kernels = Bits::new().with(cna::WEIGHT_SIZE2::WEIGHT_KERNELS, n);
    let kernels = kernels
        .with(cna::WEIGHT_SIZE2::WEIGHT_WIDTH, 1)
        .with(cna::WEIGHT_SIZE2::WEIGHT_HEIGHT, 1);
    values.set(kernels);
    let banks = Bits::new().with(cna::CBUF_CON0::DATA_BANK, plan.data_banks as u32);
    let banks = banks.with(cna::CBUF_CON0::WEIGHT_BANK, plan.weight_banks as u32);
    let banks = banks.with(cna::CBUF_CON0::DATA_REUSE, u32::from(plan.data_reuse));
    values.set(banks.with(cna::CBUF_CON0::WEIGHT_REUSE, u32::from(plan.weight_reuse)));
    let entries = (width * (k / 8)).div_ceil(4);
    values.set(
        Bits::new()
            .with(cna::CBUF_CON1::WIDTH, width)
            .with(cna::CBUF_CON1::DATA_ENTRIES, entries),
    );
    values.set(
        Bits::<cna::CVT_CON0>::new()
            .with(cna::CVT_CON0::DATA_SIGN, 1)
            .with(cna::CVT_CON0::CVT_TYPE, 1),
    );
    values.set(Bits::new().with(cna::CVT_CON1::CVT_SCALE0, 1));
    values.set(Bits::new().with(cna::CVT_CON2::CVT_SCALE1, 1));
    values.set(Bits::new().with(cna::CVT_CON3::CVT_SCALE2, 1));
    values.set(Bits::new().with(cna::CVT_CON4::CVT_SCALE3, 1));
    values.set(Bits::<cna::DMA_CON0>::raw(task::DMA_CON0_VALUE));
    values.set(Bits::new().with(cna::DMA_CON1::LINE_STRIDE, width));
    values.set(Bits::new().with(cna::DMA_CON2::SURF_STRIDE, plan.a_pitch as u32));
    values.set(Bits::<cna::FEATURE_DATA_ADDR>::raw(plan.a));
    values.set(Bits::<cna::DCOMP_ADDR0>::raw(plan.b));
}

fn size(values: &mut TaskValues, width: u32, height: u32, channels: u32) {
    let input = Bits::new().with(cna::DATA_SIZE0::DATAIN_WIDTH, width);
    values.set(input.with(cna::DATA_SIZE0::DATAIN_HEIGHT, height));
    let real = Bits::new().with(cna::DATA_SIZE1::DATAIN_CHANNEL_REAL, channels - 1);
    values.set(real.with(cna::DATA_SIZE1::DATAIN_CHANNEL, channels));
    values.set(Bits::new().with(cna::DATA_SIZE2::DATAOUT_WIDTH, width));
    values.set(Bits::new().with(cna::DATA_SIZE3::DATAOUT_ATOMICS, width * height));
    let loaded = Bits::new().with(cna::FC_DATA_SIZE0::DMA_WIDTH, width);
    values.set(loaded.with(cna::FC_DATA_SIZE0::DMA_HEIGHT, height));
    values.set(Bits::new().with(cna::FC_DATA_SIZE1::DMA_CHANNEL, channels));
}
