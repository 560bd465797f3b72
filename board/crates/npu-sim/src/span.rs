//! Ranges of device memory: where a transfer lies, and whether two of them meet.

use npu_device::DmaFault;

/// A range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) address: u32,
    pub(crate) bytes: u64,
}

impl Span {
    /// Whether two ranges share a byte.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        let (a, b) = (u64::from(self.address), u64::from(other.address));
        a < b + other.bytes && b < a + self.bytes
    }
}

/// Device address `bytes` after `base`; past the end of the address space the DMA faults.
pub(crate) fn offset(base: u32, bytes: usize, write: bool) -> Result<u32, DmaFault> {
    u32::try_from(bytes)
        .ok()
        .and_then(|bytes| base.checked_add(bytes))
        .ok_or(DmaFault { address: base, write })
}
