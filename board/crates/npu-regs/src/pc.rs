//! Program controller: fetches command words and starts tasks. Not ping-ponged.
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

use crate::register::registers;

/// The list of the block with the four interrupt registers, which have the same bits, in their place.
macro_rules! with_interrupts {
    (
        { $($before:tt)* }
        $( #[doc = $doc:literal] $name:ident = $offset:literal, $source:literal; )*
        each of $bits:tt
        { $($after:tt)* }
    ) => {
        registers! { Pc: $($before)* $( #[doc = $doc] $name = $offset, $source $bits )* $($after)* }
    };
}

with_interrupts! {
    {
        /// Hardware version; the driver reads and prints it.
        VERSION = 0x0000, "§2.2 [DRV]" {
            /// Version code.
            VERSION = 31:0,
        }
        /// Hardware version number, printed beside `VERSION`.
        VERSION_NUM = 0x0004, "§2.2 [DRV]" {
            /// Version number.
            VERSION_NUM = 31:0,
        }
        /// Starts the fetch; the driver writes 1, then 0.
        OPERATION_ENABLE = 0x0008, "§2.2 [DRV]" {
            /// Start.
            OP_EN = 0:0,
        }
        /// Address of the first (in a tail: next) command stream.
        BASE_ADDRESS = 0x0010, "§2.2 [DRV]" {
            /// Stream address in 16-byte units.
            PC_SOURCE_ADDR = 31:4,
            /// 1 = slave mode: the CPU writes registers; 0 = the PC fetches.
            PC_SEL = 0:0,
        }
        /// Length of the first (in a tail: next) stream.
        REGISTER_AMOUNTS = 0x0014, "§3.2 [V]" {
            /// Words minus one on RK3568.
            PC_DATA_AMOUNT = 15:0,
        }
    }
    /// Enabled interrupts, 1 = enabled; 0x1FFFF after reset.
    INTERRUPT_MASK = 0x0020, "§2.2 [DRV]";
    /// Writing 1 clears a raw bit; the driver writes 0x1FFFF.
    INTERRUPT_CLEAR = 0x0024, "§2.2 [DRV]";
    /// Raw status under the mask.
    INTERRUPT_STATUS = 0x0028, "§2.2 [DRV]";
    /// Interrupt bits before the mask.
    INTERRUPT_RAW_STATUS = 0x002C, "§2.2 [DRV]";
    each of {
        /// Fires around fetch and dispatch; storms when unmasked (erratum 9).
        DISPATCH = 16:16,
        /// A write failed.
        DMA_WRITE_ERROR = 13:13,
        /// A read failed.
        DMA_READ_ERROR = 12:12,
        /// Pooling done, group 1.
        PPU_1 = 11:11,
        /// Pooling done, group 0.
        PPU_0 = 10:10,
        /// Output written, group 1.
        DPU_1 = 9:9,
        /// Output written, group 0.
        DPU_0 = 8:8,
        /// Accumulator done, group 1.
        CORE_1 = 7:7,
        /// Accumulator done, group 0.
        CORE_0 = 6:6,
        /// Sequence controller done, group 1.
        CNA_CSC_1 = 5:5,
        /// Sequence controller done, group 0.
        CNA_CSC_0 = 4:4,
        /// Weights loaded, group 1.
        CNA_WEIGHT_1 = 3:3,
        /// Weights loaded, group 0.
        CNA_WEIGHT_0 = 2:2,
        /// Features loaded, group 1.
        CNA_FEATURE_1 = 1:1,
        /// Features loaded, group 0.
        CNA_FEATURE_0 = 0:0,
    }
    {
        /// How many tasks one start runs.
        TASK_CON = 0x0030, "§2.2, §3.3 [DRV]" {
            /// Set by the vendor driver; meaning unknown (appendix C.7).
            BIT_14 = 14:14,
            /// Clears the finished-task counter.
            TASK_COUNT_CLEAR = 13:13,
            /// Task ping-pong.
            TASK_PP_EN = 12:12,
            /// Tasks of this start, at most 4095.
            TASK_NUMBER = 11:0,
        }
        /// Added to data addresses, never to the fetch.
        TASK_DMA_BASE_ADDR = 0x0034, "§2.2, §12.22" {
            /// Base in 16-byte units.
            DMA_BASE_ADDR = 31:4,
        }
        /// Progress of the running start.
        TASK_STATUS = 0x003C, "§2.2 [DRV]" {
            /// The last task's registers are being fetched.
            LAST_FETCH = 15:15,
            /// The first task's registers are being fetched.
            FIRST_FETCH = 14:14,
            /// The last task runs.
            LAST_OPERATING = 13:13,
            /// The first task runs.
            FIRST_OPERATING = 12:12,
            /// Finished tasks.
            TASKS_DONE = 11:0,
        }
    }
}
