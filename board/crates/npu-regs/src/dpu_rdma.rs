//! Reader of the DPU's operands: main input, parameter stream, element-wise operand.
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

registers! { DpuRdma at 0x5000:
    /// Width minus one.
    DATA_CUBE_WIDTH = 0x500C, "§2.8 [V]" {
        /// Columns minus one.
        WIDTH = 12:0,
    }
    /// Height minus one.
    DATA_CUBE_HEIGHT = 0x5010, "§2.8 [V]" {
        /// Gap between operand rows.
        EW_LINE_NOTCH_ADDR = 28:16,
        /// Rows minus one.
        HEIGHT = 12:0,
    }
    /// Channels minus one.
    DATA_CUBE_CHANNEL = 0x5014, "§2.8 [V]" {
        /// Channels minus one.
        CHANNEL = 12:0,
    }
    /// Device address of the main input.
    SRC_BASE_ADDR = 0x5018, "§2.8" {
        /// Address.
        SRC_BASE_ADDR = 31:0,
    }
    /// Parameter stream.
    BRDMA_CFG = 0x501C, "§2.3, §12.15" {
        /// 1 ALU, 2 compensation, 4 multiplier, as a mask.
        BRDMA_DATA_USE = 4:1,
        /// 1 = no stream.
        BRDMA_DISABLE = 0:0,
    }
    /// Device address of the parameter stream.
    BS_BASE_ADDR = 0x5020, "§2.6 [V]" {
        /// Address.
        BS_BASE_ADDR = 31:0,
    }
    /// Length of the parameter stream; RK3568 only.
    BRDMA_LENGTH = 0x5024, "§2.3, §9.9 [V]" {
        /// 8-byte words minus one.
        WORDS = 31:0,
    }
    /// Second parameter stream.
    NRDMA_CFG = 0x5028, "§2.3 [V]" {
        /// Use.
        NRDMA_DATA_USE = 4:1,
        /// 1 = no stream.
        NRDMA_DISABLE = 0:0,
    }
    /// Device address of the second parameter stream.
    BN_BASE_ADDR = 0x502C, "appendix A" {
        /// Address.
        BN_BASE_ADDR = 31:0,
    }
    /// Unnamed register that the vendor writes 0.
    REG_5030 = 0x5030, "§2.3 [V]" {
        /// Unknown; 0.
        VALUE = 31:0,
    }
    /// Element-wise operand.
    ERDMA_CFG = 0x5034, "§2.3 [V]" {
        /// 1 = per pixel.
        ERDMA_DATA_MODE = 31:30,
        /// Surface mode.
        ERDMA_SURF_MODE = 29:29,
        /// Unaligned cube.
        ERDMA_NONALIGN = 28:28,
        /// Element size; 0 for int8.
        ERDMA_DATA_SIZE = 3:2,
        /// Bypass of the 4 KiB rule.
        OV4K_BYPASS = 1:1,
        /// 1 = no operand.
        ERDMA_DISABLE = 0:0,
    }
    /// Device address of the element-wise operand.
    EW_BASE_ADDR = 0x5038, "§2.6 [V]" {
        /// Address.
        EW_BASE_ADDR = 31:0,
    }
    /// Line-related stride of the operand; surface − 8 in one generator.
    EW_LINE_STRIDE = 0x503C, "§2.3 [HW68]" {
        /// Stride.
        VALUE = 31:0,
    }
    /// Bytes between operand surfaces.
    EW_SURF_STRIDE = 0x5040, "§2.8" {
        /// Stride in 16-byte units.
        EW_SURF_STRIDE = 31:4,
        /// Half a unit more: surfaces of one 8-byte pixel.
        EW_SURF_STRIDE_HALF = 3:3,
    }
    /// Mode of the readers; burst 7 hangs the bus (erratum 5).
    FEATURE_MODE_CFG = 0x5044, "§2.3, §12.1" {
        /// Input format.
        IN_PRECISION = 17:15,
        /// 8 or 15.
        BURST_LEN = 14:11,
        /// Combined use.
        COMB_USE = 10:8,
        /// Arithmetic.
        PROC_PRECISION = 7:5,
        /// No main input.
        MRDMA_DISABLE = 4:4,
        /// Widens fp16.
        MRDMA_FP16TOFP32_EN = 3:3,
        /// 0 dense, 3 depthwise.
        CONV_MODE = 2:1,
        /// 1 = the main read channel runs.
        FLYING_MODE = 0:0,
    }
    /// Upsampling and line gap of the main input.
    SRC_DMA_CFG = 0x5048, "§2.8 [V]" {
        /// Gap in pixels.
        LINE_NOTCH_ADDR = 31:19,
        /// Method.
        POOLING_METHOD = 13:13,
        /// Upsampling.
        UNPOOLING_EN = 12:12,
        /// Vertical stride.
        KERNEL_STRIDE_HEIGHT = 11:9,
        /// Horizontal stride.
        KERNEL_STRIDE_WIDTH = 8:6,
        /// Height.
        KERNEL_HEIGHT = 5:3,
        /// Width.
        KERNEL_WIDTH = 2:0,
    }
    /// Gap between surfaces of the main input.
    SURF_NOTCH = 0x504C, "§2.8 [V]" {
        /// Gap in 16-byte units.
        SURF_NOTCH_ADDR = 31:4,
        /// Half a unit more: a 7x7 map leaves 3 pixels, 24 bytes [HW68].
        SURF_NOTCH_HALF = 3:3,
    }
    /// Padding of the main input.
    PAD_CFG = 0x5064, "appendix A" {
        /// Value.
        PAD_VALUE = 31:16,
        /// Rows.
        PAD_TOP = 6:4,
        /// Columns.
        PAD_LEFT = 2:0,
    }
    /// Arbiter weights; 0x01010101.
    WEIGHT = 0x5068, "§2.8 [V]" {
        /// Element-wise.
        E_WEIGHT = 31:24,
        /// Second stream.
        N_WEIGHT = 23:16,
        /// Parameter stream.
        B_WEIGHT = 15:8,
        /// Main.
        M_WEIGHT = 7:0,
    }
    /// Gap between surfaces of the element-wise operand on RK3588. On RK3568 S-mesa's tasks write 0 (§11).
    EW_SURF_NOTCH = 0x506C, "§11 [HW68]" {
        /// Gap in 16-byte units; 0.
        EW_SURF_NOTCH = 31:4,
    }
}
