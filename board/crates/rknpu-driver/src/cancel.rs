//! Asks a waiting driver to stop at the next task boundary. May be called from any thread.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

/// Clones share one flag.
#[derive(Clone, Default)]
pub struct CancelHandle(Arc<AtomicBool>);

impl CancelHandle {
    /// The running job ends with `Cancelled`; without one, the next submit forgets the request.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::AcqRel)
    }
}
