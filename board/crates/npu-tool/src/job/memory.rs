//! Memory of a captured job: the entries of its file at their device addresses, holes between them that fault, and a note
//! of which entries were written. The bytes and their borders are [`MappedMemory`]'s.

use std::sync::atomic::{AtomicBool, Ordering};

use npu_device::{DmaFault, DmaMem, DmaRange, DmaView};
use npu_sim::MappedMemory;

use crate::failure::Failure;
use crate::job::Region;
use crate::job::file::Folder;

/// The entries of a job, by rising address.
pub struct JobMemory {
    mapped: MappedMemory,
    entries: Vec<(DmaRange, AtomicBool)>,
}

impl JobMemory {
    /// Loads the regions, which are sorted and do not overlap, from the folder of the job file.
    pub(crate) fn load(regions: &[Region], folder: &Folder) -> Result<Self, Failure> {
        let mut mapped = MappedMemory::new();
        for region in regions {
            let refused = |error| Failure::job(format!("{error}"));
            mapped.map(region.address, region.size_bytes).map_err(refused)?;
            // A fresh region is zeroed.
            if let Some(name) = &region.file {
                let hole = |fault: DmaFault| Failure::job(format!("memory: address {}", fault.address));
                let bytes = folder.read(name, region.size_bytes)?;
                mapped.write(region.address, &bytes).map_err(hole)?;
            }
        }
        let entries = mapped.regions().map(|range| (range, AtomicBool::new(false))).collect();
        Ok(Self { mapped, entries })
    }

    /// Address and bytes of every entry that was written since it was loaded.
    pub fn written(&self) -> impl Iterator<Item = (u32, Vec<u8>)> + '_ {
        let changed = self
            .entries
            .iter()
            .filter(|(_, written)| written.load(Ordering::Acquire));
        changed.filter_map(|(range, _)| {
            let mut bytes = vec![0; usize::try_from(range.size_bytes).ok()?];
            self.mapped.read(range.base, &mut bytes).ok()?;
            Some((range.base, bytes))
        })
    }
}

impl DmaMem for JobMemory {
    fn read(&self, address: u32, into: &mut [u8]) -> Result<(), DmaFault> {
        self.mapped.read(address, into)
    }

    fn write(&self, address: u32, bytes: &[u8]) -> Result<(), DmaFault> {
        self.mapped.write(address, bytes)?;
        let (start, end) = (u64::from(address), u64::from(address) + bytes.len() as u64);
        for (range, written) in &self.entries {
            if u64::from(range.base) < end && start < u64::from(range.base) + range.size_bytes {
                written.store(true, Ordering::Release);
            }
        }
        Ok(())
    }

    fn pin(&self, address: u32, max_bytes: usize) -> Result<Option<Box<dyn DmaView + '_>>, DmaFault> {
        self.mapped.pin(address, max_bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn only_the_entries_that_a_write_touched_count_as_written() {
        let region = |address, size_bytes| Region {
            address,
            size_bytes,
            file: None,
        };
        let regions = [region(0, 16), region(16, 16), region(64, 8)];
        let memory = JobMemory::load(&regions, &Folder::new(Path::new(".")).unwrap()).unwrap();
        memory.write(15, &[1, 2]).unwrap();
        assert_eq!(
            memory.write(30, &[9; 8]),
            Err(DmaFault {
                address: 32,
                write: true
            })
        );
        let written: Vec<_> = memory.written().map(|(address, bytes)| (address, bytes[0])).collect();
        assert_eq!(written, [(0, 0), (16, 2)]);
    }
}
