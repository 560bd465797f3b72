//! One error enum for every back end. The doc comment of a variant is its message.

use alloc::string::String;
use core::fmt;

/// Why a device call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceError {
    /// The device is busy with another job and the queue is full.
    Busy,
    /// The handle is stale or was never issued.
    NotFound,
    /// The request breaks a stated rule; the text names the argument and the rule.
    Invalid(String),
    /// Device memory or the session's quota is exhausted.
    OutOfMemory {
        /// Bytes asked for.
        wanted_bytes: u64,
        /// Bytes still free.
        free_bytes: u64,
    },
    /// The job did not finish before its deadline; the core was reset and the next job may run.
    Timeout {
        /// Tasks the hardware's task counter says were finished.
        tasks_done: u32,
    },
    /// The device reported a fault while a job ran; the text names block, register and rule.
    Fault(String),
    /// The job was cancelled at a task boundary.
    Cancelled,
    /// The device no longer answers, even after a reset.
    Lost,
    /// The back end cannot do this; `capabilities` says what it can.
    Unsupported(String),
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("the device is busy and its queue is full"),
            Self::NotFound => f.write_str("the handle is stale or was never issued"),
            Self::Invalid(rule) => write!(f, "{rule}"),
            Self::OutOfMemory {
                wanted_bytes,
                free_bytes,
            } => {
                write!(
                    f,
                    "device memory exhausted: {wanted_bytes} bytes wanted, {free_bytes} free"
                )
            }
            Self::Timeout { tasks_done } => {
                write!(
                    f,
                    "the job passed its deadline after {tasks_done} finished tasks; the core was reset"
                )
            }
            Self::Fault(what) => write!(f, "NPU fault: {what}"),
            Self::Cancelled => f.write_str("cancelled at a task boundary"),
            Self::Lost => f.write_str("the device no longer answers, even after a reset"),
            Self::Unsupported(what) => write!(f, "not supported by this back end: {what}"),
        }
    }
}

impl core::error::Error for DeviceError {}
