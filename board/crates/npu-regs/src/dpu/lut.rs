//! The two activation tables of the DPU: access, use, and what lies outside them.

use crate::register::registers;

registers! { Dpu:
    /// Table access; not shadowed.
    LUT_ACCESS_CFG = 0x4100, "§2.6, §12.6" {
        /// 1 = write; while 0, data writes change nothing.
        LUT_ACCESS_TYPE = 17:17,
        /// 0 = LE, 1 = LO.
        LUT_TABLE_ID = 16:16,
        /// First entry.
        LUT_ADDR = 9:0,
    }
    /// Table entry at the self-incrementing address; not shadowed.
    LUT_ACCESS_DATA = 0x4104, "§2.6, §12.6" {
        /// Entry.
        LUT_ACCESS_DATA = 15:0,
    }
    /// Use of the two tables.
    LUT_CFG = 0x4108, "§2.6 [V]" {
        /// Calculation.
        LUT_CAL_SEL = 7:7,
        /// Priority inside.
        LUT_HYBRID_PRIORITY = 6:6,
        /// Priority above.
        LUT_OFLOW_PRIORITY = 5:5,
        /// Priority below.
        LUT_UFLOW_PRIORITY = 4:4,
        /// Table choice.
        LUT_LO_LE_MUX = 3:2,
        /// One long table.
        LUT_EXPAND_EN = 1:1,
        /// Road.
        LUT_ROAD_SEL = 0:0,
    }
    /// Fraction bits of the indexes.
    LUT_INFO = 0x410C, "§2.6 [V]" {
        /// LO.
        LUT_LO_INDEX_SELECT = 23:16,
        /// LE.
        LUT_LE_INDEX_SELECT = 15:8,
    }
    /// First input of LE.
    LUT_LE_START = 0x4110, "§2.6 [V]" {
        /// Start, signed.
        LUT_LE_START = 31:0,
    }
    /// Last input of LE.
    LUT_LE_END = 0x4114, "§2.6 [V]" {
        /// End, signed.
        LUT_LE_END = 31:0,
    }
    /// First input of LO.
    LUT_LO_START = 0x4118, "§2.6 [V]" {
        /// Start, signed.
        LUT_LO_START = 31:0,
    }
    /// Last input of LO.
    LUT_LO_END = 0x411C, "§2.6 [V]" {
        /// End, signed.
        LUT_LO_END = 31:0,
    }
    /// Slopes outside LE.
    LUT_LE_SLOPE_SCALE = 0x4120, "appendix A" {
        /// Above.
        LUT_LE_SLOPE_OFLOW_SCALE = 31:16,
        /// Below.
        LUT_LE_SLOPE_UFLOW_SCALE = 15:0,
    }
    /// Slope shifts outside LE.
    LUT_LE_SLOPE_SHIFT = 0x4124, "appendix A" {
        /// Above.
        LUT_LE_SLOPE_OFLOW_SHIFT = 9:5,
        /// Below.
        LUT_LE_SLOPE_UFLOW_SHIFT = 4:0,
    }
    /// Slopes outside LO.
    LUT_LO_SLOPE_SCALE = 0x4128, "appendix A" {
        /// Above.
        LUT_LO_SLOPE_OFLOW_SCALE = 31:16,
        /// Below.
        LUT_LO_SLOPE_UFLOW_SCALE = 15:0,
    }
    /// Slope shifts outside LO.
    LUT_LO_SLOPE_SHIFT = 0x412C, "appendix A" {
        /// Above.
        LUT_LO_SLOPE_OFLOW_SHIFT = 9:5,
        /// Below.
        LUT_LO_SLOPE_UFLOW_SHIFT = 4:0,
    }
}
