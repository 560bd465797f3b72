//! Simulated DMA memory: one zeroed region at 32-bit device addresses, behind no IOMMU. Knows bytes and pins, no buffers.
//!
//! The region comes from the zeroing allocator, which maps fresh pages lazily: gigabytes of capacity cost nothing until
//! they are written. Access control is by range, not by a held lock: readers and views share a range, a writer is alone
//! in its own, and whoever would break that is refused. That is what makes lending bytes without a copy sound.

use alloc::boxed::Box;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::UnsafeCell;

use npu_device::{DeviceError, DmaFault, DmaMem, DmaRange, DmaView};

use crate::huge_pages;
use crate::lock::Lock;

/// First device address. Not 0, so that an address nobody filled in faults.
pub const BASE: u32 = 0x0010_0000;
/// Granularity of the record of written pages.
const PAGE_BYTES: usize = 64 * 1024;

#[derive(Clone, Copy, PartialEq, Eq)]
struct Claim {
    start: usize,
    end: usize,
    exclusive: bool,
}

struct Claims {
    active: Vec<Claim>,
    /// Pages that may hold something else than zeros.
    written: Vec<bool>,
}

/// The region.
pub struct HostMemory {
    base: u32,
    bytes: Box<[UnsafeCell<u8>]>,
    claims: Lock<Claims>,
}

// SAFETY: every access to `bytes` goes through a claim on its range: shared claims only read, an exclusive claim
// overlaps no other claim, and claims are granted under the lock.
unsafe impl Sync for HostMemory {}
// SAFETY: plain bytes; nothing is tied to a thread.
unsafe impl Send for HostMemory {}

impl HostMemory {
    /// A zeroed region of `size_bytes` at [`BASE`]. `Invalid` when it is empty or leaves the 32-bit address space.
    pub fn new(size_bytes: u64) -> Result<Self, DeviceError> {
        Self::at(BASE, size_bytes)
    }

    /// A zeroed region of `size_bytes` at `base`. `Invalid` when it is empty or leaves the 32-bit address space.
    pub fn at(base: u32, size_bytes: u64) -> Result<Self, DeviceError> {
        let room = (1u64 << 32) - u64::from(base);
        let size = usize::try_from(size_bytes)
            .ok()
            .filter(|&size| size > 0 && size_bytes <= room);
        let size = size.ok_or_else(|| {
            DeviceError::Invalid(alloc::format!(
                "memory: {size_bytes} bytes; 1 to {room} can be addressed"
            ))
        })?;
        let mut zeros: Box<[u8]> = vec![0u8; size].into_boxed_slice();
        huge_pages::ask_for(&mut zeros);
        // SAFETY: UnsafeCell<u8> has the layout of u8, and the box is owned.
        let bytes = unsafe { Box::from_raw(Box::into_raw(zeros) as *mut [UnsafeCell<u8>]) };
        let claims = Claims {
            active: Vec::new(),
            written: vec![false; size.div_ceil(PAGE_BYTES)],
        };
        Ok(Self {
            base,
            bytes,
            claims: Lock::new(claims),
        })
    }

    /// The device addresses that exist.
    pub fn range(&self) -> DmaRange {
        DmaRange {
            base: self.base,
            size_bytes: self.bytes.len() as u64,
        }
    }

    fn span(&self, address: u32, length: usize, write: bool) -> Result<(usize, usize), DmaFault> {
        let start = address.checked_sub(self.base).ok_or(DmaFault { address, write })? as usize;
        if start >= self.bytes.len() {
            return Err(DmaFault { address, write });
        }
        if length > self.bytes.len() - start {
            // The first address past the end; past the last address of all there is none, so name the start.
            let end = u32::try_from(self.base as usize + self.bytes.len()).unwrap_or(address);
            return Err(DmaFault { address: end, write });
        }
        Ok((start, start + length))
    }

    fn claim(&self, start: usize, end: usize, exclusive: bool) -> Result<Held<'_>, DmaFault> {
        let claim = Claim { start, end, exclusive };
        let mut claims = self.claims.lock();
        let clash =
            |other: &Claim| (exclusive || other.exclusive) && other.start < claim.end && claim.start < other.end;
        if claims.active.iter().any(clash) {
            return Err(DmaFault {
                address: self.base + start as u32,
                write: exclusive,
            });
        }
        claims.active.push(claim);
        Ok(Held { memory: self, claim })
    }
}

/// A granted claim; given up when dropped.
struct Held<'a> {
    memory: &'a HostMemory,
    claim: Claim,
}

impl Held<'_> {
    fn shared(&self) -> &[u8] {
        let Claim { start, end, .. } = self.claim;
        let cells = &self.memory.bytes[start..end];
        // SAFETY: this claim covers the range for as long as the slice lives, so nobody writes it.
        unsafe { core::slice::from_raw_parts(cells.as_ptr().cast::<u8>(), cells.len()) }
    }

    fn with_bytes_mut(&mut self, use_bytes: impl FnOnce(&mut [u8])) {
        let Claim { start, end, exclusive } = self.claim;
        debug_assert!(exclusive, "only an exclusive claim writes");
        let cells = &self.memory.bytes[start..end];
        // SAFETY: an exclusive claim overlaps no other, `&mut self` allows one slice of it, and the bytes are cells.
        use_bytes(unsafe { core::slice::from_raw_parts_mut(UnsafeCell::raw_get(cells.as_ptr()), cells.len()) });
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let active = &mut self.memory.claims.lock().active;
        // Equal claims are interchangeable, so removing any one of them is right.
        if let Some(index) = active.iter().position(|other| *other == self.claim) {
            active.swap_remove(index);
        }
    }
}

impl DmaView for Held<'_> {
    fn bytes(&self) -> &[u8] {
        self.shared()
    }
}

impl DmaMem for HostMemory {
    fn read(&self, address: u32, into: &mut [u8]) -> Result<(), DmaFault> {
        let (start, end) = self.span(address, into.len(), false)?;
        into.copy_from_slice(self.claim(start, end, false)?.shared());
        Ok(())
    }

    fn write(&self, address: u32, bytes: &[u8]) -> Result<(), DmaFault> {
        let (start, end) = self.span(address, bytes.len(), true)?;
        if bytes.is_empty() {
            return Ok(());
        }
        let mut held = self.claim(start, end, true)?;
        self.claims.lock().written[start / PAGE_BYTES..=(end - 1) / PAGE_BYTES].fill(true);
        held.with_bytes_mut(|target| target.copy_from_slice(bytes));
        Ok(())
    }

    fn zero(&self, address: u32, size_bytes: u64) -> Result<(), DmaFault> {
        let size = usize::try_from(size_bytes).map_err(|_| DmaFault { address, write: true })?;
        let (start, end) = self.span(address, size, true)?;
        let mut at = start;
        while at < end {
            let stop = end.min((at / PAGE_BYTES + 1) * PAGE_BYTES);
            if self.claims.lock().written[at / PAGE_BYTES] {
                self.claim(at, stop, true)?.with_bytes_mut(|target| target.fill(0));
            }
            at = stop;
        }
        Ok(())
    }

    fn pin(&self, address: u32, max_bytes: usize) -> Result<Option<Box<dyn DmaView + '_>>, DmaFault> {
        let (start, _) = self.span(address, 1, false)?;
        let end = self.bytes.len().min(start.saturating_add(max_bytes));
        Ok(Some(Box::new(self.claim(start, end, false)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_outside_the_region_fault_at_the_first_bad_address() {
        let memory = HostMemory::new(4096).unwrap();
        let mut byte = [0u8; 8];
        assert_eq!(
            memory.read(0, &mut byte),
            Err(DmaFault {
                address: 0,
                write: false
            })
        );
        assert_eq!(
            memory.write(BASE + 4092, &byte),
            Err(DmaFault {
                address: BASE + 4096,
                write: true
            })
        );
        assert_eq!(
            memory.write(0xFFFF_FFFC, &byte),
            Err(DmaFault {
                address: 0xFFFF_FFFC,
                write: true
            })
        );
    }

    #[test]
    fn a_write_into_a_pinned_range_is_refused_until_the_view_is_dropped() {
        let memory = HostMemory::new(4096).unwrap();
        memory.write(BASE, &[7; 64]).unwrap();
        let view = memory.pin(BASE, 64).unwrap().unwrap();
        assert_eq!(view.bytes(), [7; 64]);
        assert_eq!(
            memory.write(BASE + 63, &[1, 1]),
            Err(DmaFault {
                address: BASE + 63,
                write: true
            })
        );
        assert_eq!(memory.write(BASE + 64, &[1]), Ok(()));
        drop(view);
        assert_eq!(memory.write(BASE + 63, &[1, 1]), Ok(()));
    }

    #[test]
    fn zeroing_clears_what_was_written_and_nothing_beside_it() {
        let memory = HostMemory::new(4 * PAGE_BYTES as u64).unwrap();
        memory.write(BASE + 10, &vec![9; 2 * PAGE_BYTES]).unwrap();
        memory.zero(BASE + 20, PAGE_BYTES as u64).unwrap();
        let mut bytes = vec![0; 2 * PAGE_BYTES + 10];
        memory.read(BASE, &mut bytes).unwrap();
        let expected = |at: usize| {
            if at < 10 || (20..20 + PAGE_BYTES).contains(&at) {
                0
            } else {
                9
            }
        };
        assert!(bytes.iter().enumerate().all(|(at, &byte)| byte == expected(at)));
    }

    #[test]
    fn memory_larger_than_the_address_space_is_refused() {
        assert!(matches!(HostMemory::new(1 << 32), Err(DeviceError::Invalid(_))));
        assert!(matches!(HostMemory::new(0), Err(DeviceError::Invalid(_))));
    }
}
