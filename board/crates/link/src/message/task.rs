//! task.*: jobs of matrix products and what they cost.

use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::call::Handle;
use crate::cbor::{Nullable, text_enum};

/// task.submit.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SubmitArgs {
    /// Operations, run in order.
    #[n(0)]
    pub operations: Vec<Matmul>,
}

text_enum! {
    /// Kind of an operation.
    OperationKind {
        /// int8 × int8 → int32.
        MatmulInt8 => "matmulInt8",
        /// fp16 × fp16 → fp32.
        MatmulFp16 => "matmulFp16",
    }
}

/// Layout of an operation's operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Layout {
    /// Row-major; the agent packs and unpacks.
    #[n(0)]
    RowMajor,
    /// The device's own.
    #[n(1)]
    Native,
}

/// matmul: `C[m,n] = A[m,k] · B[n,k]ᵀ`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Matmul {
    /// Kind.
    #[n(0)]
    pub kind: OperationKind,
    /// Rows.
    #[n(1)]
    pub m: u32,
    /// Inner dimension.
    #[n(2)]
    pub k: u32,
    /// Columns.
    #[n(3)]
    pub n: u32,
    /// A.
    #[n(4)]
    pub a: Operand,
    /// B.
    #[n(5)]
    pub b: Operand,
    /// C.
    #[n(6)]
    pub c: Operand,
    /// Layout of all three.
    #[n(7)]
    pub layout: Layout,
}

/// Where an operand lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Operand {
    /// Buffer.
    #[n(0)]
    pub handle: Handle,
    /// First byte.
    #[n(1)]
    pub offset_bytes: u64,
}

/// job-report.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct JobReport {
    /// One per operation.
    #[n(0)]
    pub operations: Vec<TaskReport>,
    /// Modelled ns of the whole job.
    #[n(1)]
    pub modelled_ns: Nullable<u64>,
    /// Start.
    #[n(2)]
    pub start_ticks: u64,
    /// End.
    #[n(3)]
    pub end_ticks: u64,
    /// Hardware starts.
    #[n(4)]
    pub hardware_starts: u32,
}

/// task-report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct TaskReport {
    /// Hardware tasks.
    #[n(0)]
    pub tasks: u32,
    /// MACs.
    #[n(1)]
    pub macs: u64,
    /// Modelled cycles.
    #[n(2)]
    pub cycles: u64,
    /// Modelled ns.
    #[n(3)]
    pub modelled_ns: Nullable<u64>,
    /// Data read, bytes.
    #[n(4)]
    pub data_read_bytes: u64,
    /// Weights read, bytes.
    #[n(5)]
    pub weight_read_bytes: u64,
    /// Written, bytes.
    #[n(6)]
    pub written_bytes: u64,
}
