//! Reader of the pooling unit.
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

registers! { PpuRdma:
    /// State of both register groups.
    S_STATUS = 0x7000, "§2.1 [TRM88]" {
        /// Group 1: 0 idle, 1 running, 2 waiting.
        STATUS_1 = 17:16,
        /// Group 0, same codes.
        STATUS_0 = 1:0,
    }
    /// Which group is written and which executes.
    S_POINTER = 0x7004, "§2.1, §12.2" {
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
    OPERATION_ENABLE = 0x7008, "§2.1, erratum 8" {
        /// Start.
        OP_EN = 0:0,
    }
    /// Width minus one, as PPU's.
    CUBE_IN_WIDTH = 0x700C, "§2.9 [HW68]" {
        /// Columns minus one.
        CUBE_IN_WIDTH = 12:0,
    }
    /// Height minus one, as PPU's.
    CUBE_IN_HEIGHT = 0x7010, "§2.9 [HW68]" {
        /// Rows minus one.
        CUBE_IN_HEIGHT = 12:0,
    }
    /// Channels minus one, as PPU's.
    CUBE_IN_CHANNEL = 0x7014, "§2.9 [HW68]" {
        /// Channels minus one.
        CUBE_IN_CHANNEL = 12:0,
    }
    /// Unnamed; NVDLA's reader has its flying mode at this offset. The 29th register of a pooling task: 1 in S-mesa's.
    REG_7018 = 0x7018, "§12.5, S-mesa [HW68]" {
        /// Unknown; 1 in known tasks.
        BIT_0 = 0:0,
    }
    /// Device address of the input.
    SRC_BASE_ADDR = 0x701C, "§2.9 [V]" {
        /// Address.
        SRC_BASE_ADDR = 31:0,
    }
    /// Bytes between input rows. A 7-wide map has 56, so the unit is 8 bytes here, not 16 as in appendix A.
    SRC_LINE_STRIDE = 0x7024, "§2.9 [V]" {
        /// Stride in 8-byte units.
        SRC_LINE_STRIDE = 31:3,
    }
    /// Bytes between input surfaces.
    SRC_SURF_STRIDE = 0x7028, "§2.9 [V]" {
        /// Stride in 8-byte units: full pixels rounded up to 4.
        SRC_SURF_STRIDE = 31:3,
    }
    /// Format of the input.
    DATA_FORMAT = 0x7030, "§2.9, appendix A" {
        /// 0 in known int8 tasks.
        IN_PRECISION = 1:0,
    }
}
