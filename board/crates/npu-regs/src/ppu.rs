//! Pooling. On RK3568 it raises no interrupt at the program controller (erratum 10).
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

registers! { Ppu at 0x6000:
    /// Input width minus one; pooling windows must cover the input exactly.
    DATA_CUBE_IN_WIDTH = 0x600C, "§2.9 [HW68]" {
        /// Columns minus one.
        CUBE_IN_WIDTH = 12:0,
    }
    /// Input height minus one.
    DATA_CUBE_IN_HEIGHT = 0x6010, "§2.9 [HW68]" {
        /// Rows minus one.
        CUBE_IN_HEIGHT = 12:0,
    }
    /// Input channels minus one.
    DATA_CUBE_IN_CHANNEL = 0x6014, "§2.9 [HW68]" {
        /// Channels minus one.
        CUBE_IN_CHANNEL = 12:0,
    }
    /// Output width minus one.
    DATA_CUBE_OUT_WIDTH = 0x6018, "§2.9 [HW68]" {
        /// Columns minus one.
        CUBE_OUT_WIDTH = 12:0,
    }
    /// Output height minus one.
    DATA_CUBE_OUT_HEIGHT = 0x601C, "§2.9 [HW68]" {
        /// Rows minus one.
        CUBE_OUT_HEIGHT = 12:0,
    }
    /// Output channels minus one.
    DATA_CUBE_OUT_CHANNEL = 0x6020, "§2.9 [HW68]" {
        /// Channels minus one.
        CUBE_OUT_CHANNEL = 12:0,
    }
    /// What is done and where data comes from: 0x11 maximum, 0x10 average.
    OPERATION_MODE_CFG = 0x6024, "§2.9 [V]" {
        /// Writes the position of the maximum too.
        INDEX_EN = 30:30,
        /// Pixels of a map row that a band of columns leaves out.
        NOTCH_ADDR = 28:16,
        /// Use count.
        USE_CNT = 7:5,
        /// 1 = input from PPU_RDMA, 0 = from the DPU.
        FLYING_MODE = 4:4,
        /// 0 average, 1 maximum, 2 minimum.
        POOLING_METHOD = 1:0,
    }
    /// Window and strides, each minus one.
    POOLING_KERNEL_CFG = 0x6034, "§2.9 [V]" {
        /// Vertical stride minus one.
        KERNEL_STRIDE_HEIGHT = 23:20,
        /// Horizontal stride minus one.
        KERNEL_STRIDE_WIDTH = 19:16,
        /// Window height minus one.
        KERNEL_HEIGHT = 11:8,
        /// Window width minus one.
        KERNEL_WIDTH = 3:0,
    }
    /// Reciprocal of the window's width; 0 for a maximum.
    RECIP_KERNEL_WIDTH = 0x6038, "§2.9, §12.18 [HW68]" {
        /// 65536 divided by the width.
        RECIP_KERNEL_WIDTH = 16:0,
    }
    /// Reciprocal of the window's height; 0 for a maximum.
    RECIP_KERNEL_HEIGHT = 0x603C, "§2.9, §12.18 [HW68]" {
        /// 65536 divided by the height.
        RECIP_KERNEL_HEIGHT = 16:0,
    }
    /// Padding on the four sides.
    POOLING_PADDING_CFG = 0x6040, "§2.9 [V]" {
        /// Rows below.
        PAD_BOTTOM = 14:12,
        /// Columns to the right.
        PAD_RIGHT = 10:8,
        /// Rows above.
        PAD_TOP = 6:4,
        /// Columns to the left.
        PAD_LEFT = 2:0,
    }
    /// First pad value; 0x7FF80 = -128 for an int8 maximum.
    PADDING_VALUE_1_CFG = 0x6044, "§2.9, §12.5 [V]" {
        /// Value, signed 19 bits.
        PAD_VALUE_0 = 18:0,
    }
    /// Second pad value, as the first.
    PADDING_VALUE_2_CFG = 0x6048, "§2.9, §12.5 [V]" {
        /// Value, signed 19 bits.
        PAD_VALUE_1 = 18:0,
    }
    /// Third pad value, as the first; RK3568 only.
    PADDING_VALUE_3_CFG = 0x604C, "§2.9, §12.5 [V]" {
        /// Value, signed 19 bits.
        PAD_VALUE_2 = 18:0,
    }
    /// Fourth pad value, as the first; RK3568 only.
    PADDING_VALUE_4_CFG = 0x6050, "§2.9, §12.5 [V]" {
        /// Value, signed 19 bits.
        PAD_VALUE_3 = 18:0,
    }
    /// Device address of the output.
    DST_BASE_ADDR = 0x6070, "§2.9 [V]" {
        /// Address in 16-byte units.
        DST_BASE_ADDR = 31:4,
        /// Half a unit more: a band of columns begins at an odd pixel.
        DST_BASE_ADDR_HALF = 3:3,
    }
    /// Bytes between output surfaces.
    DST_SURF_STRIDE = 0x607C, "§2.9 [V]" {
        /// Stride in 16-byte units: output pixels rounded up to 4, by 8 bytes.
        DST_SURF_STRIDE = 31:4,
        /// Half a unit more: surfaces of one 8-byte pixel.
        DST_SURF_STRIDE_HALF = 3:3,
    }
    /// Format, and the gap to the index surfaces: equal to the surface stride in every known task.
    DATA_FORMAT = 0x6084, "§2.9 [V]" {
        /// Bytes to the index output, in 16-byte units.
        INDEX_ADD = 31:4,
        /// Input comes from the DPU.
        DPU_FLYIN = 3:3,
        /// 0 int8, 2 fp16.
        PROC_PRECISION = 2:0,
    }
    /// Output writer; 3 in every known task.
    MISC_CTRL = 0x60DC, "§2.9 [V]" {
        /// Surface length of an unaligned cube.
        SURF_LEN = 31:16,
        /// Multi-surface output.
        MC_SURF_OUT = 8:8,
        /// Unaligned cube.
        NONALIGN = 7:7,
        /// Write burst; 3.
        BURST_LEN = 3:0,
    }
}
