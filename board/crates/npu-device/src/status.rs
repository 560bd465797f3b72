//! What is known of a job without waiting for it.

use alloc::vec::Vec;

/// Order of queued jobs: higher ones first, equal ones in submit order. A running job is never interrupted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Priority {
    /// Runs when nothing else waits.
    Low,
    /// The usual one.
    #[default]
    Normal,
    /// Runs next.
    High,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// So many jobs run before it.
    Queued {
        /// Jobs ahead, the running one included.
        ahead: u32,
    },
    /// On the device.
    Running,
    /// Over; waiting for it hands out the report or the error.
    Ended,
}

/// Hardware tasks of one operation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TaskProgress {
    /// Tasks it was planned into.
    pub planned: u32,
    /// Tasks the device's counter says are finished.
    pub finished: u32,
}

/// A job's state and the progress of each of its operations. Empty once the job has ended: the report says it all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobStatus {
    /// Where the job is.
    pub state: JobState,
    /// One per operation, in submit order.
    pub operations: Vec<TaskProgress>,
}
