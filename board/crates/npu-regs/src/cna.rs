//! Feature and weight loader with the convolution buffer and its sequence controller.
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

registers! { Cna at 0x1000:
    /// Mode and precision of the convolution.
    CONV_CON1 = 0x100C, "§2.3 [V]" {
        /// Unaligned loads; never set by the vendor.
        NONALIGN_DMA = 30:30,
        /// Line grouping off; never set by the vendor.
        GROUP_LINE_OFF = 29:29,
        /// Transposed convolution.
        DECONV = 16:16,
        /// First layer: 8 to 11 = 1 to 4 interleaved channels, 0 = surfaces.
        ARGB_IN = 15:12,
        /// Arithmetic: 0 int8, 2 fp16. Bits [10:8], not [9:7] as on RK3588.
        PROC_PRECISION = 10:8,
        /// Input format, same codes.
        IN_PRECISION = 6:4,
        /// 0 dense, 3 depthwise.
        CONV_MODE = 3:0,
    }
    /// Rows that must be loaded before the array starts.
    CONV_CON2 = 0x1010, "§2.4, §9.3 [V]" {
        /// KH + stride y · (1 + ⌊16 / output width⌋).
        FEATURE_GRAINS = 13:4,
        /// Sequence controller loads weights only.
        CSC_WO_EN = 2:2,
        /// Sequence controller loads data only.
        CSC_DO_EN = 1:1,
        /// Resets the command queue.
        CMD_FIFO_SRST = 0:0,
    }
    /// Strides and dilations.
    CONV_CON3 = 0x1014, "§2.4 [V]" {
        /// Network mode; 0.
        NN_MODE = 30:28,
        /// Vertical dilation, 0 = none.
        ATROUS_Y_DILATION = 25:21,
        /// Horizontal dilation, 0 = none.
        ATROUS_X_DILATION = 20:16,
        /// Vertical stride of a transposed convolution.
        DECONV_Y_STRIDE = 13:11,
        /// Horizontal stride of a transposed convolution.
        DECONV_X_STRIDE = 10:8,
        /// Vertical stride.
        CONV_Y_STRIDE = 5:3,
        /// Horizontal stride.
        CONV_X_STRIDE = 2:0,
    }
    /// First-layer byte count; RK3568 only.
    CONV_CON4 = 0x1018, "§2.3 [V]" {
        /// W · band height · 9 for a three-channel first layer, else 0.
        FIRST_LAYER_BYTES = 31:0,
    }
    /// Size of the input band.
    DATA_SIZE0 = 0x1020, "§2.4 [V]" {
        /// Pixels per row, at most 2047.
        DATAIN_WIDTH = 26:16,
        /// Rows, at most 2047.
        DATAIN_HEIGHT = 10:0,
    }
    /// Input channels.
    DATA_SIZE1 = 0x1024, "§2.4 [V]" {
        /// Real channels minus one.
        DATAIN_CHANNEL_REAL = 29:16,
        /// Channels, a multiple of 8 for int8.
        DATAIN_CHANNEL = 15:0,
    }
    /// Output width.
    DATA_SIZE2 = 0x1028, "§2.4 [V]" {
        /// Pixels per output row.
        DATAOUT_WIDTH = 10:0,
    }
    /// Output pixels of the task.
    DATA_SIZE3 = 0x102C, "§2.4 [V]" {
        /// Surface mode; 0.
        SURF_MODE = 23:22,
        /// Output width · output rows of the band.
        DATAOUT_ATOMICS = 21:0,
    }
    /// Weight bytes of the task.
    WEIGHT_SIZE0 = 0x1030, "§2.4, §9.5 [V]" {
        /// Kernels · bytes per kernel, not padded.
        WEIGHT_BYTES = 31:0,
    }
    /// Bytes of one kernel.
    WEIGHT_SIZE1 = 0x1034, "§2.4 [V]" {
        /// KH · KW · channels · element size.
        WEIGHT_BYTES_PER_KERNEL = 18:0,
    }
    /// Kernel shape and count.
    WEIGHT_SIZE2 = 0x1038, "§2.4 [V]" {
        /// Kernel width.
        WEIGHT_WIDTH = 28:24,
        /// Kernel height.
        WEIGHT_HEIGHT = 20:16,
        /// Kernels, the true count.
        WEIGHT_KERNELS = 13:0,
    }
    /// How the eight banks of the convolution buffer are shared.
    CBUF_CON0 = 0x1040, "§2.4, §4.2 [V]" {
        /// The weights of the previous task are still in their banks.
        WEIGHT_REUSE = 13:13,
        /// The features of the previous task are still in their banks.
        DATA_REUSE = 12:12,
        /// Banks in fully-connected mode; 0.
        FC_DATA_BANK = 10:8,
        /// Banks for weights, a count.
        WEIGHT_BANK = 7:4,
        /// Banks for features, a count.
        DATA_BANK = 3:0,
    }
    /// Buffer entries per row.
    CBUF_CON1 = 0x1044, "§2.3, §4.2 [V]" {
        /// Input width.
        WIDTH = 26:16,
        /// 32-byte entries of one row: ⌈W · ⌈C/8⌉ / 4⌉ for int8.
        DATA_ENTRIES = 13:0,
    }
    /// Input converter.
    CVT_CON0 = 0x104C, "§2.4 [V]" {
        /// Right shift of channel 3.
        CVT_TRUNCATE_3 = 27:22,
        /// Right shift of channel 2.
        CVT_TRUNCATE_2 = 21:16,
        /// Right shift of channel 1.
        CVT_TRUNCATE_1 = 15:10,
        /// Right shift of channel 0.
        CVT_TRUNCATE_0 = 9:4,
        /// Signed input.
        DATA_SIGN = 3:3,
        /// Rounding.
        ROUND_TYPE = 2:2,
        /// Order of offset and scale.
        CVT_TYPE = 1:1,
        /// 1 = converter on; RK3588 has the opposite polarity.
        CVT_EN = 0:0,
    }
    /// Converter of channel 0.
    CVT_CON1 = 0x1050, "§2.4 [V]" {
        /// Multiplier.
        CVT_SCALE0 = 31:16,
        /// Offset, signed.
        CVT_OFFSET0 = 15:0,
    }
    /// Converter of channel 1.
    CVT_CON2 = 0x1054, "§2.4 [V]" {
        /// Multiplier.
        CVT_SCALE1 = 31:16,
        /// Offset, signed.
        CVT_OFFSET1 = 15:0,
    }
    /// Converter of channel 2.
    CVT_CON3 = 0x1058, "§2.4 [V]" {
        /// Multiplier.
        CVT_SCALE2 = 31:16,
        /// Offset, signed.
        CVT_OFFSET2 = 15:0,
    }
    /// Converter of channel 3.
    CVT_CON4 = 0x105C, "§2.4 [V]" {
        /// Multiplier.
        CVT_SCALE3 = 31:16,
        /// Offset, signed.
        CVT_OFFSET3 = 15:0,
    }
    /// Zero skipping of fully-connected layers; avoided.
    FC_CON0 = 0x1060, "appendix A, C.9" {
        /// Value to skip.
        FC_SKIP_DATA = 31:16,
        /// Skip.
        FC_SKIP_EN = 0:0,
    }
    /// Feature offset of fully-connected layers.
    FC_CON1 = 0x1064, "appendix A" {
        /// Offset.
        DATA_OFFSET = 16:0,
    }
    /// Padding; the value sits here on RK3568.
    PAD_CON0 = 0x1068, "§2.3 [V]" {
        /// Pad value, signed.
        PAD_VALUE = 31:16,
        /// Columns.
        PAD_LEFT = 7:4,
        /// Rows.
        PAD_TOP = 3:0,
    }
    /// Device address of the band's first pixel.
    FEATURE_DATA_ADDR = 0x1070, "§2.4 [V]" {
        /// Address.
        FEATURE_BASE_ADDR = 31:0,
    }
    /// Weight offset of fully-connected layers.
    FC_CON2 = 0x1074, "appendix A" {
        /// Offset.
        WEIGHT_OFFSET = 16:0,
    }
    /// Bursts of the loaders; 0x00171C07 in all 203 decoded tasks.
    DMA_CON0 = 0x1078, "§2.3, §9.4 [V]" {
        /// Bypass of the 4 KiB rule.
        OV4K_BYPASS = 31:31,
        /// Set; clearing it breaks fetches.
        BIT_20 = 20:20,
        /// Weight burst; 7.
        WEIGHT_BURST_LEN = 19:16,
        /// 0x1C0 in every task.
        BITS_15_4 = 15:4,
        /// Feature burst; 7.
        DATA_BURST_LEN = 3:0,
    }
    /// Line pitch of the feature map.
    DMA_CON1 = 0x107C, "§2.3, §4.1 [V]" {
        /// Pixels per full row, 8-byte units.
        LINE_STRIDE = 27:0,
    }
    /// Surface pitch of the feature map.
    DMA_CON2 = 0x1080, "§2.3, erratum 11 [V]" {
        /// Full pixels rounded up to 4, 8-byte units.
        SURF_STRIDE = 27:0,
    }
    /// Size of the loaded band, as `DATA_SIZE0`.
    FC_DATA_SIZE0 = 0x1084, "§2.4 [V]" {
        /// Pixels per row.
        DMA_WIDTH = 29:16,
        /// Rows.
        DMA_HEIGHT = 10:0,
    }
    /// Channels of the loaded band.
    FC_DATA_SIZE1 = 0x1088, "§2.4 [V]" {
        /// Channels.
        DMA_CHANNEL = 15:0,
    }
    /// Clock gates of the loaders and the sequence controller; 1 keeps a clock running.
    CLK_GATE = 0x1090, "appendix A" {
        /// Buffer selection.
        CBUF_CS_DISABLE_CLKGATE = 4:4,
        /// Sequence controller.
        CSC_DISABLE_CLKGATE = 2:2,
        /// Weight loader.
        CNA_WEIGHT_DISABLE_CLKGATE = 1:1,
        /// Feature loader.
        CNA_FEATURE_DISABLE_CLKGATE = 0:0,
    }
    /// Weight decompression; avoided.
    DCOMP_CTRL = 0x1100, "appendix A, C.9" {
        /// Bypass.
        WT_DEC_BYPASS = 3:3,
        /// Mode.
        DECOMP_CONTROL = 2:0,
    }
    /// Decompressor register count; 0.
    DCOMP_REGNUM = 0x1104, "appendix A" {
        /// Count.
        DCOMP_REGNUM = 31:0,
    }
    /// Device address of the weights.
    DCOMP_ADDR0 = 0x1110, "§2.3, §2.4 [V]" {
        /// Address.
        DECOMPRESS_ADDR0 = 31:0,
    }
    /// Further weight address of the decompressor; 0.
    DCOMP_ADDR1 = 0x1114, "§2.3 [V]" {
        /// Address.
        ADDRESS = 31:0,
    }
    /// Further weight address of the decompressor; 0.
    DCOMP_ADDR2 = 0x1118, "§2.3 [V]" {
        /// Address.
        ADDRESS = 31:0,
    }
    /// Further weight address of the decompressor; 0.
    DCOMP_ADDR3 = 0x111C, "§2.3 [V]" {
        /// Address.
        ADDRESS = 31:0,
    }
    /// Further weight address of the decompressor; 0.
    DCOMP_ADDR4 = 0x1120, "§2.3 [V]" {
        /// Address.
        ADDRESS = 31:0,
    }
    /// Further weight address of the decompressor; 0.
    DCOMP_ADDR5 = 0x1124, "§2.3 [V]" {
        /// Address.
        ADDRESS = 31:0,
    }
    /// Further weight address of the decompressor; 0.
    DCOMP_ADDR6 = 0x1128, "§2.3 [V]" {
        /// Address.
        ADDRESS = 31:0,
    }
    /// Further weight address of the decompressor; 0.
    DCOMP_ADDR7 = 0x112C, "§2.3 [V]" {
        /// Address.
        ADDRESS = 31:0,
    }
    /// Compressed amount; 0.
    DCOMP_AMOUNT0 = 0x1130, "§2.3 [V]" {
        /// Amount.
        AMOUNT = 31:0,
    }
    /// Compressed amount; 0.
    DCOMP_AMOUNT1 = 0x1134, "§2.3 [V]" {
        /// Amount.
        AMOUNT = 31:0,
    }
    /// Compressed amount; 0.
    DCOMP_AMOUNT2 = 0x1138, "§2.3 [V]" {
        /// Amount.
        AMOUNT = 31:0,
    }
    /// Compressed amount; 0.
    DCOMP_AMOUNT3 = 0x113C, "§2.3 [V]" {
        /// Amount.
        AMOUNT = 31:0,
    }
    /// Compressed amount; 0.
    DCOMP_AMOUNT4 = 0x1140, "§2.3 [V]" {
        /// Amount.
        AMOUNT = 31:0,
    }
    /// Compressed amount; 0.
    DCOMP_AMOUNT5 = 0x1144, "§2.3 [V]" {
        /// Amount.
        AMOUNT = 31:0,
    }
    /// Compressed amount; 0.
    DCOMP_AMOUNT6 = 0x1148, "§2.3 [V]" {
        /// Amount.
        AMOUNT = 31:0,
    }
    /// Compressed amount; 0.
    DCOMP_AMOUNT7 = 0x114C, "§2.3 [V]" {
        /// Amount.
        AMOUNT = 31:0,
    }
    /// Converter per channel on RK3588. On RK3568 S-mesa's tasks write it (§11), the vendor's never.
    CVT_CON5 = 0x1180, "§2.3, §11 [HW68]" {
        /// Channels to convert.
        PER_CHANNEL_CVT_EN = 31:0,
    }
    /// Unnamed register that the vendor writes 0.
    REG_1210 = 0x1210, "§2.3 [V]" {
        /// Unknown; 0.
        VALUE = 31:0,
    }
    /// Unnamed register that the vendor writes 0.
    REG_1214 = 0x1214, "§2.3 [V]" {
        /// Unknown; 0.
        VALUE = 31:0,
    }
    /// Unnamed register that the vendor writes 0.
    REG_1218 = 0x1218, "§2.3 [V]" {
        /// Unknown; 0.
        VALUE = 31:0,
    }
    /// Unnamed register that the vendor writes 0.
    REG_121C = 0x121C, "§2.3 [V]" {
        /// Unknown; 0.
        VALUE = 31:0,
    }
    /// Unnamed register that the vendor writes 0.
    REG_1220 = 0x1220, "§2.3 [V]" {
        /// Unknown; 0.
        VALUE = 31:0,
    }
    /// Unnamed register that the vendor writes 0.
    REG_1224 = 0x1224, "§2.3 [V]" {
        /// Unknown; 0.
        VALUE = 31:0,
    }
    /// Unnamed register that the vendor writes 0.
    REG_1228 = 0x1228, "§2.3 [V]" {
        /// Unknown; 0.
        VALUE = 31:0,
    }
    /// Unnamed register that the vendor writes 0.
    REG_122C = 0x122C, "§2.3 [V]" {
        /// Unknown; 0.
        VALUE = 31:0,
    }
    /// Unnamed register that the vendor writes 0.
    REG_1230 = 0x1230, "§2.3 [V]" {
        /// Unknown; 0.
        VALUE = 31:0,
    }
}
