//! Accumulator.
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

registers! { Core:
    /// State of both register groups.
    S_STATUS = 0x3000, "§2.1 [TRM88]" {
        /// Group 1: 0 idle, 1 running, 2 waiting.
        STATUS_1 = 17:16,
        /// Group 0, same codes.
        STATUS_0 = 1:0,
    }
    /// Which group is written and which executes.
    S_POINTER = 0x3004, "§2.1, §12.2" {
        /// Executing group, read only.
        EXECUTER = 16:16,
        /// 1 sets the executer to group 0.
        EXECUTER_PP_CLEAR = 5:5,
        /// 1 sets the pointer to group 0.
        POINTER_PP_CLEAR = 4:4,
        /// 1 = the pointer toggles itself.
        POINTER_PP_MODE = 3:3,
        /// The executer alternates.
        EXECUTER_PP_EN = 2:2,
        /// The pointer alternates.
        POINTER_PP_EN = 1:1,
        /// Group to write.
        POINTER = 0:0,
    }
    /// Starts this block alone; scrambles the output.
    OPERATION_ENABLE = 0x3008, "§2.1, erratum 8" {
        /// Start.
        OP_EN = 0:0,
    }
    /// Mode of the accumulator: 0 int8, 2 depthwise, 0x2000 fp16.
    MISC_CFG = 0x300C, "§2.3 [V]" {
        /// 0 int8, 2 fp16.
        PROC_PRECISION = 14:12,
        /// Depthwise.
        DW_EN = 1:1,
    }
    /// Output size, each minus one; 0x3014 on RK3588.
    DATAOUT_SIZE_0 = 0x3010, "§2.3 [V]" {
        /// Rows minus one.
        DATAOUT_HEIGHT = 31:16,
        /// Columns minus one.
        DATAOUT_WIDTH = 15:0,
    }
    /// Output channels.
    DATAOUT_SIZE_1 = 0x3014, "§2.3 [V]" {
        /// Aligned channels minus one.
        DATAOUT_CHANNEL = 15:0,
    }
    /// Shift after the accumulator; not written on RK3568.
    CLIP_TRUNCATE = 0x301C, "appendix A, §2.5" {
        /// Rounding.
        ROUND_TYPE = 6:6,
        /// Right shift.
        CLIP_TRUNCATE = 4:0,
    }
    /// Unnamed register that the vendor writes 0 last.
    REG_302C = 0x302C, "§2.3 [V]" {
        /// Unknown; 0.
        VALUE = 31:0,
    }
}
