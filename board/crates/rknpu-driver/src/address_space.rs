//! Page tables of the NPU's IOMMU: device addresses over physical pieces (sheet §1.5, §12.12). Knows memory and entries;
//! `paging` switches the IOMMU on and off.
//!
//! The walker cannot fetch tables above 4 GiB: every table comes from the driver's own memory, whose addresses have 32 bits.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use npu_device::{DeviceError, DmaMem, DmaRange, SyncDirection};
use npu_regs::iommu::{ENTRY_READABLE, ENTRY_VALID, ENTRY_WRITABLE, PAGE_BYTES, directory_index, entry, table_index};

use crate::heap::Heap;
use crate::memory_fault;

/// Device addresses that are handed out. They begin far above 0, so that small numbers fault.
const DEVICE_ADDRESSES: DmaRange = DmaRange {
    base: 0x1000_0000,
    size_bytes: 0xE000_0000,
};

/// One mapping: physical pieces in order of device address.
type Pieces = Vec<(u32, u64)>;

/// The device's view of memory.
pub(crate) struct AddressSpace {
    /// Physical address of the directory.
    directory: u32,
    /// Page tables by directory index.
    tables: BTreeMap<u32, u32>,
    free: Heap,
    /// Mappings by first device address.
    mappings: BTreeMap<u32, Pieces>,
}

impl AddressSpace {
    /// An empty one; its directory is allocated from `physical`.
    pub(crate) fn new(physical: &mut Heap, dma: &dyn DmaMem) -> Result<Self, DeviceError> {
        Ok(Self {
            directory: empty_table(physical, dma)?,
            tables: BTreeMap::new(),
            free: Heap::new(DEVICE_ADDRESSES),
            mappings: BTreeMap::new(),
        })
    }

    /// The directory's address as an entry, for `DTE_ADDRESS`.
    pub(crate) fn directory(&self) -> u32 {
        entry(self.directory.into())
    }

    pub(crate) fn would_allocate(&self, size_bytes: u64) -> Option<u32> {
        self.free.would_allocate(size_bytes)
    }

    /// Maps pieces at one device address. On failure the pieces are still the caller's.
    pub(crate) fn map(
        &mut self,
        size_bytes: u64,
        pieces: &[(u32, u64)],
        physical: &mut Heap,
        dma: &dyn DmaMem,
    ) -> Result<u32, DeviceError> {
        let address = self.free.allocate(size_bytes)?;
        let mut at = address;
        let outcome = pieces.iter().try_for_each(|&(piece, bytes)| {
            for page in (0..bytes).step_by(PAGE_BYTES as usize) {
                let page = entry(u64::from(piece) + page) | ENTRY_VALID | ENTRY_READABLE | ENTRY_WRITABLE;
                self.set(at, page, physical, dma)?;
                at += PAGE_BYTES;
            }
            Ok(())
        });
        if let Err(why) = outcome {
            self.free.release(address, size_bytes);
            return Err(why);
        }
        self.mappings.insert(address, pieces.to_vec());
        Ok(address)
    }

    /// Unmaps what `map` mapped and returns its pieces. Translations may still be remembered by the IOMMU.
    pub(crate) fn unmap(&mut self, address: u32, physical: &mut Heap, dma: &dyn DmaMem) -> Result<Pieces, DeviceError> {
        let pieces = self.mappings.remove(&address).ok_or(DeviceError::NotFound)?;
        let bytes: u64 = pieces.iter().map(|&(_, bytes)| bytes).sum();
        for page in (0..bytes).step_by(PAGE_BYTES as usize) {
            self.set(address + page as u32, 0, physical, dma)?;
        }
        self.free.release(address, bytes);
        Ok(pieces)
    }

    fn set(&mut self, address: u32, page: u32, physical: &mut Heap, dma: &dyn DmaMem) -> Result<(), DeviceError> {
        let index = directory_index(address);
        let table = match self.tables.get(&index) {
            Some(&table) => table,
            None => {
                let table = empty_table(physical, dma)?;
                write_entry(dma, self.directory + 4 * index, entry(table.into()) | ENTRY_VALID)?;
                self.tables.insert(index, table);
                table
            }
        };
        write_entry(dma, table + 4 * table_index(address), page)
    }

    /// Physical address of a device address and the bytes that follow it without a gap.
    pub(crate) fn translate(&self, address: u32) -> Option<(u32, u64)> {
        let (&first, pieces) = self.mappings.range(..=address).next_back()?;
        let mut offset = u64::from(address - first);
        for &(piece, bytes) in pieces {
            if offset < bytes {
                return Some((piece + offset as u32, bytes - offset));
            }
            offset -= bytes;
        }
        None
    }
}

fn empty_table(physical: &mut Heap, dma: &dyn DmaMem) -> Result<u32, DeviceError> {
    let table = physical.allocate(PAGE_BYTES.into())?;
    dma.zero(table, PAGE_BYTES.into()).map_err(memory_fault)?;
    dma.sync(table, PAGE_BYTES.into(), SyncDirection::ToDevice)
        .map_err(memory_fault)?;
    Ok(table)
}

fn write_entry(dma: &dyn DmaMem, at: u32, value: u32) -> Result<(), DeviceError> {
    dma.write(at, &value.to_le_bytes()).map_err(memory_fault)?;
    dma.sync(at, 4, SyncDirection::ToDevice).map_err(memory_fault)
}
