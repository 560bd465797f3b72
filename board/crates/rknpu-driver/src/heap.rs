//! Hands out ranges of device addresses, first fit, in pages. Knows addresses only; never touches memory.

use alloc::vec::Vec;

use npu_device::{DeviceError, DmaRange};

/// Allocation granularity and alignment.
pub(crate) const PAGE_BYTES: u64 = 4096;

/// Free ranges, sorted, never adjacent.
pub(crate) struct Heap {
    free: Vec<(u64, u64)>,
}

impl Heap {
    pub(crate) fn new(range: DmaRange) -> Self {
        let base = u64::from(range.base).next_multiple_of(PAGE_BYTES);
        // Device addresses are 32 bits wide, whatever the range claims.
        let end = (u64::from(range.base) + range.size_bytes).min(1 << 32) / PAGE_BYTES * PAGE_BYTES;
        Self {
            free: if end > base {
                [(base, end - base)].into()
            } else {
                Vec::new()
            },
        }
    }

    pub(crate) fn free_bytes(&self) -> u64 {
        self.free.iter().map(|(_, bytes)| bytes).sum()
    }

    pub(crate) fn allocate(&mut self, size_bytes: u64) -> Result<u32, DeviceError> {
        let exhausted = DeviceError::OutOfMemory {
            wanted_bytes: size_bytes,
            free_bytes: self.free_bytes(),
        };
        let Some(wanted) = size_bytes
            .checked_next_multiple_of(PAGE_BYTES)
            .filter(|&bytes| bytes > 0)
        else {
            return Err(exhausted);
        };
        let Some(index) = self.free.iter().position(|&(_, bytes)| bytes >= wanted) else {
            return Err(exhausted);
        };
        let (start, bytes) = self.free[index];
        if bytes == wanted {
            self.free.remove(index);
        } else {
            self.free[index] = (start + wanted, bytes - wanted);
        }
        u32::try_from(start).map_err(|_| exhausted)
    }

    /// Where [`Self::allocate`] would allocate.
    pub(crate) fn would_allocate(&self, size_bytes: u64) -> Option<u32> {
        let wanted = size_bytes.checked_next_multiple_of(PAGE_BYTES)?;
        let fits = self.free.iter().find(|&&(_, bytes)| bytes >= wanted)?;
        u32::try_from(fits.0).ok()
    }

    /// Allocates in as few pieces as lie free; all or nothing. Addresses and bytes, in whole pages.
    pub(crate) fn allocate_pieces(&mut self, size_bytes: u64) -> Result<Vec<(u32, u64)>, DeviceError> {
        let exhausted = DeviceError::OutOfMemory {
            wanted_bytes: size_bytes,
            free_bytes: self.free_bytes(),
        };
        let wanted = size_bytes.checked_next_multiple_of(PAGE_BYTES);
        let mut left = wanted.filter(|&bytes| bytes <= self.free_bytes()).ok_or(exhausted)?;
        let mut pieces = Vec::new();
        while left > 0 {
            let whole = self.free.iter().map(|&(_, bytes)| bytes).find(|&bytes| bytes >= left);
            let largest = self.free.iter().map(|&(_, bytes)| bytes).max().unwrap_or(0);
            let bytes = whole.map_or(largest, |_| left);
            pieces.push((self.allocate(bytes)?, bytes));
            left -= bytes;
        }
        Ok(pieces)
    }

    /// Takes a range back; `size_bytes` as it was asked for.
    pub(crate) fn release(&mut self, address: u32, size_bytes: u64) {
        let (start, bytes) = (u64::from(address), size_bytes.next_multiple_of(PAGE_BYTES));
        let index = self.free.partition_point(|&(other, _)| other < start);
        self.free.insert(index, (start, bytes));
        if index + 1 < self.free.len() && start + bytes == self.free[index + 1].0 {
            self.free[index].1 += self.free.remove(index + 1).1;
        }
        if index > 0 && self.free[index - 1].0 + self.free[index - 1].1 == start {
            self.free[index - 1].1 += self.free.remove(index).1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heap(pages: u64) -> Heap {
        Heap::new(DmaRange {
            base: 0x10_0000,
            size_bytes: pages * PAGE_BYTES,
        })
    }

    #[test]
    fn ranges_are_pages_and_never_overlap() {
        let mut heap = heap(4);
        assert_eq!(heap.allocate(1), Ok(0x10_0000));
        assert_eq!(heap.allocate(4097), Ok(0x10_1000));
        assert_eq!(heap.allocate(4096), Ok(0x10_3000));
        assert_eq!(
            heap.allocate(1),
            Err(DeviceError::OutOfMemory {
                wanted_bytes: 1,
                free_bytes: 0
            })
        );
    }

    #[test]
    fn released_neighbours_become_one_range_again() {
        let mut heap = heap(3);
        let parts: Vec<u32> = (0..3).map(|_| heap.allocate(4096).unwrap()).collect();
        for index in [0, 2, 1] {
            heap.release(parts[index], 4096);
        }
        assert_eq!(heap.allocate(3 * 4096), Ok(0x10_0000));
    }

    #[test]
    fn pieces_fill_the_holes_when_no_range_is_large_enough() {
        let mut heap = heap(5);
        let parts: Vec<u32> = (0..5).map(|_| heap.allocate(4096).unwrap()).collect();
        for index in [0, 2, 3] {
            heap.release(parts[index], 4096);
        }
        assert_eq!(heap.allocate_pieces(4097), Ok([(parts[2], 8192)].into()));
        heap.release(parts[2], 8192);
        assert_eq!(
            heap.allocate_pieces(3 * 4096),
            Ok([(parts[2], 8192), (parts[0], 4096)].into())
        );
        assert!(heap.allocate_pieces(1).is_err());
    }

    #[test]
    fn a_range_past_four_gibibytes_is_cut() {
        let heap = Heap::new(DmaRange {
            base: 0xFFFF_F000,
            size_bytes: 1 << 30,
        });
        assert_eq!(heap.free_bytes(), 4096);
    }
}
