//! What a driver asks of its surroundings. Implemented by the simulator, by mapped registers and by a kernel.

/// 32-bit registers of the NPU window. `&self`, because interrupt handler and thread share it.
pub trait Mmio: Send + Sync {
    /// Reads the register at a byte offset from the window's base.
    fn read32(&self, offset: u32) -> u32;
    /// Writes the register at a byte offset from the window's base.
    fn write32(&self, offset: u32, value: u32);
}

/// Sleeps or polls until `done`, which is asked again after every wake-up.
pub trait Wait {
    /// False when `timeout_ns` passed first.
    fn wait_until(&self, timeout_ns: u64, done: &mut dyn FnMut() -> bool) -> bool;
}

/// A monotonic clock.
pub trait Clock {
    /// Nanoseconds since an arbitrary start.
    fn now_ns(&self) -> u64;
}

/// A level-triggered interrupt line, as its source sees it.
pub trait IrqLine: Send + Sync {
    /// Raises or lowers the line.
    fn set(&self, asserted: bool);
}

/// An access of the device that memory did not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmaFault {
    /// First device address that could not be accessed.
    pub address: u32,
    /// True for a write.
    pub write: bool,
}

/// A borrowed run of device memory, without a copy. While a view lives, writes into it are refused.
pub trait DmaView {
    /// The bytes; at most as many as asked for.
    fn bytes(&self) -> &[u8];
}

/// Memory as the device sees it: 32-bit addresses.
pub trait DmaMem: Send + Sync {
    /// Copies out of memory.
    fn read(&self, address: u32, into: &mut [u8]) -> Result<(), DmaFault>;
    /// Copies into memory.
    fn write(&self, address: u32, bytes: &[u8]) -> Result<(), DmaFault>;
    /// Lends the longest contiguous run from `address`, at most `max_bytes`; `None` where this memory has no views.
    fn pin(&self, address: u32, max_bytes: usize) -> Result<Option<alloc::boxed::Box<dyn DmaView + '_>>, DmaFault>;
}
