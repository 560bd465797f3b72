//! The driver's memory: pages by device address, with or without the IOMMU, made visible to the other side as their cache
//! policy asks. Knows no buffers and no jobs.

use alloc::sync::Arc;
use alloc::vec::Vec;

use npu_device::{CachePolicy, DeviceError, DmaFault, DmaMem, Hardware, Platform, SyncDirection};

use crate::address_space::AddressSpace;
use crate::heap::Heap;
use crate::memory_fault;

/// Memory that the driver hands out.
pub(crate) struct Memory {
    dma: Arc<dyn DmaMem>,
    platform: Arc<dyn Platform>,
    physical: Heap,
    space: Option<AddressSpace>,
}

impl Memory {
    pub(crate) fn new(hardware: &Hardware) -> Self {
        Self {
            dma: hardware.dma.clone(),
            platform: hardware.platform.clone(),
            physical: Heap::new(hardware.memory),
            space: None,
        }
    }

    /// Why an access of the CPU failed: a device that is lost has lost its memory too.
    fn fault(&self, fault: DmaFault) -> DeviceError {
        match self.platform.fault() {
            Some(DeviceError::Lost) => DeviceError::Lost,
            _ => memory_fault(fault),
        }
    }

    /// Gives the device its own address space. Only before anything was allocated.
    pub(crate) fn use_paging(&mut self) -> Result<u32, DeviceError> {
        if self.space.is_none() {
            self.space = Some(AddressSpace::new(&mut self.physical, &*self.dma)?);
        }
        self.space
            .as_ref()
            .map(AddressSpace::directory)
            .ok_or(DeviceError::Lost)
    }

    pub(crate) fn is_paged(&self) -> bool {
        self.space.is_some()
    }

    pub(crate) fn free_bytes(&self) -> u64 {
        self.physical.free_bytes()
    }

    /// Where [`Self::allocate`] would allocate, for listings.
    pub(crate) fn would_allocate(&self, size_bytes: u64) -> Option<u32> {
        match &self.space {
            Some(space) => space.would_allocate(size_bytes),
            None => self.physical.would_allocate(size_bytes),
        }
    }

    /// Zeroed pages.
    pub(crate) fn allocate(&mut self, size_bytes: u64, policy: CachePolicy) -> Result<u32, DeviceError> {
        let pieces = match &mut self.space {
            None => [(self.physical.allocate(size_bytes)?, size_bytes)].into(),
            Some(_) => self.physical.allocate_pieces(size_bytes)?,
        };
        self.prepare(&pieces, policy)
            .and_then(|()| self.map(size_bytes, &pieces))
            .inspect_err(|_| self.give_back(&pieces))
    }

    fn prepare(&self, pieces: &[(u32, u64)], policy: CachePolicy) -> Result<(), DeviceError> {
        for &(piece, bytes) in pieces {
            self.dma
                .set_cache_policy(piece, bytes, policy)
                .map_err(|fault| self.fault(fault))?;
            self.dma.zero(piece, bytes).map_err(|fault| self.fault(fault))?;
            if policy == CachePolicy::Cached {
                self.dma
                    .sync(piece, bytes, SyncDirection::ToDevice)
                    .map_err(|fault| self.fault(fault))?;
            }
        }
        Ok(())
    }

    fn map(&mut self, size_bytes: u64, pieces: &[(u32, u64)]) -> Result<u32, DeviceError> {
        match &mut self.space {
            None => pieces.first().map(|&(piece, _)| piece).ok_or(DeviceError::NotFound),
            Some(space) => space.map(size_bytes, pieces, &mut self.physical, &*self.dma),
        }
    }

    fn give_back(&mut self, pieces: &[(u32, u64)]) {
        for &(piece, bytes) in pieces {
            self.physical.release(piece, bytes);
        }
    }

    /// Takes pages back. With paging, the IOMMU must forget them before they are handed out again.
    pub(crate) fn release(&mut self, address: u32, size_bytes: u64) -> Result<(), DeviceError> {
        let pieces: Vec<_> = match &mut self.space {
            None => [(address, size_bytes)].into(),
            Some(space) => space.unmap(address, &mut self.physical, &*self.dma)?,
        };
        self.give_back(&pieces);
        Ok(())
    }

    /// Calls `each` with every physically contiguous run: its address, its place, its length.
    fn runs(
        &self,
        address: u32,
        size_bytes: u64,
        mut each: impl FnMut(u32, u64, u64) -> Result<(), DeviceError>,
    ) -> Result<(), DeviceError> {
        let Some(space) = &self.space else {
            return each(address, 0, size_bytes);
        };
        let mut done = 0;
        while done < size_bytes {
            let at = u32::try_from(u64::from(address) + done).ok();
            let (piece, bytes) = at
                .and_then(|at| space.translate(at))
                .ok_or_else(|| DeviceError::Fault(alloc::format!("device address 0x{address:08X} is not mapped")))?;
            let bytes = bytes.min(size_bytes - done);
            each(piece, done, bytes)?;
            done += bytes;
        }
        Ok(())
    }

    pub(crate) fn read(&self, address: u32, into: &mut [u8]) -> Result<(), DeviceError> {
        self.runs(address, into.len() as u64, |piece, at, bytes| {
            let part = &mut into[at as usize..(at + bytes) as usize];
            self.dma.read(piece, part).map_err(|fault| self.fault(fault))
        })
    }

    pub(crate) fn write(&self, address: u32, bytes: &[u8]) -> Result<(), DeviceError> {
        self.runs(address, bytes.len() as u64, |piece, at, count| {
            let part = &bytes[at as usize..(at + count) as usize];
            self.dma.write(piece, part).map_err(|fault| self.fault(fault))
        })
    }

    pub(crate) fn sync(&self, address: u32, size_bytes: u64, direction: SyncDirection) -> Result<(), DeviceError> {
        self.runs(address, size_bytes, |piece, _, bytes| {
            self.dma
                .sync(piece, bytes, direction)
                .map_err(|fault| self.fault(fault))
        })
    }
}
