//! Memory objects of the device file: created, mapped, synchronised, destroyed. Every answer is checked: one kernel says
//! success and gives handle 0 (starryos.md §1.9).

use std::sync::Arc;

use npu_device::{DeviceError, DmaFault, DmaMem, DmaView, SyncDirection};

use crate::abi::{MemCreate, MemDestroy, MemMap, MemSync, memory};
use crate::caller::{Caller, cause};
use crate::ioctl::{Mapping, Request};

const PAGE_BYTES: u64 = 4096;
const ADDRESS_SPACE: u64 = 1 << 32;

/// A live object.
pub(crate) struct Object {
    caller: Arc<Caller>,
    handle: u32,
    pub(crate) obj_addr: u64,
    pub(crate) address: u32,
    pub(crate) bytes: u64,
    mapping: Option<Box<dyn Mapping>>,
}

impl Object {
    /// Creates and maps an object of whole pages.
    pub(crate) fn create(caller: &Arc<Caller>, bytes: u64, flags: u32) -> Result<Self, DeviceError> {
        let bytes = bytes.next_multiple_of(PAGE_BYTES);
        let request = MemCreate {
            flags: flags | memory::DMA32 | memory::CACHEABLE | memory::ZERO,
            size: bytes,
            ..MemCreate::default()
        };
        let Request::MemCreate(made) = caller.call(Request::MemCreate(request))? else {
            return Err(DeviceError::Fault("MEM_CREATE: the answer is of another kind".into()));
        };
        // Not even a handle: nothing was made, whatever the return code says.
        if made.handle == 0 {
            return Err(DeviceError::OutOfMemory {
                wanted_bytes: bytes,
                free_bytes: 0,
            });
        }
        // From here on dropping it destroys it.
        let mut object = Self {
            caller: Arc::clone(caller),
            handle: made.handle,
            obj_addr: made.obj_addr,
            address: 0,
            bytes,
            mapping: None,
        };
        let usable = made.obj_addr != 0
            && made.dma_addr != 0
            && made.dma_addr.is_multiple_of(PAGE_BYTES)
            && made.dma_addr.checked_add(bytes).is_some_and(|end| end <= ADDRESS_SPACE)
            && made.size >= bytes;
        object.address = match u32::try_from(made.dma_addr) {
            Ok(address) if usable => address,
            _ => {
                return Err(DeviceError::Fault(format!(
                    "MEM_CREATE: device address 0x{:X}, {} of {bytes} bytes, object 0x{:X}: the NPU cannot use that",
                    made.dma_addr, made.size, made.obj_addr
                )));
            }
        };
        let request = MemMap {
            handle: made.handle,
            ..MemMap::default()
        };
        let Request::MemMap(map) = caller.call(Request::MemMap(request))? else {
            return Err(DeviceError::Fault("MEM_MAP: the answer is of another kind".into()));
        };
        let length = usize::try_from(bytes).map_err(|_| DeviceError::Invalid(format!("memory: {bytes} bytes")))?;
        object.mapping = Some(
            caller
                .device()
                .map(map.offset, length)
                .map_err(|errno| cause("mmap", errno))?,
        );
        Ok(object)
    }

    fn inside(&self, offset: u64, length: usize) -> Option<(&dyn Mapping, usize)> {
        let end = offset.checked_add(length as u64)?;
        let mapping = self.mapping.as_deref().filter(|_| end <= self.bytes)?;
        Some((mapping, usize::try_from(offset).ok()?))
    }

    /// Makes writes of one side visible to the other.
    pub(crate) fn sync(&self, flags: u32, offset: u64, bytes: u64) -> Result<(), DeviceError> {
        let request = MemSync {
            flags,
            obj_addr: self.obj_addr,
            offset,
            size: bytes,
            ..MemSync::default()
        };
        self.caller.call(Request::MemSync(request)).map(drop)
    }

    /// Copies in. The device sees it after a sync.
    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), DeviceError> {
        let (mapping, at) = self.inside(offset, bytes.len()).ok_or(DeviceError::NotFound)?;
        mapping.write(at, bytes);
        Ok(())
    }

    /// Copies out what was there at the last sync.
    pub(crate) fn read(&self, offset: u64, into: &mut [u8]) -> Result<(), DeviceError> {
        let (mapping, at) = self.inside(offset, into.len()).ok_or(DeviceError::NotFound)?;
        mapping.read(at, into);
        Ok(())
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // Unmapped before the handle goes. A kernel that refuses keeps it until the file is closed.
        self.mapping = None;
        let request = MemDestroy {
            handle: self.handle,
            obj_addr: self.obj_addr,
            ..MemDestroy::default()
        };
        let _ = self.caller.call(Request::MemDestroy(request));
    }
}

/// The object that holds every buffer, at its device addresses.
pub(crate) struct DrmMemory(pub(crate) Object);

impl DrmMemory {
    fn offset(&self, address: u32, length: u64, write: bool) -> Result<u64, DmaFault> {
        let fault = DmaFault { address, write };
        let offset = address.checked_sub(self.0.address).ok_or(fault)?;
        let end = u64::from(offset).checked_add(length).ok_or(fault)?;
        if end > self.0.bytes {
            Err(fault)
        } else {
            Ok(u64::from(offset))
        }
    }
}

impl DmaMem for DrmMemory {
    fn read(&self, address: u32, into: &mut [u8]) -> Result<(), DmaFault> {
        let offset = self.offset(address, into.len() as u64, false)?;
        self.0
            .read(offset, into)
            .map_err(|_| DmaFault { address, write: false })
    }

    fn write(&self, address: u32, bytes: &[u8]) -> Result<(), DmaFault> {
        let offset = self.offset(address, bytes.len() as u64, true)?;
        self.0
            .write(offset, bytes)
            .map_err(|_| DmaFault { address, write: true })
    }

    fn sync(&self, address: u32, size_bytes: u64, direction: SyncDirection) -> Result<(), DmaFault> {
        let (flags, write) = match direction {
            SyncDirection::ToDevice => (memory::SYNC_TO_DEVICE, true),
            SyncDirection::FromDevice => (memory::SYNC_FROM_DEVICE, false),
            SyncDirection::Both => (memory::SYNC_TO_DEVICE | memory::SYNC_FROM_DEVICE, true),
        };
        let offset = self.offset(address, size_bytes, write)?;
        self.0
            .sync(flags, offset, size_bytes)
            .map_err(|_| DmaFault { address, write })
    }

    /// The mapping may be written by the device at any time, so nothing is lent.
    fn pin(&self, address: u32, _max_bytes: usize) -> Result<Option<Box<dyn DmaView + '_>>, DmaFault> {
        self.offset(address, 1, false).map(|_| None)
    }
}
