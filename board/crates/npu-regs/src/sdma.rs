//! Second bus arbiter. Not addressable from command words.
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

registers! { Sdma:
    /// Transfers under way.
    CFG_OUTSTANDING = 0x9000, "appendix A" {
        /// Writes.
        WR_OS_CNT = 15:8,
        /// Reads.
        RD_OS_CNT = 7:0,
    }
    /// Arbiter weights of the readers.
    RD_WEIGHT_0 = 0x9004, "appendix A" {
        /// Pooling.
        RD_WEIGHT_PDP = 31:24,
        /// DPU operands.
        RD_WEIGHT_DPU = 23:16,
        /// Weights.
        RD_WEIGHT_KERNEL = 15:8,
        /// Features.
        RD_WEIGHT_FEATURE = 7:0,
    }
    /// Arbiter weights of the writers.
    WR_WEIGHT_0 = 0x9008, "appendix A" {
        /// Pooling.
        WR_WEIGHT_PDP = 15:8,
        /// DPU.
        WR_WEIGHT_DPU = 7:0,
    }
    /// Identifiers of failed transfers.
    CFG_ID_ERROR = 0x900C, "appendix A" {
        /// Write.
        WR_RESP_ID = 9:6,
        /// Read.
        RD_RESP_ID = 4:0,
    }
    /// Arbiter weight of the command fetch. On DDMA this place is the counter control (§12.11).
    RD_WEIGHT_1 = 0x9010, "appendix A" {
        /// Command fetch.
        RD_WEIGHT_PC = 7:0,
    }
    /// Queues of the bus interface.
    CFG_DMA_FIFO_CLR = 0x9014, "appendix A" {
        /// 1 empties them.
        DMA_FIFO_CLR = 0:0,
    }
    /// Arbitration.
    CFG_DMA_ARB = 0x9018, "appendix A" {
        /// Model of the write arbiter.
        WR_ARBIT_MODEL = 9:9,
        /// Model of the read arbiter.
        RD_ARBIT_MODEL = 8:8,
        /// Fixed order of writers.
        WR_FIX_ARB = 6:4,
        /// Fixed order of readers.
        RD_FIX_ARB = 2:0,
    }
    /// Quality of service of the readers.
    CFG_DMA_RD_QOS = 0x9020, "appendix A, C.6" {
        /// Command fetch.
        RD_PC_QOS = 9:8,
        /// Pooling.
        RD_PPU_QOS = 7:6,
        /// DPU operands.
        RD_DPU_QOS = 5:4,
        /// Weights.
        RD_KERNEL_QOS = 3:2,
        /// Features.
        RD_FEATURE_QOS = 1:0,
    }
    /// AXI attributes of reads.
    CFG_DMA_RD_CFG = 0x9024, "appendix A" {
        /// Lock.
        RD_ARLOCK = 12:12,
        /// Cache.
        RD_ARCACHE = 11:8,
        /// Protection.
        RD_ARPROT = 7:5,
        /// Burst type.
        RD_ARBURST = 4:3,
        /// Beat size.
        RD_ARSIZE = 2:0,
    }
    /// AXI attributes of writes.
    CFG_DMA_WR_CFG = 0x9028, "appendix A" {
        /// Lock.
        WR_AWLOCK = 12:12,
        /// Cache.
        WR_AWCACHE = 11:8,
        /// Protection.
        WR_AWPROT = 7:5,
        /// Burst type.
        WR_AWBURST = 4:3,
        /// Beat size.
        WR_AWSIZE = 2:0,
    }
    /// Byte lanes of writes.
    CFG_DMA_WSTRB = 0x902C, "appendix A" {
        /// Lanes.
        WR_WSTRB = 31:0,
    }
    /// State of the bus interface.
    CFG_STATUS = 0x9030, "appendix A" {
        /// Idle; spelt so in the sources.
        IDEL = 8:8,
    }
}
