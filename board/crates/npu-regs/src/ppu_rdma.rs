//! Reader of the pooling unit.
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

registers! { PpuRdma at 0x7000:
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
