//! Bus arbitration and traffic counters. Not addressable from command words.
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

registers! { Ddma:
    /// Counter control: 0x80000101 then 0x00000101 clears all three.
    COUNTER_CONTROL = 0x8010, "§3.6 [DRV], §12.11" {
        /// 1 clears.
        CLEAR = 31:31,
        /// 0x0101 counts.
        ENABLE = 15:0,
    }
    /// Data written, 8-byte units.
    DT_WR = 0x8034, "§3.6 [HW68]" {
        /// Units.
        AMOUNT = 31:0,
    }
    /// Features, command words and parameter streams read, 8-byte units.
    DT_RD = 0x8038, "§3.6 [HW68]" {
        /// Units.
        AMOUNT = 31:0,
    }
    /// Weights read, 8-byte units.
    WT_RD = 0x803C, "§3.6 [HW68]" {
        /// Units.
        AMOUNT = 31:0,
    }
}
