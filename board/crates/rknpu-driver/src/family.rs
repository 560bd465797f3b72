//! The chips of the family in one table: what the vendor's kernel driver configures for each (sheet §1.4) and what else is
//! known to differ. A chip with a [`Soc`] is driven; the others are data, so that a second chip is a row to complete and
//! not a rewrite.

use crate::soc::{RK3568, Soc};

/// Offsets of the traffic counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CounterOffsets {
    /// Clears and enables.
    pub control: u32,
    /// Data written.
    pub written: u32,
    /// Data read.
    pub read: u32,
    /// Weights read.
    pub weights: u32,
}

/// A range of physical addresses beside the NPU's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// Physical address.
    pub address: u32,
    /// Bytes.
    pub size_bytes: u32,
}

/// One chip.
#[derive(Debug, PartialEq, Eq)]
pub struct SocRow {
    /// Names of chips with this NPU.
    pub names: &'static [&'static str],
    /// Bits of a DMA address.
    pub dma_bits: u32,
    /// Words that one unit of the fetch amount and the counters stands for.
    pub amount_scale: u32,
    /// Bits of the task counter.
    pub task_number_bits: u32,
    /// Offset of the task counter.
    pub task_status_offset: u32,
    /// Value of the vendor's `pc_dma_ctrl`.
    pub pc_dma_ctrl: u32,
    /// Cores, each with an interrupt line.
    pub cores: u32,
    /// Most tasks of one start.
    pub max_tasks_per_start: u32,
    /// On-chip memory that the NPU may use.
    pub near_buffer: Option<Range>,
    /// Registers of the chip's quality of service that give the NPU priority on the memory bus.
    pub bandwidth_priority: Option<Range>,
    /// Traffic counters of the first core.
    pub counters: Option<CounterOffsets>,
    /// Bytes of a pixel in a feature surface.
    pub feature_atom_bytes: u32,
    /// Input channels and kernels of the array at int8.
    pub array_int8: (u32, u32),
    /// The same at fp16.
    pub array_fp16: (u32, u32),
    /// What the driver needs beyond this row; `None` where it is not known well enough to drive the chip.
    pub driver: Option<&'static Soc>,
    /// Known differences to the RK3568 that are not numbers of this row.
    pub differences: &'static [&'static str],
}

const PC_COUNTERS: CounterOffsets = CounterOffsets {
    control: 0x8010,
    written: 0x8034,
    read: 0x8038,
    weights: 0x803C,
};

/// Differences that every chip after the RK3568 shares (sheet §0.3, §2.3, §3.2).
const LATER: &str = "register map of the RK3588: no CMAC block at 0x2000, CORE and several CNA, DPU and RDMA fields at \
                     appendix A's places";
const HALVED: &str = "the fetch amount counts pairs of words";

/// Sources: sheet §1.4 (kernel driver), the paragraph below it and §4.4 (tiles).
pub const SOCS: &[SocRow] = &[
    SocRow {
        names: &["rk3568", "rk3566"],
        dma_bits: 32,
        amount_scale: 1,
        task_number_bits: 12,
        task_status_offset: 0x3C,
        pc_dma_ctrl: 0,
        cores: 1,
        max_tasks_per_start: 4095,
        near_buffer: None,
        bandwidth_priority: Some(Range {
            address: 0xFE18_0008,
            size_bytes: 0x10,
        }),
        counters: Some(PC_COUNTERS),
        feature_atom_bytes: 8,
        array_int8: (32, 16),
        array_fp16: (16, 8),
        driver: Some(&RK3568),
        differences: &[],
    },
    SocRow {
        names: &["rk3588"],
        dma_bits: 40,
        amount_scale: 2,
        task_number_bits: 12,
        task_status_offset: 0x3C,
        pc_dma_ctrl: 0,
        cores: 3,
        max_tasks_per_start: 4095,
        near_buffer: None,
        bandwidth_priority: None,
        counters: None,
        feature_atom_bytes: 16,
        array_int8: (32, 32),
        array_fp16: (32, 16),
        driver: None,
        differences: &[
            LATER,
            HALVED,
            "twelve buffer banks",
            "S_POINTER of CNA and CORE is written as 0xE + 0x10000000 * core before a commit",
            "int32 results have eight surfaces a kernel group",
        ],
    },
    SocRow {
        names: &["rk3562"],
        dma_bits: 40,
        amount_scale: 2,
        task_number_bits: 16,
        task_status_offset: 0x48,
        pc_dma_ctrl: 1,
        cores: 1,
        max_tasks_per_start: 65535,
        near_buffer: Some(Range {
            address: 0xFE40_0000,
            size_bytes: 256 << 10,
        }),
        bandwidth_priority: None,
        counters: Some(PC_COUNTERS),
        feature_atom_bytes: 16,
        array_int8: (32, 16),
        array_fp16: (32, 8),
        driver: None,
        differences: &[LATER, HALVED],
    },
    SocRow {
        names: &["rk3576"],
        dma_bits: 40,
        amount_scale: 2,
        task_number_bits: 16,
        task_status_offset: 0x48,
        pc_dma_ctrl: 1,
        cores: 2,
        max_tasks_per_start: 65535,
        near_buffer: Some(Range {
            address: 0x3FE8_0000,
            size_bytes: 1 << 20,
        }),
        bandwidth_priority: None,
        counters: Some(CounterOffsets {
            control: 0x2210,
            written: 0x2234,
            read: 0x2238,
            weights: 0x223C,
        }),
        feature_atom_bytes: 16,
        array_int8: (32, 32),
        array_fp16: (32, 16),
        driver: None,
        differences: &[
            LATER,
            HALVED,
            "a second set of counters per core at 0x2410, 0x2434, 0x2438, 0x243C",
            "a short write sequence to PC 0x10, 0x1004 and 0x1024 before the first job",
            "the first task after power-up must be primed (erratum 31)",
        ],
    },
];

/// The row of a chip.
pub fn soc_row(name: &str) -> Option<&'static SocRow> {
    SOCS.iter().find(|row| row.names.contains(&name))
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    use npu_device::Precision;
    use npu_regs::{Register, ddma, pc, task};

    use super::*;

    #[test]
    fn the_row_of_the_driven_chip_agrees_with_the_register_map_and_the_layouts() {
        let row = soc_row("rk3566").unwrap();
        assert_eq!(row.driver, Some(&RK3568));
        assert_eq!(row.task_status_offset, pc::TASK_STATUS::INFO.offset);
        assert_eq!((1 << row.task_number_bits) - 1, pc::TASK_CON::TASK_NUMBER.max());
        assert_eq!(row.max_tasks_per_start, task::MAX_TASKS_PER_START);
        let counters = row.counters.unwrap();
        assert_eq!(counters.control, ddma::COUNTER_CONTROL::INFO.offset);
        assert_eq!(counters.written, ddma::DT_WR::INFO.offset);
        assert_eq!(counters.read, ddma::DT_RD::INFO.offset);
        assert_eq!(counters.weights, ddma::WT_RD::INFO.offset);
        let array = |precision: Precision| (precision.channel_slice(), precision.kernel_group());
        assert_eq!(row.array_int8, array(Precision::Int8));
        assert_eq!(row.array_fp16, array(Precision::Fp16));
        assert_eq!(
            row.feature_atom_bytes,
            Precision::Int8.surface_channels() * Precision::Int8.bytes()
        );
    }

    #[test]
    fn every_row_is_that_of_the_kernel_drivers_table() {
        // §1.4, row by row: DMA bits, amount scale, bits of the task number, status offset, pc_dma_ctrl, cores, tasks of a
        // start, near memory, priority registers, first counter; then atom and arrays (S-ug tables 8-1 to 8-4).
        let table = "rk3568 32 1 12 3c 0 1 4095 none fe180008+10 8010 8 32x16 16x8
                     rk3588 40 2 12 3c 0 3 4095 none none none 16 32x32 32x16
                     rk3562 40 2 16 48 1 1 65535 fe400000+40000 none 8010 16 32x16 32x8
                     rk3576 40 2 16 48 1 2 65535 3fe80000+100000 none 2210 16 32x32 32x16";
        let range = |range: Option<Range>| match range {
            Some(range) => format!("{:x}+{:x}", range.address, range.size_bytes),
            None => "none".into(),
        };
        let pair = |(channels, kernels): (u32, u32)| format!("{channels}x{kernels}");
        for line in table.lines() {
            let wanted: Vec<&str> = line.split_whitespace().collect();
            let row = soc_row(wanted[0]).unwrap();
            let found: [String; 14] = [
                wanted[0].into(),
                row.dma_bits.to_string(),
                row.amount_scale.to_string(),
                row.task_number_bits.to_string(),
                format!("{:x}", row.task_status_offset),
                row.pc_dma_ctrl.to_string(),
                row.cores.to_string(),
                row.max_tasks_per_start.to_string(),
                range(row.near_buffer),
                range(row.bandwidth_priority),
                row.counters
                    .map_or("none".into(), |counters| format!("{:x}", counters.control)),
                row.feature_atom_bytes.to_string(),
                pair(row.array_int8),
                pair(row.array_fp16),
            ];
            assert_eq!(found.to_vec(), wanted);
        }
        assert_eq!(table.lines().count(), SOCS.len());
    }

    #[test]
    fn chips_without_a_driver_say_what_is_known_to_differ() {
        for row in SOCS.iter().filter(|row| row.driver.is_none()) {
            assert!(!row.differences.is_empty(), "{:?}", row.names);
        }
        assert!(soc_row("rk9999").is_none());
    }
}
