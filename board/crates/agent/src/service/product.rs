//! Matrix products of the wire as products of the device: what each kind's operands take, and how rows become the native layout
//! and back. Knows bytes; refuses to know jobs and sessions.

use link::message::task::{Layout, Matmul, OperationKind};
use npu_device::layout::{self, half};
use npu_device::{BufferRange, MatmulFp16, MatmulInt8, Operation};

/// A product whose handles and sizes were checked.
#[derive(Clone, Copy)]
pub struct Product {
    pub kind: OperationKind,
    pub m: usize,
    pub k: usize,
    pub n: usize,
    pub a: BufferRange,
    pub b: BufferRange,
    pub c: BufferRange,
    pub layout: Layout,
}

/// A product as the device runs it.
pub struct Native {
    pub operation: Operation,
    pub c: BufferRange,
}

/// What K and N are multiples of in the native layout.
pub fn steps(kind: OperationKind) -> (u32, u32) {
    match kind {
        OperationKind::MatmulInt8 => (32, 16),
        OperationKind::MatmulFp16 => (16, 8),
    }
}

/// Bytes of an element of A and B.
fn element_bytes(kind: OperationKind) -> u64 {
    match kind {
        OperationKind::MatmulInt8 => 1,
        OperationKind::MatmulFp16 => 2,
    }
}

fn bytes_of(kind: OperationKind, [pitch, m, k, n]: [u64; 4]) -> [u64; 3] {
    let element = element_bytes(kind);
    [
        pitch.saturating_mul(k).saturating_mul(element),
        n.saturating_mul(k).saturating_mul(element),
        n.saturating_mul(m).saturating_mul(4),
    ]
}

/// Bytes of A, B and C as rows.
pub fn plain_bytes(operation: &Matmul) -> [u64; 3] {
    let [m, k, n] = [operation.m, operation.k, operation.n].map(u64::from);
    bytes_of(operation.kind, [m, m, k, n])
}

/// Bytes of A, B and C in the native layout.
pub fn native_bytes(operation: &Matmul) -> [u64; 3] {
    let [m, k, n] = [operation.m, operation.k, operation.n].map(u64::from);
    let (k_step, n_step) = steps(operation.kind);
    let [k, n] = [(k, k_step), (n, n_step)].map(|(size, step)| size.next_multiple_of(u64::from(step)));
    bytes_of(operation.kind, [m.next_multiple_of(4), m, k, n])
}

impl Product {
    /// Bytes of the rows of A.
    pub fn a_bytes(&self) -> usize {
        self.m * self.k * element_bytes(self.kind) as usize
    }

    /// Bytes of the rows of B.
    pub fn b_bytes(&self) -> usize {
        self.n * self.k * element_bytes(self.kind) as usize
    }

    /// Bytes of C as the device writes it for packed operands.
    pub fn native_c_bytes(&self) -> usize {
        match self.kind {
            OperationKind::MatmulInt8 => layout::c_bytes(self.m, self.n),
            OperationKind::MatmulFp16 => half::c_bytes(self.m, self.n),
        }
    }

    /// Rows of A in the native layout.
    pub fn pack_a(&self, rows: &[u8]) -> Vec<u8> {
        match self.kind {
            OperationKind::MatmulInt8 => layout::pack_a(&signed(rows), self.m, self.k),
            OperationKind::MatmulFp16 => half::pack_a(&halves(rows), self.m, self.k),
        }
    }

    /// Rows of B in the native layout.
    pub fn pack_b(&self, rows: &[u8]) -> Vec<u8> {
        match self.kind {
            OperationKind::MatmulInt8 => layout::pack_b(&signed(rows), self.n, self.k),
            OperationKind::MatmulFp16 => half::pack_b(&halves(rows), self.n, self.k),
        }
    }

    /// Rows of C from what the device wrote: int32, or the bits of fp32.
    pub fn unpack_c(&self, native: &[u8]) -> Vec<u8> {
        let (m, n) = (self.m, self.n);
        match self.kind {
            OperationKind::MatmulInt8 => words(layout::unpack_c(native, m, n).into_iter().map(i32::to_le_bytes)),
            OperationKind::MatmulFp16 => words(half::unpack_c(native, m, n).into_iter().map(u32::to_le_bytes)),
        }
    }

    /// The device's product over operands in the native layout; packed ones are padded.
    pub fn on_device(&self, a: BufferRange, b: BufferRange, c: BufferRange) -> Native {
        let padded = match (self.layout, self.kind) {
            (Layout::Native, _) => (self.k, self.n),
            (Layout::RowMajor, OperationKind::MatmulInt8) => (layout::padded_k(self.k), layout::padded_n(self.n)),
            (Layout::RowMajor, OperationKind::MatmulFp16) => (half::padded_k(self.k), half::padded_n(self.n)),
        };
        let (m, k, n) = (self.m as u32, padded.0 as u32, padded.1 as u32);
        let operation = match self.kind {
            OperationKind::MatmulInt8 => MatmulInt8 { m, k, n, a, b, c }.into(),
            OperationKind::MatmulFp16 => MatmulFp16 { m, k, n, a, b, c }.into(),
        };
        Native { operation, c }
    }
}

fn signed(bytes: &[u8]) -> Vec<i8> {
    bytes.iter().map(|&byte| byte as i8).collect()
}

fn halves(bytes: &[u8]) -> Vec<u16> {
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|&half| u16::from_le_bytes(half))
        .collect()
}

fn words(values: impl Iterator<Item = [u8; 4]>) -> Vec<u8> {
    values.flatten().collect()
}
