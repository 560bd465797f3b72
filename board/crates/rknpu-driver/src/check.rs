//! Checks operations before anything starts and turns handles into device addresses.

use alloc::format;
use alloc::vec::Vec;

use npu_device::layout::pitch_m;
use npu_device::{BufferRange, BufferTable, DeviceError, MatmulInt8, Operation};

use crate::plan::{self, Cut, Product, TaskPlan};
use crate::soc::Soc;

/// Operands start on this many bytes.
const OPERAND_ALIGNMENT: u64 = 64;
/// Most tasks of one job: bounds the plan's memory.
const MAX_JOB_TASKS: usize = 1 << 16;
/// Most rows of a product: keeps strides inside their registers with room to spare.
const MAX_ROWS: u32 = 1 << 20;

/// Plans all operations of a job, in order.
pub(crate) fn plan(operations: &[Operation], buffers: &BufferTable, soc: &Soc) -> Result<Vec<TaskPlan>, DeviceError> {
    if operations.is_empty() {
        return Err(DeviceError::Invalid("operations: a job has at least one".into()));
    }
    let mut tasks = Vec::new();
    for (index, operation) in operations.iter().enumerate() {
        let product = resolve(&operation.matmul_int8()?, buffers, soc)?;
        let cut = Cut::best(&product, soc)
            .ok_or_else(|| DeviceError::Unsupported(format!("k = {}: nothing fits the buffer", product.k)))?;
        if tasks.len().saturating_add(cut.tasks()) > MAX_JOB_TASKS {
            return Err(DeviceError::Invalid(format!(
                "operations: more than {MAX_JOB_TASKS} hardware tasks"
            )));
        }
        plan::append(&mut tasks, &product, &cut, index);
    }
    Ok(tasks)
}

fn resolve(operation: &MatmulInt8, buffers: &BufferTable, soc: &Soc) -> Result<Product, DeviceError> {
    let &MatmulInt8 { m, k, n, a, b, c } = operation;
    if m == 0 || m > MAX_ROWS {
        return Err(DeviceError::Invalid(format!("m = {m}: 1 to {MAX_ROWS} rows")));
    }
    if k == 0 || !k.is_multiple_of(32) {
        return Err(DeviceError::Invalid(format!(
            "k = {k}: a positive multiple of 32 (pad with zeros)"
        )));
    }
    if k > soc.max_k {
        return Err(DeviceError::Unsupported(format!(
            "k = {k}: at most {}; split K and add on the CPU",
            soc.max_k
        )));
    }
    if n == 0 || !n.is_multiple_of(16) {
        return Err(DeviceError::Invalid(format!(
            "n = {n}: a positive multiple of 16 (pad with zeros)"
        )));
    }
    let (wide_m, wide_k, wide_n) = (u64::from(m), u64::from(k), u64::from(n));
    let a_bytes = wide_k * pitch_m(m as usize) as u64;
    let (b_bytes, c_bytes) = (wide_n * wide_k, wide_n * wide_m * 4);
    let product = Product {
        m: m as usize,
        k: k as usize,
        n: n as usize,
        a: address(buffers, a, a_bytes, "A")?,
        b: address(buffers, b, b_bytes, "B")?,
        c: address(buffers, c, c_bytes, "C")?,
    };
    let overlaps = |start: u32, bytes: u64| {
        u64::from(product.c) < u64::from(start) + bytes && u64::from(start) < u64::from(product.c) + c_bytes
    };
    if overlaps(product.a, a_bytes) || overlaps(product.b, b_bytes) {
        return Err(DeviceError::Invalid(
            "C: overlaps an operand of the same product".into(),
        ));
    }
    Ok(product)
}

fn address(buffers: &BufferTable, at: BufferRange, bytes: u64, what: &str) -> Result<u32, DeviceError> {
    if !at.offset.is_multiple_of(OPERAND_ALIGNMENT) {
        return Err(DeviceError::Invalid(format!(
            "{what}: offset {} is no multiple of {OPERAND_ALIGNMENT}",
            at.offset
        )));
    }
    buffers.resolve(at, bytes, what)
}
