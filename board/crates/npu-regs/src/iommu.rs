//! The IOMMU in front of the NPU (RK-IOMMU, version 2 entries): register offsets, commands, page-table entries.
//!
//! Source of everything here: sheet §1.5 and §12.12 (S-lin `drivers/iommu/rockchip-iommu.c`). A block of its own that no
//! command word reaches, so it has offsets and bits instead of the map's register types. Knows no addresses of buffers.

/// Offset of the IOMMU's registers inside the NPU's window (0xFDE4B000 − 0xFDE40000).
pub const WINDOW_OFFSET: u32 = 0xB000;
/// Bytes of its registers.
pub const WINDOW_BYTES: u32 = 0x40;

/// Physical address of the directory, in the form of an entry.
pub const DTE_ADDRESS: u32 = WINDOW_OFFSET;
/// State, read only: see the `STATUS_` bits.
pub const STATUS: u32 = WINDOW_OFFSET + 0x04;
/// Commands, write only: see the `COMMAND_` codes.
pub const COMMAND: u32 = WINDOW_OFFSET + 0x08;
/// Device address of the last page fault, read only.
pub const PAGE_FAULT_ADDRESS: u32 = WINDOW_OFFSET + 0x0C;
/// Forgets the translation of one device address.
pub const ZAP_LINE: u32 = WINDOW_OFFSET + 0x10;
/// Interrupt bits before the mask; writing raises them.
pub const INTERRUPT_RAW: u32 = WINDOW_OFFSET + 0x14;
/// Writing 1 clears a raw bit.
pub const INTERRUPT_CLEAR: u32 = WINDOW_OFFSET + 0x18;
/// Enabled interrupts, 1 = enabled.
pub const INTERRUPT_MASK: u32 = WINDOW_OFFSET + 0x1C;
/// Raw bits under the mask.
pub const INTERRUPT_STATUS: u32 = WINDOW_OFFSET + 0x20;
/// Clock gating; bit 31 must be set before pages are walked (erratum 3).
pub const AUTO_GATING: u32 = WINDOW_OFFSET + 0x24;

/// Paging is on.
pub const STATUS_PAGING: u32 = 1 << 0;
/// A page fault waits for a reset.
pub const STATUS_PAGE_FAULT: u32 = 1 << 1;
/// Translations are stalled.
pub const STATUS_STALLED: u32 = 1 << 2;
/// Nothing is under way.
pub const STATUS_IDLE: u32 = 1 << 3;
/// The page fault was a write.
pub const STATUS_FAULT_IS_WRITE: u32 = 1 << 5;

/// Translates from now on.
pub const COMMAND_ENABLE_PAGING: u32 = 0;
/// Passes addresses on.
pub const COMMAND_DISABLE_PAGING: u32 = 1;
/// Holds translations back.
pub const COMMAND_STALL: u32 = 2;
/// Lets them go on.
pub const COMMAND_RESUME: u32 = 3;
/// Forgets all translations.
pub const COMMAND_ZAP_CACHE: u32 = 4;

/// A translation was missing or forbidden.
pub const INTERRUPT_PAGE_FAULT: u32 = 1 << 0;
/// The page tables could not be read.
pub const INTERRUPT_BUS_ERROR: u32 = 1 << 1;
/// Without this bit the walker hangs (erratum 3).
pub const AUTO_GATING_WALKER: u32 = 1 << 31;

/// Bytes of a page, of a page table and of the directory.
pub const PAGE_BYTES: u32 = 4096;
/// The entry points somewhere.
pub const ENTRY_VALID: u32 = 1 << 0;
/// The page may be read.
pub const ENTRY_READABLE: u32 = 1 << 1;
/// The page may be written.
pub const ENTRY_WRITABLE: u32 = 1 << 2;

/// An entry without permission bits for a 4 KiB aligned physical address below 2^40: [31:12] hold PA[31:12], [11:8]
/// PA[35:32], [7:4] PA[39:36].
pub const fn entry(physical: u64) -> u32 {
    (physical as u32 & 0xFFFF_F000) | ((physical >> 32) as u32 & 0xF) << 8 | ((physical >> 36) as u32 & 0xF) << 4
}

/// The physical address of an entry.
pub const fn physical(entry: u32) -> u64 {
    (entry & 0xFFFF_F000) as u64 | ((entry >> 8 & 0xF) as u64) << 32 | ((entry >> 4 & 0xF) as u64) << 36
}

/// Index of a device address in the directory.
pub const fn directory_index(address: u32) -> u32 {
    address >> 22
}

/// Index of a device address in its page table.
pub const fn table_index(address: u32) -> u32 {
    address >> 12 & 0x3FF
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_holds_forty_bits_of_physical_address() {
        for address in [0, 0x1000, 0xFFFF_F000, 0x1_2345_6000, 0xAB_CDEF_0000, 0xFF_FFFF_F000] {
            assert_eq!(physical(entry(address)), address);
            assert_eq!(
                physical(entry(address) | ENTRY_VALID | ENTRY_READABLE | ENTRY_WRITABLE),
                address
            );
        }
        assert_eq!(entry(0xA5_0000_1000), 0x1000 | 5 << 8 | 0xA << 4);
    }

    #[test]
    fn an_address_is_ten_bits_directory_ten_bits_table_twelve_bits_offset() {
        assert_eq!((directory_index(0xFFC0_0FFF), table_index(0xFFC0_0FFF)), (0x3FF, 0));
        assert_eq!((directory_index(0x0040_3000), table_index(0x0040_3000)), (1, 3));
    }
}
