//! What a driver asks of its surroundings. Implemented by the simulator, by mapped registers and by a kernel.

use alloc::string::String;
use alloc::sync::Arc;

use crate::{CachePolicy, DeviceError, SyncDirection, Traffic};

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
    /// Fills a range with zeros. Memory that knows which pages were never written may skip them.
    fn zero(&self, address: u32, size_bytes: u64) -> Result<(), DmaFault> {
        const ZEROS: [u8; 4096] = [0; 4096];
        let mut done = 0;
        while done < size_bytes {
            let part = (size_bytes - done).min(ZEROS.len() as u64);
            let at = u32::try_from(u64::from(address) + done).map_err(|_| DmaFault { address, write: true })?;
            self.write(at, &ZEROS[..part as usize])?;
            done += part;
        }
        Ok(())
    }
    /// Says how the CPU is to see a range from now on. Coherent memory has nothing to do.
    fn set_cache_policy(&self, address: u32, size_bytes: u64, policy: CachePolicy) -> Result<(), DmaFault> {
        let _ = (address, size_bytes, policy);
        Ok(())
    }
    /// Makes writes of one side visible to the other: cleans or invalidates the caches that hold the range. Coherent
    /// memory has nothing to do.
    fn sync(&self, address: u32, size_bytes: u64, direction: SyncDirection) -> Result<(), DmaFault> {
        let _ = (address, size_bytes, direction);
        Ok(())
    }
    /// Lends the longest contiguous run from `address`, at most `max_bytes`; `None` where this memory has no views.
    fn pin(&self, address: u32, max_bytes: usize) -> Result<Option<alloc::boxed::Box<dyn DmaView + '_>>, DmaFault>;
}

/// Device addresses that a driver may hand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DmaRange {
    /// First device address, a multiple of 4096.
    pub base: u32,
    /// Bytes from there; base + size is at most 4 GiB.
    pub size_bytes: u64,
}

/// Everything a driver gets from its surroundings. A simulator, mapped registers and a kernel each build one.
#[derive(Clone)]
pub struct Hardware {
    /// Back end as the user names it, for example `sim:rk3568`.
    pub backend: &'static str,
    /// The NPU's register window.
    pub mmio: Arc<dyn Mmio>,
    /// Memory by physical address, as the CPU reaches it: also what the NPU sees while its IOMMU is off.
    pub dma: Arc<dyn DmaMem>,
    /// The part of that memory that is the driver's to hand out.
    pub memory: DmaRange,
    /// How to wait for an interrupt.
    pub wait: Arc<dyn Wait + Send + Sync>,
    /// The clock that stamps reports.
    pub clock: Arc<dyn Clock + Send + Sync>,
    /// Power, clock and resets.
    pub platform: Arc<dyn Platform>,
}

/// What one hardware task cost on a modelled device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskCost {
    /// Modelled MAC-array cycles.
    pub cycles: u64,
    /// Modelled nanoseconds, the per-task overhead included.
    pub modelled_ns: u64,
    /// Bytes moved, command words included.
    pub traffic: Traffic,
}

/// Per-task costs of a modelled device. Silicon has only its job-wide counters and offers no meter.
pub trait TaskMeter {
    /// Hands out the costs of the tasks that finished since the last call, in order, and forgets them.
    fn drain(&self, each: &mut dyn FnMut(TaskCost));
    /// DDR clock of the model in Hz.
    fn ddr_clock_hz(&self) -> u64;
    /// Smallest of DDR peak and 8 bytes x NPU clock.
    fn bandwidth_bound_bytes_per_s(&self) -> u64;
}

/// Power, clock and reset around the NPU window: the part of the SoC that is not the NPU.
pub trait Platform: Send + Sync {
    /// The PMU window where the domain is ours to switch; `None` where the operating system keeps it on.
    fn pmu(&self) -> Option<&dyn Mmio>;
    /// Asks for an NPU clock and returns the one in force.
    fn set_npu_clock_hz(&self, wanted_hz: u64) -> Result<u64, DeviceError>;
    /// Asserts or releases both reset lines (`SRST_A_NPU`, `SRST_H_NPU`).
    fn set_resets(&self, asserted: bool) -> Result<(), DeviceError>;
    /// Why the device stopped, as far as the platform can tell; silicon cannot and says `None`.
    fn fault_text(&self) -> Option<String>;
    /// The same as an error, where the platform knows more than words: busy, lost, out of memory.
    fn fault(&self) -> Option<DeviceError> {
        self.fault_text().map(DeviceError::Fault)
    }
    /// The meter of a modelled device.
    fn meter(&self) -> Option<&dyn TaskMeter>;
}
