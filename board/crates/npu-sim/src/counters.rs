//! The three traffic counters, in units of 8 bytes (sheet §3.6). They wrap like 32-bit registers do.

use core::sync::atomic::{AtomicU32, Ordering};

use npu_device::Traffic;

/// DT_WR, DT_RD, WT_RD.
#[derive(Default)]
pub(crate) struct Counters {
    written: AtomicU32,
    data_read: AtomicU32,
    weights_read: AtomicU32,
}

impl Counters {
    pub(crate) fn add(&self, traffic: &Traffic) {
        self.written
            .fetch_add((traffic.written_bytes / 8) as u32, Ordering::AcqRel);
        self.data_read
            .fetch_add((traffic.data_read_bytes / 8) as u32, Ordering::AcqRel);
        self.weights_read
            .fetch_add((traffic.weight_read_bytes / 8) as u32, Ordering::AcqRel);
    }

    pub(crate) fn clear(&self) {
        self.written.store(0, Ordering::Release);
        self.data_read.store(0, Ordering::Release);
        self.weights_read.store(0, Ordering::Release);
    }

    pub(crate) fn written(&self) -> u32 {
        self.written.load(Ordering::Acquire)
    }

    pub(crate) fn data_read(&self) -> u32 {
        self.data_read.load(Ordering::Acquire)
    }

    pub(crate) fn weights_read(&self) -> u32 {
        self.weights_read.load(Ordering::Acquire)
    }
}
