//! The IOMMU between the NPU and memory (RK-IOMMU, version 2 entries; sheet §1.5, §12.12). Off after reset: addresses pass
//! through. Translates through page tables in memory, remembers translations until it is told to forget them, and faults
//! as the chip does. Knows no driver and no buffers.
//!
//! Assumptions in one place: without bit 31 of `AUTO_GATING` the walker gets no answer (erratum 3); page tables and data
//! above 4 GiB are bus errors (erratum 1); a stalled unit faults, since nothing could let it go on while a task runs.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

use npu_device::{DmaFault, DmaMem, DmaView, IrqLine, Mmio};
use npu_regs::iommu::*;

use crate::lock::Lock;

/// One interrupt line with several sources, as the NPU and its IOMMU share SPI 151: it is high while any of them is.
pub(crate) struct SharedLine {
    sources: Arc<AtomicU32>,
    own: u32,
    line: Arc<dyn IrqLine>,
}

impl SharedLine {
    /// The same line for two sources.
    pub(crate) fn pair(line: Arc<dyn IrqLine>) -> [Arc<Self>; 2] {
        let sources = Arc::new(AtomicU32::new(0));
        [1, 2].map(|own| {
            Arc::new(Self {
                sources: Arc::clone(&sources),
                own,
                line: Arc::clone(&line),
            })
        })
    }
}

impl IrqLine for SharedLine {
    fn set(&self, asserted: bool) {
        if asserted {
            self.sources.fetch_or(self.own, Ordering::AcqRel);
        } else {
            self.sources.fetch_and(!self.own, Ordering::AcqRel);
        }
        self.line.set(self.sources.load(Ordering::Acquire) != 0);
    }
}

#[derive(Default)]
struct State {
    directory: u32,
    paging: bool,
    stalled: bool,
    gating: u32,
    raw: u32,
    mask: u32,
    fault: Option<DmaFault>,
    /// Entries of pages that were walked, by page number.
    remembered: BTreeMap<u32, u32>,
}

/// The IOMMU and the memory behind it.
pub struct Iommu {
    memory: Arc<dyn DmaMem>,
    line: Arc<dyn IrqLine>,
    state: Lock<State>,
}

impl Iommu {
    /// An IOMMU that passes addresses through.
    pub fn new(memory: Arc<dyn DmaMem>, line: Arc<dyn IrqLine>) -> Self {
        Self {
            memory,
            line,
            state: Lock::new(State::default()),
        }
    }

    /// The reset lines or a lost power domain: paging is off and the directory is forgotten.
    pub fn reset(&self) {
        *self.state.lock() = State::default();
        self.line.set(false);
    }

    /// Physical address of a device address, and the bytes to the end of its page.
    fn translate(&self, address: u32, write: bool) -> Result<(u32, usize), DmaFault> {
        let mut state = self.state.lock();
        let left = (PAGE_BYTES - address % PAGE_BYTES) as usize;
        if !state.paging {
            return Ok((address, usize::MAX));
        }
        match self.walk(&mut state, address, write) {
            Ok(entry) => Ok((physical(entry) as u32 + address % PAGE_BYTES, left)),
            Err(bit) => {
                let fault = DmaFault { address, write };
                state.raw |= bit;
                state.fault = Some(fault);
                let asserted = state.raw & state.mask != 0;
                drop(state);
                self.line.set(asserted);
                Err(fault)
            }
        }
    }

    /// The page's entry, or the interrupt bit that says why there is none.
    fn walk(&self, state: &mut State, address: u32, write: bool) -> Result<u32, u32> {
        if state.stalled || state.gating & AUTO_GATING_WALKER == 0 {
            return Err(INTERRUPT_BUS_ERROR);
        }
        let page = address / PAGE_BYTES;
        let known = state.remembered.get(&page).copied();
        let entry = match known {
            Some(entry) => entry,
            None => {
                let table = self.read_entry(state.directory, directory_index(address))?;
                if table & ENTRY_VALID == 0 {
                    return Err(INTERRUPT_PAGE_FAULT);
                }
                self.read_entry(table, table_index(address))?
            }
        };
        let needed = ENTRY_VALID | if write { ENTRY_WRITABLE } else { ENTRY_READABLE };
        if entry & needed != needed {
            return Err(INTERRUPT_PAGE_FAULT);
        }
        if physical(entry) >= 1 << 32 {
            return Err(INTERRUPT_BUS_ERROR);
        }
        state.remembered.insert(page, entry);
        Ok(entry)
    }

    fn read_entry(&self, table: u32, index: u32) -> Result<u32, u32> {
        let base = u32::try_from(physical(table)).map_err(|_| INTERRUPT_BUS_ERROR)?;
        let mut bytes = [0; 4];
        self.memory
            .read(base + index * 4, &mut bytes)
            .map_err(|_| INTERRUPT_BUS_ERROR)?;
        Ok(u32::from_le_bytes(bytes))
    }

    /// Calls `each` with every physically contiguous run: its address, its place in the transfer, its length.
    fn runs(
        &self,
        address: u32,
        length: usize,
        write: bool,
        mut each: impl FnMut(u32, usize, usize) -> Result<(), DmaFault>,
    ) -> Result<(), DmaFault> {
        let mut done = 0;
        while done < length {
            let at = u32::try_from(address as u64 + done as u64).map_err(|_| DmaFault { address, write })?;
            let (start, mut run) = self.translate(at, write)?;
            run = run.min(length - done);
            while done + run < length {
                let next = u32::try_from(at as u64 + run as u64).map_err(|_| DmaFault { address: at, write })?;
                let (physical, more) = self.translate(next, write)?;
                if u64::from(physical) != u64::from(start) + run as u64 {
                    break;
                }
                run += more.min(length - done - run);
            }
            each(start, done, run).map_err(|fault| DmaFault {
                address: at.saturating_add(fault.address.saturating_sub(start)),
                write,
            })?;
            done += run;
        }
        Ok(())
    }
}

impl DmaMem for Iommu {
    fn read(&self, address: u32, into: &mut [u8]) -> Result<(), DmaFault> {
        self.runs(address, into.len(), false, |physical, at, length| {
            self.memory.read(physical, &mut into[at..at + length])
        })
    }

    fn write(&self, address: u32, bytes: &[u8]) -> Result<(), DmaFault> {
        self.runs(address, bytes.len(), true, |physical, at, length| {
            self.memory.write(physical, &bytes[at..at + length])
        })
    }

    fn pin(&self, address: u32, max_bytes: usize) -> Result<Option<Box<dyn DmaView + '_>>, DmaFault> {
        let (start, mut run) = self.translate(address, false)?;
        while run < max_bytes {
            // The view simply ends where the next page lies elsewhere or cannot be read: the reader comes back for it.
            let Some(next) = u32::try_from(run).ok().and_then(|run| address.checked_add(run)) else {
                break;
            };
            let mut state = self.state.lock();
            match self.walk(&mut state, next, false) {
                Ok(entry) if physical(entry) == u64::from(start) + run as u64 => run += PAGE_BYTES as usize,
                _ => break,
            }
        }
        self.memory.pin(start, run.min(max_bytes))
    }
}

impl Mmio for Iommu {
    fn read32(&self, offset: u32) -> u32 {
        let state = self.state.lock();
        match offset {
            DTE_ADDRESS => state.directory,
            STATUS => {
                let fault = state.fault.map_or(0, |fault| {
                    STATUS_PAGE_FAULT | if fault.write { STATUS_FAULT_IS_WRITE } else { 0 }
                });
                let paging = if state.paging { STATUS_PAGING } else { 0 };
                let stalled = if state.stalled { STATUS_STALLED } else { 0 };
                paging | stalled | fault | STATUS_IDLE
            }
            PAGE_FAULT_ADDRESS => state.fault.map_or(0, |fault| fault.address),
            INTERRUPT_RAW => state.raw,
            INTERRUPT_MASK => state.mask,
            INTERRUPT_STATUS => state.raw & state.mask,
            AUTO_GATING => state.gating,
            _ => 0,
        }
    }

    fn write32(&self, offset: u32, value: u32) {
        let mut state = self.state.lock();
        match (offset, value) {
            (DTE_ADDRESS, _) => state.directory = value & 0xFFFF_FFF0,
            (COMMAND, COMMAND_ENABLE_PAGING) => state.paging = true,
            (COMMAND, COMMAND_DISABLE_PAGING) => state.paging = false,
            (COMMAND, COMMAND_STALL) => state.stalled = state.paging,
            (COMMAND, COMMAND_RESUME) => state.stalled = false,
            (COMMAND, COMMAND_ZAP_CACHE) => state.remembered.clear(),
            (ZAP_LINE, _) => {
                state.remembered.remove(&(value / PAGE_BYTES));
            }
            (INTERRUPT_CLEAR, _) => state.raw &= !value,
            (INTERRUPT_MASK, _) => state.mask = value & (INTERRUPT_PAGE_FAULT | INTERRUPT_BUS_ERROR),
            (AUTO_GATING, _) => state.gating = value,
            _ => {}
        }
        let asserted = state.raw & state.mask != 0;
        drop(state);
        self.line.set(asserted);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;
    use crate::memory::{BASE, HostMemory};

    struct Quiet;
    impl IrqLine for Quiet {
        fn set(&self, _: bool) {}
    }

    const DIRECTORY: u32 = BASE;
    const TABLE: u32 = BASE + 0x1000;
    const PAGES: u32 = BASE + 0x2000;
    /// A device address whose directory index is 1.
    const DEVICE: u32 = 0x0040_0000;
    const ALL: u32 = ENTRY_VALID | ENTRY_READABLE | ENTRY_WRITABLE;

    fn poke(memory: &HostMemory, at: u32, value: u32) {
        memory.write(at, &value.to_le_bytes()).unwrap();
    }

    /// Three device pages on physical pages 1, 2 and 0: contiguous, contiguous, elsewhere.
    fn mapped() -> (Arc<HostMemory>, Iommu) {
        let memory = Arc::new(HostMemory::new(1 << 20).unwrap());
        poke(&memory, DIRECTORY + 4, entry(TABLE.into()) | ENTRY_VALID);
        for (index, page) in [1, 2, 0].into_iter().enumerate() {
            let address = u64::from(PAGES + page * 0x1000);
            poke(&memory, TABLE + 4 * index as u32, entry(address) | ALL);
        }
        let iommu = Iommu::new(memory.clone(), Arc::new(Quiet));
        iommu.write32(DTE_ADDRESS, entry(DIRECTORY.into()));
        iommu.write32(AUTO_GATING, AUTO_GATING_WALKER);
        iommu.write32(INTERRUPT_MASK, INTERRUPT_PAGE_FAULT | INTERRUPT_BUS_ERROR);
        iommu.write32(COMMAND, COMMAND_ENABLE_PAGING);
        (memory, iommu)
    }

    #[test]
    fn addresses_pass_through_until_paging_is_on_and_after_a_reset() {
        let (memory, iommu) = mapped();
        iommu.reset();
        iommu.write(BASE + 5, &[9]).unwrap();
        let mut byte = [0];
        memory.read(BASE + 5, &mut byte).unwrap();
        assert_eq!((byte, iommu.read32(STATUS) & STATUS_PAGING), ([9], 0));
    }

    #[test]
    fn transfers_follow_pages_wherever_they_lie() {
        let (memory, iommu) = mapped();
        let bytes: vec::Vec<u8> = (0..3 * 4096u32).map(|index| (index / 7) as u8).collect();
        iommu.write(DEVICE, &bytes).unwrap();
        let mut page = vec![0; 4096];
        memory.read(PAGES, &mut page).unwrap();
        assert_eq!(page, bytes[2 * 4096..]);
        let mut back = vec![0; 5000];
        iommu.read(DEVICE + 6000, &mut back).unwrap();
        assert_eq!(back, bytes[6000..11000]);
    }

    #[test]
    fn a_view_ends_where_the_next_page_lies_elsewhere() {
        let (_, iommu) = mapped();
        assert_eq!(
            iommu.pin(DEVICE + 100, 1 << 20).unwrap().unwrap().bytes().len(),
            8192 - 100
        );
        assert_eq!(iommu.pin(DEVICE, 10).unwrap().unwrap().bytes().len(), 10);
        assert!(iommu.pin(DEVICE + 3 * 4096, 1).is_err());
    }

    #[test]
    fn a_page_that_is_not_mapped_faults_with_its_address_and_direction() {
        let (_, iommu) = mapped();
        let missing = DEVICE + 3 * 4096;
        let mut bytes = [0; 8];
        let fault = |address, write| Err(DmaFault { address, write });
        assert_eq!(iommu.read(missing - 4, &mut bytes), fault(missing, false));
        assert_eq!(iommu.read32(PAGE_FAULT_ADDRESS), missing);
        assert_eq!(iommu.read32(INTERRUPT_STATUS), INTERRUPT_PAGE_FAULT);
        assert_eq!(iommu.write(0x10, &bytes), fault(0x10, true));
        assert_eq!(
            iommu.read32(STATUS),
            STATUS_PAGING | STATUS_PAGE_FAULT | STATUS_FAULT_IS_WRITE | STATUS_IDLE
        );
        iommu.write32(INTERRUPT_CLEAR, u32::MAX);
        assert_eq!(iommu.read32(INTERRUPT_STATUS), 0);
    }

    #[test]
    fn permissions_are_kept() {
        let (memory, iommu) = mapped();
        poke(&memory, TABLE, entry(u64::from(PAGES)) | ENTRY_VALID | ENTRY_READABLE);
        assert!(iommu.read(DEVICE, &mut [0]).is_ok());
        assert!(iommu.write(DEVICE, &[0]).is_err());
    }

    #[test]
    fn a_changed_entry_is_seen_only_after_a_zap() {
        let (memory, iommu) = mapped();
        let mut byte = [0];
        memory.write(PAGES, &[7]).unwrap();
        memory.write(PAGES + 0x1000, &[5]).unwrap();
        iommu.read(DEVICE, &mut byte).unwrap();
        assert_eq!(byte, [5]);
        poke(&memory, TABLE, entry(u64::from(PAGES)) | ALL);
        iommu.read(DEVICE, &mut byte).unwrap();
        assert_eq!(byte, [5]);
        iommu.write32(ZAP_LINE, DEVICE + 12);
        iommu.read(DEVICE, &mut byte).unwrap();
        assert_eq!(byte, [7]);
        poke(&memory, TABLE, 0);
        iommu.write32(COMMAND, COMMAND_ZAP_CACHE);
        assert!(iommu.read(DEVICE, &mut byte).is_err());
    }

    #[test]
    fn tables_and_pages_above_four_gibibytes_and_a_gated_walker_are_bus_errors() {
        let (memory, iommu) = mapped();
        poke(&memory, TABLE, entry(0x1_0000_0000) | ALL);
        assert!(iommu.read(DEVICE, &mut [0]).is_err());
        assert_eq!(iommu.read32(INTERRUPT_RAW), INTERRUPT_BUS_ERROR);
        let (memory, iommu) = mapped();
        poke(
            &memory,
            DIRECTORY + 4,
            entry(0x1_0000_0000 + u64::from(TABLE)) | ENTRY_VALID,
        );
        assert!(iommu.read(DEVICE, &mut [0]).is_err());
        let (_, iommu) = mapped();
        iommu.write32(AUTO_GATING, 0);
        assert!(iommu.read(DEVICE, &mut [0]).is_err());
        assert_eq!(iommu.read32(INTERRUPT_RAW), INTERRUPT_BUS_ERROR);
    }
}
