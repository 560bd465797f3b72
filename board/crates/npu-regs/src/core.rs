//! Accumulator.
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

registers! { Core at 0x3000:
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
