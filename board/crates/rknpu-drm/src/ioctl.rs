//! The device file as this crate sees it: six calls and mappings. Implemented by Linux, and in the tests by a kernel made of
//! the simulator.

use crate::abi::{Action, MemCreate, MemDestroy, MemMap, MemSync, Submit, numbers};

/// One call with its structure, which the kernel may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// ACTION.
    Action(Action),
    /// SUBMIT.
    Submit(Submit),
    /// MEM_CREATE.
    MemCreate(MemCreate),
    /// MEM_MAP.
    MemMap(MemMap),
    /// MEM_DESTROY.
    MemDestroy(MemDestroy),
    /// MEM_SYNC.
    MemSync(MemSync),
}

impl Request {
    /// Its ioctl number.
    pub const fn number(&self) -> u32 {
        match self {
            Self::Action(_) => numbers::ACTION,
            Self::Submit(_) => numbers::SUBMIT,
            Self::MemCreate(_) => numbers::MEM_CREATE,
            Self::MemMap(_) => numbers::MEM_MAP,
            Self::MemDestroy(_) => numbers::MEM_DESTROY,
            Self::MemSync(_) => numbers::MEM_SYNC,
        }
    }

    /// Its name.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Action(_) => "ACTION",
            Self::Submit(_) => "SUBMIT",
            Self::MemCreate(_) => "MEM_CREATE",
            Self::MemMap(_) => "MEM_MAP",
            Self::MemDestroy(_) => "MEM_DESTROY",
            Self::MemSync(_) => "MEM_SYNC",
        }
    }
}

/// A mapped object. Offsets and lengths are inside it: the caller checks.
pub trait Mapping: Send + Sync {
    /// Copies out of it.
    fn read(&self, offset: usize, into: &mut [u8]);
    /// Copies into it.
    fn write(&self, offset: usize, bytes: &[u8]);
}

/// The device file. A call may block for ever; the error is an errno.
pub trait Ioctl: Send + Sync + 'static {
    /// One ioctl.
    fn call(&self, request: &mut Request) -> Result<(), i32>;
    /// Maps `bytes` of the file at `offset`.
    fn map(&self, offset: u64, bytes: usize) -> Result<Box<dyn Mapping>, i32>;
}
