//! A cube in memory: surfaces of rows of pixels, with gaps between rows and between surfaces. Knows no registers.

use alloc::vec::Vec;

use npu_device::{DmaFault, DmaMem};

use crate::span::{Span, offset};

/// The cube.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Transfer {
    pub(crate) address: u32,
    /// Bytes of a row that are moved.
    pub(crate) row_bytes: usize,
    /// Bytes between rows.
    pub(crate) row_pitch: usize,
    pub(crate) rows: usize,
    /// Bytes between surfaces.
    pub(crate) surface_pitch: usize,
    pub(crate) surfaces: usize,
}

impl Transfer {
    /// `bytes` bytes without gaps.
    pub(crate) const fn line(address: u32, bytes: usize) -> Self {
        Self {
            address,
            row_bytes: bytes,
            row_pitch: bytes,
            rows: 1,
            surface_pitch: bytes,
            surfaces: 1,
        }
    }

    /// Bytes that are moved.
    pub(crate) const fn bytes(&self) -> usize {
        self.row_bytes * self.rows * self.surfaces
    }

    /// From the first to the last byte moved.
    pub(crate) fn span(&self) -> Span {
        let last_row = (self.rows - 1) * self.row_pitch + self.row_bytes;
        Span {
            address: self.address,
            bytes: ((self.surfaces - 1) * self.surface_pitch + last_row) as u64,
        }
    }

    /// Whether both ends of the cube are memory: asked before room is made for what registers claim it to hold.
    fn check(&self, memory: &dyn DmaMem) -> Result<(), DmaFault> {
        let span = self.span();
        let mut byte = [0];
        let last = usize::try_from(span.bytes - 1).unwrap_or(usize::MAX);
        let end = offset(self.address, last, false).and_then(|address| memory.read(address, &mut byte));
        // The first missing address is the better one to name.
        end.or_else(|fault| memory.read(self.address, &mut byte).and(Err(fault)))
    }

    /// Reads `surfaces` surfaces from `first`, without the gaps.
    pub(crate) fn read(
        &self,
        memory: &dyn DmaMem,
        first: usize,
        surfaces: usize,
        into: &mut Vec<u8>,
    ) -> Result<(), DmaFault> {
        self.check(memory)?;
        let surface_bytes = self.row_bytes * self.rows;
        into.clear();
        into.resize(surface_bytes * surfaces, 0);
        let whole_surfaces = self.row_pitch == self.row_bytes || self.rows == 1;
        let run = match (whole_surfaces, self.surface_pitch == surface_bytes) {
            (true, true) => into.len(),
            (true, false) => surface_bytes,
            (false, _) => self.row_bytes,
        };
        for (index, bytes) in into.chunks_exact_mut(run.max(1)).enumerate() {
            let done = index * run;
            let (surface, row) = (done / surface_bytes, done % surface_bytes / self.row_bytes);
            let at = (first + surface) * self.surface_pitch + row * self.row_pitch;
            memory.read(offset(self.address, at, false)?, bytes)?;
        }
        Ok(())
    }

    /// Writes one surface, whose rows stand without gaps in `bytes`.
    pub(crate) fn write(&self, memory: &dyn DmaMem, surface: usize, bytes: &[u8]) -> Result<(), DmaFault> {
        let tight = self.row_pitch == self.row_bytes || self.rows == 1;
        let run = if tight { bytes.len() } else { self.row_bytes };
        for (row, bytes) in bytes.chunks_exact(run.max(1)).enumerate() {
            let at = surface * self.surface_pitch + row * self.row_pitch;
            memory.write(offset(self.address, at, true)?, bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::{BASE, HostMemory};

    #[test]
    fn a_cube_that_leaves_memory_faults_before_room_is_made_for_it() {
        let memory = HostMemory::new(4096).unwrap();
        let huge = Transfer {
            address: BASE,
            row_bytes: 8192 * 16,
            row_pitch: 8192 * 16,
            rows: 8192,
            surface_pitch: 8192 * 8192 * 16,
            surfaces: 2048,
        };
        let mut bytes = Vec::new();
        let fault = |address| Err(DmaFault { address, write: false });
        assert_eq!(huge.read(&memory, 0, 2048, &mut bytes), fault(BASE));
        let outside = Transfer { address: 16, ..huge };
        assert_eq!(outside.read(&memory, 0, 2048, &mut bytes), fault(16));
        let long = Transfer { surfaces: 1, ..huge };
        let end = BASE + 8192 * 8192 * 16 - 1;
        assert_eq!(long.read(&memory, 0, 1, &mut bytes), fault(end));
        assert_eq!(bytes.capacity(), 0);
    }

    #[test]
    fn gaps_between_rows_and_surfaces_are_left_out() {
        let memory = HostMemory::new(4096).unwrap();
        memory.write(BASE, &(0..200).collect::<Vec<u8>>()).unwrap();
        let transfer = Transfer {
            address: BASE + 8,
            row_bytes: 2,
            row_pitch: 5,
            rows: 2,
            surface_pitch: 20,
            surfaces: 3,
        };
        let mut bytes = Vec::new();
        transfer.read(&memory, 1, 2, &mut bytes).unwrap();
        assert_eq!(bytes, [28, 29, 33, 34, 48, 49, 53, 54]);
        assert_eq!((transfer.bytes(), transfer.span().bytes), (12, 47));
        let tight = Transfer {
            row_pitch: 2,
            surface_pitch: 4,
            ..transfer
        };
        tight.read(&memory, 0, 3, &mut bytes).unwrap();
        assert_eq!(bytes, (8..20).collect::<Vec<u8>>());
        transfer.write(&memory, 1, &[1, 2, 3, 4]).unwrap();
        tight.write(&memory, 2, &[5, 6, 7, 8]).unwrap();
        let mut around = [0; 20];
        memory.read(BASE + 15, &mut around).unwrap();
        assert_eq!(
            around,
            [15, 5, 6, 7, 8, 20, 21, 22, 23, 24, 25, 26, 27, 1, 2, 30, 31, 32, 3, 4]
        );
    }
}
