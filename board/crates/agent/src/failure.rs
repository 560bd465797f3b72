//! Every error a peer can see: code, cause, remedy, machine fields.
//!
//! The table of remedies is here and nowhere else; a caller replaces one only where it knows better.

use std::fmt;

use link::ErrorCode;
use link::message::call::{Fail, FieldValue, Fields};
use npu_device::DeviceError;
use tinyllama::ModelError;

/// A call that did not succeed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Wire code.
    pub code: ErrorCode,
    /// What happened.
    pub cause: String,
    /// What to do.
    pub remedy: String,
    /// Machine fields.
    pub fields: Fields,
}

impl Failure {
    /// A failure with the remedy of its code.
    pub fn new(code: ErrorCode, cause: impl Into<String>) -> Self {
        Self {
            code,
            cause: cause.into(),
            remedy: remedy(code).into(),
            fields: Fields::default(),
        }
    }

    /// An argument that breaks a rule.
    pub fn bad_argument(cause: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadArgument, cause)
    }

    /// Replaces the remedy.
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// Adds a number.
    pub fn number(mut self, name: &str, value: u64) -> Self {
        self.fields.set(name, FieldValue::Uint(value));
        self
    }

    /// Adds a text.
    pub fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.fields.set(name, FieldValue::Text(value.into()));
        self
    }

    /// FAIL's meta. Cause and remedy are cut where they would not fit.
    pub fn meta(&self) -> Fail {
        let cut = |text: &str| text.chars().take(2000).collect();
        let fields = (!self.fields.entries().is_empty()).then(|| self.fields.clone());
        Fail {
            code: self.code,
            cause: cut(&self.cause),
            remedy: cut(&self.remedy),
            fields,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.name(), self.cause)
    }
}

impl std::error::Error for Failure {}

/// What to do about a code.
pub const fn remedy(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::LinkLost => "Connect again; the session goes on within its grace time.",
        ErrorCode::BoardReset => "Connect again and run from the cell that allocated the objects.",
        ErrorCode::StaleHandle => "The object was freed; make it again.",
        ErrorCode::LeaseHeld | ErrorCode::LeaseLost => "Wait for the other session, or take the lease.",
        ErrorCode::Deadline => "Call again with a longer timeout, or with less work.",
        ErrorCode::Cancelled => "Call again to go on.",
        ErrorCode::Unsupported => "Test for the capability by its name in HELLO before calling.",
        ErrorCode::BadArgument => "Correct the argument; nothing was changed.",
        ErrorCode::OutOfMemory => "Free buffers or unload models, or start the agent with more memory.",
        ErrorCode::NotFound => "Check the name; upload the blob or step to the operator first.",
        ErrorCode::Corrupt => "Send the data again.",
        ErrorCode::NpuTimeout => "Submit again with less work or a longer deadline; the outputs are undefined.",
        ErrorCode::NpuFault => "Submit again; if it repeats, report the register named in the cause.",
        ErrorCode::DeviceStuck => "Wait for the deviceState event, or restart the agent.",
        ErrorCode::IoFault => "Check the storage behind the agent's store folder.",
        ErrorCode::Internal => "Report this with the agent's log; it is a defect.",
        ErrorCode::Busy => "Wait for running calls and try again.",
        ErrorCode::Denied => "Ask the board's owner.",
        ErrorCode::NoSpace => "Remove files from the store folder or start the agent with a larger --quota-mib.",
        ErrorCode::TooLarge => "Split the transfer into parts of at most maxBody bytes.",
    }
}

impl From<DeviceError> for Failure {
    fn from(error: DeviceError) -> Self {
        let cause = error.to_string();
        match error {
            DeviceError::Busy => Self::new(ErrorCode::Busy, cause),
            DeviceError::NotFound => Self::new(ErrorCode::StaleHandle, cause),
            DeviceError::Invalid(_) => Self::new(ErrorCode::BadArgument, cause),
            DeviceError::OutOfMemory {
                wanted_bytes,
                free_bytes,
            } => Self::new(ErrorCode::OutOfMemory, cause)
                .number("wantedBytes", wanted_bytes)
                .number("freeBytes", free_bytes),
            DeviceError::Timeout { tasks_done } => {
                Self::new(ErrorCode::NpuTimeout, cause).number("tasksDone", u64::from(tasks_done))
            }
            DeviceError::Fault(_) => Self::new(ErrorCode::NpuFault, cause),
            DeviceError::Cancelled => Self::new(ErrorCode::Cancelled, cause),
            DeviceError::Lost => Self::new(ErrorCode::DeviceStuck, cause),
            DeviceError::Unsupported(_) => Self::new(ErrorCode::Unsupported, cause),
        }
    }
}

impl From<ModelError> for Failure {
    fn from(error: ModelError) -> Self {
        if let ModelError::Device(device) = error {
            return device.into();
        }
        let code = ErrorCode::ALL.iter().copied().find(|code| code.name() == error.code());
        let failure = Self::new(code.unwrap_or(ErrorCode::Internal), error.to_string()).remedy(error.remedy());
        match error {
            ModelError::OutOfMemory {
                wanted_bytes,
                free_bytes,
            } => failure
                .number("wantedBytes", wanted_bytes)
                .number("freeBytes", free_bytes),
            _ => failure,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded | std::io::ErrorKind::FileTooLarge => {
                Self::new(ErrorCode::NoSpace, error.to_string())
            }
            _ => Self::new(ErrorCode::IoFault, error.to_string()),
        }
    }
}

impl From<minicbor::decode::Error> for Failure {
    fn from(error: minicbor::decode::Error) -> Self {
        Self::bad_argument(format!("the arguments do not decode: {error}"))
    }
}
