//! Multiplier array. A block of its own on RK3568 (folded into CORE on RK3588).
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

registers! { Cmac:
    /// State of both register groups.
    S_STATUS = 0x2000, "§2.3 [V]" {
        /// Group 1: 0 idle, 1 running, 2 waiting.
        STATUS_1 = 17:16,
        /// Group 0, same codes.
        STATUS_0 = 1:0,
    }
    /// Which group is written and which executes.
    S_POINTER = 0x2004, "§2.1, §12.2" {
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
    OPERATION_ENABLE = 0x2008, "§2.1, erratum 8" {
        /// Start.
        OP_EN = 0:0,
    }
    /// Mode of the array: 0x0001 int8, 0x0003 int8 depthwise, 0x2001 fp16.
    MISC_CFG = 0x200C, "§2.3 [V]" {
        /// 0 int8, 2 fp16.
        PROC_PRECISION = 14:12,
        /// Depthwise.
        DW_EN = 1:1,
        /// Sums raw features for the weight-zero-point compensation.
        QD_EN = 0:0,
    }
}
