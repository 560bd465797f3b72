//! Broadcast of starts.
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

registers! { Global:
    /// Blocks that start together; reached by the 0x0081 word, register field 8.
    OPERATION_ENABLE = 0xF008, "§2.1 [V]" {
        /// PPU_RDMA.
        PPU_RDMA_OP_EN = 6:6,
        /// PPU.
        PPU_OP_EN = 5:5,
        /// DPU_RDMA.
        DPU_RDMA_OP_EN = 4:4,
        /// DPU.
        DPU_OP_EN = 3:3,
        /// CORE.
        CORE_OP_EN = 2:2,
        /// CMAC; reserved on RK3588.
        CMAC_OP_EN = 1:1,
        /// CNA.
        CNA_OP_EN = 0:0,
    }
}
