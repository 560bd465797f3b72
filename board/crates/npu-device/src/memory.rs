//! How buffers are cached and which way they are made visible. Knows names, no caches.

/// How the CPU sees a buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CachePolicy {
    /// Cached: fast for the CPU, made visible by explicit synchronization.
    #[default]
    Cached,
    /// Uncached with combined writes: visible at once, slow to read. For memory that the CPU only writes.
    WriteCombined,
    /// Uncached: visible at once in both directions.
    Uncached,
}

/// Which way a buffer is made visible. Values are those of the vendor's MEM_SYNC ioctl.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncDirection {
    /// What the CPU wrote becomes visible to the device.
    ToDevice = 1,
    /// What the device wrote becomes visible to the CPU.
    FromDevice = 2,
    /// Both.
    Both = 3,
}

impl SyncDirection {
    /// Whether the CPU's writes are made visible.
    pub const fn to_device(self) -> bool {
        matches!(self, Self::ToDevice | Self::Both)
    }

    /// Whether the device's writes are made visible.
    pub const fn from_device(self) -> bool {
        matches!(self, Self::FromDevice | Self::Both)
    }
}
