//! Stages and writer of the DPU.

use crate::register::registers;

registers! { Dpu at 0x4000:
    /// Where data comes from and goes to; 0x108 convolution.
    FEATURE_MODE_CFG = 0x400C, "§2.3 [V]" {
        /// Combined use.
        COMB_USE = 31:31,
        /// Transpose unit; avoided.
        TP_EN = 30:30,
        /// Regroup type.
        RGP_TYPE = 29:26,
        /// Unaligned cube.
        NONALIGN = 25:25,
        /// Surface length of an unaligned cube.
        SURF_LEN = 24:9,
        /// Write burst: 0, 1, 2 = 4, 8, 16.
        BURST_LEN = 8:7,
        /// 0 dense, 3 depthwise.
        CONV_MODE = 5:4,
        /// 4 = to memory.
        OUTPUT_MODE = 3:1,
        /// 1 = input from DPU_RDMA instead of CORE.
        FLYING_MODE = 0:0,
    }
    /// Formats: 0 int8, 1 int16, 2 fp16, 3 bf16, 4 int32, 5 fp32.
    DATA_FORMAT = 0x4010, "§2.7 [V], int32 out [INF]" {
        /// Output.
        OUT_PRECISION = 31:29,
        /// Input.
        IN_PRECISION = 28:26,
        /// Element-wise shift for negative values.
        EW_TRUNCATE_NEG = 25:16,
        /// BN shift for negative values.
        BN_MUL_SHIFT_VALUE_NEG = 15:10,
        /// BS shift for negative values.
        BS_MUL_SHIFT_VALUE_NEG = 9:4,
        /// Multi-surface output.
        MC_SURF_OUT = 3:3,
        /// Arithmetic.
        PROC_PRECISION = 2:0,
    }
    /// Value of appended pixels; 0.
    OFFSET_PEND = 0x4014, "appendix A" {
        /// Value.
        OFFSET_PEND = 15:0,
    }
    /// Device address of the output.
    DST_BASE_ADDR = 0x4020, "§2.7 [V]" {
        /// Address.
        DST_BASE_ADDR = 31:0,
    }
    /// Bytes between output surfaces: 16 · W · H for 32-bit results.
    DST_SURF_STRIDE = 0x4024, "§2.7 [V]" {
        /// Stride in 16-byte units.
        DST_SURF_STRIDE = 31:4,
        /// Half a unit more: surfaces of one 8-byte pixel, as in fully-connected tasks [HW68].
        DST_SURF_STRIDE_HALF = 3:3,
    }
    /// Output width minus one.
    DATA_CUBE_WIDTH = 0x4030, "§2.7 [V]" {
        /// Columns minus one.
        WIDTH = 12:0,
    }
    /// Output height minus one.
    DATA_CUBE_HEIGHT = 0x4034, "§2.7 [V]" {
        /// Minimum and maximum search; 0.
        MINMAX_CTL = 24:22,
        /// Rows minus one.
        HEIGHT = 12:0,
    }
    /// Gaps in the output; 0.
    DATA_CUBE_NOTCH_ADDR = 0x4038, "appendix A" {
        /// Second gap.
        NOTCH_ADDR_1 = 28:16,
        /// First gap.
        NOTCH_ADDR_0 = 12:0,
    }
    /// Output channels.
    DATA_CUBE_CHANNEL = 0x403C, "§2.7 [V]" {
        /// Real channels minus one.
        ORIG_CHANNEL = 28:16,
        /// Aligned channels minus one (16 for int8).
        CHANNEL = 12:0,
    }
    /// Bias and scale stage; 0x53 bypasses all of it.
    BS_CFG = 0x4040, "§2.3, §2.6 [V]" {
        /// 1 = operand from the parameter stream.
        BS_ALU_SRC = 8:8,
        /// Upper bound of the rectifier.
        BS_RELUX_EN = 7:7,
        /// No rectifier.
        BS_RELU_BYPASS = 6:6,
        /// Multiplier as leaky rectifier.
        BS_MUL_PRELU = 5:5,
        /// No multiplier.
        BS_MUL_BYPASS = 4:4,
        /// 0 max, 1 min, 2 add. Bits [3:2], not [19:16] as on RK3588.
        BS_ALU_ALGO = 3:2,
        /// No ALU.
        BS_ALU_BYPASS = 1:1,
        /// No stage.
        BS_BYPASS = 0:0,
    }
    /// Common ALU operand.
    BS_ALU_CFG = 0x4044, "§2.6 [V]" {
        /// Operand, signed.
        BS_ALU_OPERAND = 31:0,
    }
    /// Multiplier of the stage.
    BS_MUL_CFG = 0x4048, "§2.6 [V]" {
        /// Common operand.
        BS_MUL_OPERAND = 31:16,
        /// Right shift of positive values.
        BS_MUL_SHIFT_VALUE = 13:8,
        /// Shift source.
        BS_TRUNCATE_SRC = 1:1,
        /// 1 = operand from the parameter stream.
        BS_MUL_SRC = 0:0,
    }
    /// Upper bound of the rectifier.
    BS_RELUX_CMP_VALUE = 0x404C, "§2.6" {
        /// Bound.
        BS_RELUX_CMP_DAT = 31:0,
    }
    /// Weight-zero-point compensation and surfaces per kernel group.
    BS_OW_CFG = 0x4050, "§2.6, §2.7 [V]" {
        /// Regroup counter.
        RGP_CNTER = 31:28,
        /// Transpose origin.
        TP_ORG_EN = 27:27,
        /// Surfaces per group minus one.
        SIZE_E_2 = 10:8,
        /// Surfaces per group minus one.
        SIZE_E_1 = 7:5,
        /// Surfaces per group minus one.
        SIZE_E_0 = 4:2,
        /// No compensation.
        OD_BYPASS = 1:1,
        /// 1 = per channel from the parameter stream (hung on RV1103, erratum 29).
        OW_SRC = 0:0,
    }
    /// Common compensation factor.
    BS_OW_OP = 0x4054, "§2.6, §12.14" {
        /// Factor, signed.
        OW_OP = 15:0,
    }
    /// Writer's channels; needed on RK3588. On RK3568 only S-mesa's tasks write it (§11), the vendor's never.
    WDMA_SIZE_0 = 0x4058, "§2.3, §11 [HW68]" {
        /// Format of the transpose unit.
        TP_PRECISION = 27:27,
        /// Size of a transposed block.
        SIZE_C_WDMA = 26:16,
        /// Aligned channels minus one.
        CHANNEL_WDMA = 12:0,
    }
    /// Writer's size; as `WDMA_SIZE_0`.
    WDMA_SIZE_1 = 0x405C, "§2.3, §11 [HW68]" {
        /// Rows minus one.
        HEIGHT_WDMA = 28:16,
        /// Columns minus one.
        WIDTH_WDMA = 12:0,
    }
    /// Second scale stage; 0x53 bypasses all of it.
    BN_CFG = 0x4060, "§2.3, §2.6 [V]" {
        /// 1 = operand from the parameter stream.
        BN_ALU_SRC = 8:8,
        /// Upper bound of the rectifier.
        BN_RELUX_EN = 7:7,
        /// No rectifier.
        BN_RELU_BYPASS = 6:6,
        /// Multiplier as leaky rectifier.
        BN_MUL_PRELU = 5:5,
        /// No multiplier.
        BN_MUL_BYPASS = 4:4,
        /// 0 max, 1 min, 2 add.
        BN_ALU_ALGO = 3:2,
        /// No ALU.
        BN_ALU_BYPASS = 1:1,
        /// No stage.
        BN_BYPASS = 0:0,
    }
    /// Common ALU operand.
    BN_ALU_CFG = 0x4064, "appendix A" {
        /// Operand.
        BN_ALU_OPERAND = 31:0,
    }
    /// Multiplier of the stage.
    BN_MUL_CFG = 0x4068, "appendix A" {
        /// Common operand.
        BN_MUL_OPERAND = 31:16,
        /// Right shift of positive values.
        BN_MUL_SHIFT_VALUE = 13:8,
        /// Shift source.
        BN_TRUNCATE_SRC = 1:1,
        /// Operand source.
        BN_MUL_SRC = 0:0,
    }
    /// Upper bound of the rectifier.
    BN_RELUX_CMP_VALUE = 0x406C, "§2.6" {
        /// Bound.
        BN_RELUX_CMP_DAT = 31:0,
    }
    /// Element-wise stage; 0x383 bypasses all of it.
    EW_CFG = 0x4070, "§2.3, §2.6 [V]" {
        /// Add before scaling.
        EW_CVT_TYPE = 31:31,
        /// Ties up.
        EW_CVT_ROUND = 30:30,
        /// How the operand varies.
        EW_DATA_MODE = 29:28,
        /// Operand size.
        EDATA_SIZE = 23:22,
        /// Comparison.
        EW_EQUAL_EN = 21:21,
        /// Binary operation.
        EW_BINARY_EN = 20:20,
        /// Upper bound of the rectifier.
        EW_RELUX_EN = 10:10,
        /// No rectifier.
        EW_RELU_BYPASS = 9:9,
        /// No operand converter.
        EW_OP_CVT_BYPASS = 8:8,
        /// No table.
        EW_LUT_BYPASS = 7:7,
        /// Operand source.
        EW_OP_SRC = 6:6,
        /// Multiplier as leaky rectifier.
        EW_MUL_PRELU = 5:5,
        /// 2 = add. Bits [4:3], not [19:16] as on RK3588.
        EW_ALU_ALGO = 4:3,
        /// Operation.
        EW_OP_TYPE = 2:2,
        /// No operation.
        EW_OP_BYPASS = 1:1,
        /// No stage.
        EW_BYPASS = 0:0,
    }
    /// Operand offset.
    EW_CVT_OFFSET_VALUE = 0x4074, "§2.6 [V]" {
        /// Offset, signed.
        EW_OP_CVT_OFFSET = 31:0,
    }
    /// Operand scale.
    EW_CVT_SCALE_VALUE = 0x4078, "§2.6 [V]" {
        /// Result shift.
        EW_TRUNCATE = 31:22,
        /// Operand shift.
        EW_OP_CVT_SHIFT = 21:16,
        /// Operand multiplier.
        EW_OP_CVT_SCALE = 15:0,
    }
    /// Upper bound of the rectifier.
    EW_RELUX_CMP_VALUE = 0x407C, "appendix A" {
        /// Bound.
        EW_RELUX_CMP_DAT = 31:0,
    }
    /// Output offset.
    OUT_CVT_OFFSET = 0x4080, "§2.6 [V]" {
        /// Offset, signed.
        OUT_CVT_OFFSET = 31:0,
    }
    /// Output multiplier.
    OUT_CVT_SCALE = 0x4084, "§2.6 [V]" {
        /// Converts fp32 to fp16.
        FP32TOFP16_EN = 16:16,
        /// Multiplier; 1 for 32-bit results.
        OUT_CVT_SCALE = 15:0,
    }
    /// Output shift and rounding.
    OUT_CVT_SHIFT = 0x4088, "§2.6, §12.13" {
        /// 1 = offset before scale.
        CVT_TYPE = 31:31,
        /// 1 = ties up, 0 = ties to even.
        CVT_ROUND = 30:30,
        /// Exponent correction.
        MINUS_EXP = 19:12,
        /// Right shift.
        OUT_CVT_SHIFT = 11:0,
    }
    /// Common element-wise operand; 0.
    EW_OP_VALUE_0 = 0x4090, "appendix A" {
        /// Operand.
        EW_OPERAND_0 = 31:0,
    }
    /// Common element-wise operand; 0.
    EW_OP_VALUE_1 = 0x4094, "appendix A" {
        /// Operand.
        EW_OPERAND_1 = 31:0,
    }
    /// Common element-wise operand; 0.
    EW_OP_VALUE_2 = 0x4098, "appendix A" {
        /// Operand.
        EW_OPERAND_2 = 31:0,
    }
    /// Common element-wise operand; 0.
    EW_OP_VALUE_3 = 0x409C, "appendix A" {
        /// Operand.
        EW_OPERAND_3 = 31:0,
    }
    /// Common element-wise operand; 0.
    EW_OP_VALUE_4 = 0x40A0, "appendix A" {
        /// Operand.
        EW_OPERAND_4 = 31:0,
    }
    /// Common element-wise operand; 0.
    EW_OP_VALUE_5 = 0x40A4, "appendix A" {
        /// Operand.
        EW_OPERAND_5 = 31:0,
    }
    /// Common element-wise operand; 0.
    EW_OP_VALUE_6 = 0x40A8, "appendix A" {
        /// Operand.
        EW_OPERAND_6 = 31:0,
    }
    /// Common element-wise operand; 0.
    EW_OP_VALUE_7 = 0x40AC, "appendix A" {
        /// Operand.
        EW_OPERAND_7 = 31:0,
    }
    /// Bytes between kernel groups: surfaces per group · surface stride.
    SURFACE_ADD = 0x40C0, "§2.7 [V]" {
        /// Stride in 16-byte units.
        SURF_ADD = 31:4,
        /// Half a unit more: one surface of one 8-byte pixel.
        SURF_ADD_HALF = 3:3,
    }
    /// Unnamed register that the vendor writes 0.
    REG_40C4 = 0x40C4, "§2.3 [V]" {
        /// Unknown; 0.
        VALUE = 31:0,
    }
}
