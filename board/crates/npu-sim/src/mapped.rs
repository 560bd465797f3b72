//! Several regions of simulated memory at given device addresses, with nothing between them: the memory of a captured job.
//! A transfer may cross from one region into the next where they touch; in a hole it faults at the first missing address.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use npu_device::{DeviceError, DmaFault, DmaMem, DmaRange, DmaView};

use crate::memory::HostMemory;

/// Regions by rising address.
#[derive(Default)]
pub struct MappedMemory {
    regions: Vec<HostMemory>,
}

impl MappedMemory {
    /// No memory at all: every access faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a zeroed region. `Invalid` when it is empty, leaves the 32-bit address space or overlaps another one.
    pub fn map(&mut self, address: u32, size_bytes: u64) -> Result<(), DeviceError> {
        let region = HostMemory::at(address, size_bytes)?;
        let end = |range: DmaRange| u64::from(range.base) + range.size_bytes;
        let at = self.regions.partition_point(|other| other.range().base < address);
        let before = at.checked_sub(1).map(|index| self.regions[index].range());
        let after = self.regions.get(at).map(HostMemory::range);
        let clash = before
            .filter(|other| end(*other) > u64::from(address))
            .or(after.filter(|other| u64::from(address) + size_bytes > u64::from(other.base)));
        if let Some(other) = clash {
            return Err(DeviceError::Invalid(format!(
                "memory: {size_bytes} bytes at 0x{address:08X} overlap those at 0x{:08X}",
                other.base
            )));
        }
        self.regions.insert(at, region);
        Ok(())
    }

    /// The regions, by rising address.
    pub fn regions(&self) -> impl Iterator<Item = DmaRange> + '_ {
        self.regions.iter().map(HostMemory::range)
    }

    /// The region that holds an address, and how many bytes of it lie there.
    fn region(&self, address: u32, write: bool) -> Result<(&HostMemory, u64), DmaFault> {
        let missing = DmaFault { address, write };
        let after = self.regions.partition_point(|region| region.range().base <= address);
        let region = &self.regions[after.checked_sub(1).ok_or(missing)?];
        let range = region.range();
        let left = (u64::from(range.base) + range.size_bytes).checked_sub(u64::from(address));
        match left {
            Some(left) if left > 0 => Ok((region, left)),
            _ => Err(missing),
        }
    }

    /// Cuts a transfer at the borders of regions. Every part is checked before the first one is done.
    fn parts(&self, address: u32, length: usize, write: bool) -> Result<Vec<(&HostMemory, u32, usize)>, DmaFault> {
        let mut parts = Vec::new();
        let (mut at, mut left) = (address, length);
        while left > 0 {
            let (region, room) = self.region(at, write)?;
            let part = usize::try_from(room).map_or(left, |room| room.min(left));
            parts.push((region, at, part));
            left -= part;
            if left > 0 {
                let next = u64::from(at) + part as u64;
                at = u32::try_from(next).map_err(|_| DmaFault { address, write })?;
            }
        }
        Ok(parts)
    }
}

impl DmaMem for MappedMemory {
    fn read(&self, address: u32, mut into: &mut [u8]) -> Result<(), DmaFault> {
        for (region, at, length) in self.parts(address, into.len(), false)? {
            let (now, later) = into.split_at_mut(length);
            region.read(at, now)?;
            into = later;
        }
        Ok(())
    }

    fn write(&self, address: u32, mut bytes: &[u8]) -> Result<(), DmaFault> {
        for (region, at, length) in self.parts(address, bytes.len(), true)? {
            let (now, later) = bytes.split_at(length);
            region.write(at, now)?;
            bytes = later;
        }
        Ok(())
    }

    fn pin(&self, address: u32, max_bytes: usize) -> Result<Option<Box<dyn DmaView + '_>>, DmaFault> {
        self.region(address, false)?.0.pin(address, max_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> MappedMemory {
        let mut memory = MappedMemory::new();
        memory.map(0x3000, 16).unwrap();
        memory.map(0x1000, 8).unwrap();
        memory.map(0x1008, 8).unwrap();
        memory
    }

    #[test]
    fn a_transfer_crosses_regions_that_touch() {
        let memory = memory();
        memory.write(0x1004, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
        let mut bytes = [0; 8];
        memory.read(0x1004, &mut bytes).unwrap();
        assert_eq!(bytes, [1, 2, 3, 4, 5, 6, 7, 8]);
        let view = memory.pin(0x1004, 8).unwrap().unwrap();
        assert_eq!(view.bytes(), [1, 2, 3, 4]);
    }

    #[test]
    fn a_hole_faults_at_its_first_address_and_nothing_is_written() {
        let memory = memory();
        let fault = |address| DmaFault { address, write: true };
        assert_eq!(memory.write(0x100C, &[9; 8]), Err(fault(0x1010)));
        assert_eq!(memory.write(0x0FF8, &[9; 8]), Err(fault(0x0FF8)));
        assert_eq!(memory.write(0x3010, &[9]), Err(fault(0x3010)));
        let mut bytes = [1; 16];
        memory.read(0x1000, &mut bytes).unwrap();
        assert_eq!(bytes, [0; 16]);
    }

    #[test]
    fn regions_that_overlap_are_refused_by_both_addresses() {
        let mut memory = memory();
        for (address, size) in [(0x1004, 4), (0x0FFC, 5), (0x2FFF, 2), (0x300F, 1)] {
            assert!(matches!(memory.map(address, size), Err(DeviceError::Invalid(_))));
        }
        assert_eq!(memory.map(0x1010, 0x1FF0), Ok(()));
        assert!(memory.map(0xFFFF_FFF0, 17).is_err());
    }
}
