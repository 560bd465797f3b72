//! The one error of this crate. The doc comment of a variant says when it happens, `remedy` what to do about it.

use std::fmt;

use npu_device::DeviceError;

/// Why a model, a tokenizer or a session could not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelError {
    /// An argument breaks a stated rule; the text names argument and rule.
    BadArgument(String),
    /// A file is damaged; the text names file, place and rule.
    Corrupt(String),
    /// The file is sound but describes something this crate does not run.
    Unsupported(String),
    /// No tensor, operator or position of this name.
    NotFound(String),
    /// Device or host memory is exhausted.
    OutOfMemory {
        /// Bytes asked for.
        wanted_bytes: u64,
        /// Bytes still free, 0 where unknown.
        free_bytes: u64,
    },
    /// The caller cancelled; the session stands at an operator boundary and can go on.
    Cancelled,
    /// Every position of the model's context is used.
    ContextFull {
        /// Positions the model has.
        positions: u32,
    },
    /// The accelerator failed; the operator did not run and may be stepped again.
    Device(DeviceError),
}

impl ModelError {
    /// The wire code of link.cddl.
    pub fn code(&self) -> &'static str {
        match self {
            Self::BadArgument(_) => "badArgument",
            Self::Corrupt(_) => "corrupt",
            Self::Unsupported(_) => "unsupported",
            Self::NotFound(_) => "notFound",
            Self::OutOfMemory { .. } => "outOfMemory",
            Self::Cancelled => "cancelled",
            Self::ContextFull { .. } => "tooLarge",
            Self::Device(DeviceError::Busy) => "busy",
            Self::Device(DeviceError::NotFound) => "staleHandle",
            Self::Device(DeviceError::Timeout { .. }) => "npuTimeout",
            Self::Device(DeviceError::Fault(_)) => "npuFault",
            Self::Device(DeviceError::Lost) => "deviceStuck",
            Self::Device(DeviceError::Unsupported(_)) => "unsupported",
            Self::Device(DeviceError::OutOfMemory { .. }) => "outOfMemory",
            Self::Device(DeviceError::Cancelled) => "cancelled",
            Self::Device(DeviceError::Invalid(_)) => "internal",
        }
    }

    /// What the user can do.
    pub fn remedy(&self) -> &'static str {
        match self.code() {
            "badArgument" => "Correct the argument; nothing was changed.",
            "corrupt" => "Fetch or write the model folder again and compare its digests.",
            "unsupported" => {
                "Use a Llama model in F32, F16, BF16 or compressed-tensors int8 (channel weights, dynamic token activations)."
            }
            "notFound" => "List the operators of the model; step to the operator before reading its tensor.",
            "outOfMemory" => "Unload other models or free buffers, or use a smaller model.",
            "cancelled" => "Step again to go on from the same operator.",
            "tooLarge" => "Rewind the session or open a new one with a shorter prompt.",
            "busy" => "Wait for the running job and try again.",
            "staleHandle" => "Load the model again; its device memory was freed.",
            "npuTimeout" => "Step again: the core was reset and the operator did not run.",
            "npuFault" => "Step again; if it repeats, report the register named in the cause.",
            "deviceStuck" => "Restart the board or the agent.",
            _ => "Report this with the cause; it is a defect of the runtime.",
        }
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadArgument(text) | Self::Corrupt(text) | Self::Unsupported(text) | Self::NotFound(text) => {
                f.write_str(text)
            }
            Self::OutOfMemory {
                wanted_bytes,
                free_bytes,
            } => {
                write!(f, "memory exhausted: {wanted_bytes} bytes wanted, {free_bytes} free")
            }
            Self::Cancelled => f.write_str("cancelled at an operator boundary"),
            Self::ContextFull { positions } => write!(f, "all {positions} positions of the context are used"),
            Self::Device(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ModelError {}

impl From<DeviceError> for ModelError {
    fn from(error: DeviceError) -> Self {
        match error {
            DeviceError::OutOfMemory {
                wanted_bytes,
                free_bytes,
            } => Self::OutOfMemory {
                wanted_bytes,
                free_bytes,
            },
            DeviceError::Cancelled => Self::Cancelled,
            other => Self::Device(other),
        }
    }
}
