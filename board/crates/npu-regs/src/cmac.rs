//! Multiplier array. A block of its own on RK3568 (folded into CORE on RK3588).
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

registers! { Cmac at 0x2000:
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
