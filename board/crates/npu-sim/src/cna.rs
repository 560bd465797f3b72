//! What the CNA registers of a task say, checked. Knows dense int8 1x1 convolutions; refuses the rest by name.

use npu_regs::{Block, Register, cna, task};

use crate::cbuf::{self, Banks};
use crate::fault::FaultKind;
use crate::file::{View, broken};
use crate::rules;
use crate::tile::{Cube, Precision};

/// The loader's side of a convolution task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Convolution {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) channels: usize,
    pub(crate) kernels: usize,
    pub(crate) feature_address: u32,
    /// Pixels between rows.
    pub(crate) line_stride: usize,
    /// Pixels between surfaces.
    pub(crate) surface_stride: usize,
    pub(crate) weight_address: u32,
    pub(crate) banks: Banks,
    pub(crate) data_reuse: bool,
    pub(crate) weight_reuse: bool,
    /// Rows that must be resident before the array starts.
    pub(crate) grains: usize,
    /// What comes out.
    pub(crate) cube: Cube,
}

impl Convolution {
    pub(crate) const fn pixels(&self) -> usize {
        self.width * self.height
    }

    pub(crate) fn decode(view: &View<'_>, dma_base: u32) -> Result<Self, FaultKind> {
        mode(view)?;
        let (width, height, channels) = input(view)?;
        output(view, width, height)?;
        let kernels = weights(view, channels)?;
        let line_stride = view.held(cna::DMA_CON1::LINE_STRIDE, |v| v as usize >= width, rules::LINE_STRIDE)? as usize;
        let rows_apart = line_stride * (height - 1) + width;
        let surface = |v: u32| v.is_multiple_of(4) && v as usize >= rows_apart;
        let surface_stride = view.held(cna::DMA_CON2::SURF_STRIDE, surface, rules::SURFACE_STRIDE)? as usize;
        view.whole::<cna::DMA_CON0>(task::DMA_CON0_VALUE, rules::DMA_CON0.text)?;
        let grains = view.held(cna::CONV_CON2::FEATURE_GRAINS, |v| v > 0, rules::GRAINS)? as usize;
        let banks = banks(view, width, height, channels, kernels)?;
        Ok(Self {
            width,
            height,
            channels,
            kernels,
            feature_address: view.raw::<cna::FEATURE_DATA_ADDR>().wrapping_add(dma_base),
            line_stride,
            surface_stride,
            weight_address: view.raw::<cna::DCOMP_ADDR0>().wrapping_add(dma_base),
            banks,
            data_reuse: view.get(cna::CBUF_CON0::DATA_REUSE) == 1,
            weight_reuse: view.get(cna::CBUF_CON0::WEIGHT_REUSE) == 1,
            grains,
            cube: Cube {
                width,
                height,
                channels: kernels,
                real_channels: kernels,
                precision: Precision::Int8,
                depthwise: false,
                sums: view.get(npu_regs::cmac::MISC_CFG::QD_EN) == 1,
            },
        })
    }
}

fn mode(view: &View<'_>) -> Result<(), FaultKind> {
    use cna::{CONV_CON1, CONV_CON2, CONV_CON3, CVT_CON0};
    view.only(CONV_CON1::CONV_MODE, 0, "dense convolution (0)")?;
    view.only(CONV_CON1::IN_PRECISION, 0, "int8 (0)")?;
    view.only(CONV_CON1::PROC_PRECISION, 0, "int8 (0)")?;
    view.only(CONV_CON1::ARGB_IN, 0, "surfaces (0), no first layer")?;
    view.only(CONV_CON1::DECONV, 0, "no transposed convolution (0)")?;
    view.only(CONV_CON1::GROUP_LINE_OFF, 0, "0, as in every vendor task")?;
    view.only(CONV_CON1::NONALIGN_DMA, 0, "0, as in every vendor task")?;
    view.only(CONV_CON2::CMD_FIFO_SRST, 0, "0")?;
    view.only(CONV_CON2::CSC_DO_EN, 0, "0")?;
    view.only(CONV_CON2::CSC_WO_EN, 0, "0")?;
    view.whole::<CONV_CON3>(0x09, "stride 1 x 1 without dilation (0x9)")?;
    view.only(CVT_CON0::CVT_EN, 0, "input converter off (0)")?;
    view.only(cna::CBUF_CON0::FC_DATA_BANK, 0, "0, no fully-connected mode")?;
    view.zero(Block::Cna, &[0x1018, 0x1060, 0x1064, 0x1068, 0x1074, 0x1100, 0x1104])?;
    view.zero(Block::Cna, &[0x1114, 0x1118, 0x111C, 0x1120, 0x1124, 0x1128, 0x112C])?;
    view.zero(
        Block::Cna,
        &[0x1130, 0x1134, 0x1138, 0x113C, 0x1140, 0x1144, 0x1148, 0x114C],
    )?;
    view.zero(
        Block::Cna,
        &[0x1210, 0x1214, 0x1218, 0x121C, 0x1220, 0x1224, 0x1228, 0x122C, 0x1230],
    )
}

fn input(view: &View<'_>) -> Result<(usize, usize, usize), FaultKind> {
    use cna::{DATA_SIZE0, DATA_SIZE1, FC_DATA_SIZE0, FC_DATA_SIZE1};
    let width = view.held(DATA_SIZE0::DATAIN_WIDTH, |v| v > 0, rules::WIDTH_WRAP)?;
    let height = view.held(DATA_SIZE0::DATAIN_HEIGHT, |v| v > 0, rules::WIDTH_WRAP)?;
    let channels = view.held(
        DATA_SIZE1::DATAIN_CHANNEL,
        |v| v > 0 && v.is_multiple_of(8),
        rules::CHANNELS,
    )?;
    view.held(DATA_SIZE1::DATAIN_CHANNEL_REAL, |v| v + 1 == channels, rules::CHANNELS)?;
    if !channels.is_multiple_of(32) {
        let modelled = "multiples of 32 channels";
        return Err(crate::file::not_modelled(
            DATA_SIZE1::INFO,
            "DATAIN_CHANNEL",
            channels,
            modelled,
        ));
    }
    view.held(FC_DATA_SIZE0::DMA_WIDTH, |v| v == width, rules::SAME_BAND)?;
    view.held(FC_DATA_SIZE0::DMA_HEIGHT, |v| v == height, rules::SAME_BAND)?;
    view.held(FC_DATA_SIZE1::DMA_CHANNEL, |v| v == channels, rules::SAME_BAND)?;
    Ok((width as usize, height as usize, channels as usize))
}

fn output(view: &View<'_>, width: usize, height: usize) -> Result<(), FaultKind> {
    view.held(
        cna::DATA_SIZE2::DATAOUT_WIDTH,
        |v| v as usize == width,
        rules::OUTPUT_SIZE,
    )?;
    view.held(
        cna::DATA_SIZE3::DATAOUT_ATOMICS,
        |v| v as usize == width * height,
        rules::OUTPUT_SIZE,
    )?;
    view.only(cna::DATA_SIZE3::SURF_MODE, 0, "surface mode 0")
}

fn weights(view: &View<'_>, channels: usize) -> Result<usize, FaultKind> {
    use cna::{WEIGHT_SIZE0, WEIGHT_SIZE1, WEIGHT_SIZE2};
    view.only(WEIGHT_SIZE2::WEIGHT_WIDTH, 1, "1x1 kernels")?;
    view.only(WEIGHT_SIZE2::WEIGHT_HEIGHT, 1, "1x1 kernels")?;
    let kernels = view.get(WEIGHT_SIZE2::WEIGHT_KERNELS);
    if kernels == 0 || !kernels.is_multiple_of(16) {
        let modelled = "multiples of 16 kernels";
        return Err(crate::file::not_modelled(
            WEIGHT_SIZE2::INFO,
            "WEIGHT_KERNELS",
            kernels,
            modelled,
        ));
    }
    let each = WEIGHT_SIZE1::WEIGHT_BYTES_PER_KERNEL;
    let each = view.held(each, |v| v as usize == channels, rules::KERNEL_BYTES)?;
    let product = u64::from(each) * u64::from(kernels);
    view.held(
        WEIGHT_SIZE0::WEIGHT_BYTES,
        |v| u64::from(v) == product,
        rules::WEIGHT_BYTES,
    )?;
    Ok(kernels as usize)
}

fn banks(view: &View<'_>, width: usize, height: usize, channels: usize, kernels: usize) -> Result<Banks, FaultKind> {
    use cna::{CBUF_CON0, CBUF_CON1};
    let data = view.get(CBUF_CON0::DATA_BANK) as usize;
    let weight = view.held(
        CBUF_CON0::WEIGHT_BANK,
        |v| v > 0 && data > 0 && v as usize + data == cbuf::BANKS,
        rules::BANK_SUM,
    )?;
    let expected = cbuf::entries_per_row(width, channels);
    view.held(CBUF_CON1::DATA_ENTRIES, |v| v as usize == expected, rules::ENTRIES)?;
    if expected * height > data * cbuf::ENTRIES_PER_BANK {
        return Err(broken(CBUF_CON0::INFO, "DATA_BANK", data as u32, rules::CBUF_WRAP));
    }
    if kernels.min(16) * channels > weight as usize * cbuf::BANK_BYTES {
        return Err(broken(CBUF_CON0::INFO, "WEIGHT_BANK", weight, rules::KERNEL_GROUP));
    }
    Ok(Banks {
        data,
        weight: weight as usize,
    })
}
