//! Matrix products on the accelerator: one job per set of products that share their activations.
//!
//! Knows native layouts through `npu_device::layout`, scaling, and how a job's cost becomes records (see `trace`).
//! Surprising: the work buffers belong to the model, so results are copied out before this returns.

use std::ops::Range;

use npu_device::{Accelerator, BufferRange, DeviceError, JobReport, MatmulInt8, Operation, TaskReport, layout};
use npu_kernels::quantize;

use crate::load::result_bytes;
use crate::model::Parameters;
use crate::tensor::{Tensor, Values};
use crate::{Model, ModelError, RunsOn, TraceRecord};

/// No job of a pass takes longer on any back end; afterwards the device resets itself and says `npuTimeout`.
const JOB_TIMEOUT_NS: u64 = 60_000_000_000;

/// Runs `operators` (products of one `Plan::fused` range) on the quantized `input`; one output and record each.
pub(crate) fn run(
    model: &Model,
    operators: Range<usize>,
    input: &Tensor,
    accel: &mut dyn Accelerator,
) -> Result<Vec<(Tensor, TraceRecord)>, ModelError> {
    let Values::I8(values, row_scales) = &input.values else {
        return Err(internal("a product needs quantized activations"));
    };
    let m = input.rows;
    let mut linears = Vec::new();
    for index in operators.clone() {
        let Some(Parameters::Linear(linear)) = model.parameters.get(index) else {
            return Err(internal("a product has no weights"));
        };
        if values.len() != m * linear.k || row_scales.len() != m {
            return Err(internal("activations do not fit the weights"));
        }
        linears.push(linear);
    }
    let k = linears.first().map_or(0, |linear| linear.k);
    let a = BufferRange {
        buffer: model.work.a,
        offset: 0,
    };
    accel.write_memory(a, &layout::pack_a(values, m, k))?;
    let mut tasks = Vec::with_capacity(linears.len());
    let mut offset = 0;
    for linear in &linears {
        tasks.push(MatmulInt8 {
            m: m as u32,
            k: layout::padded_k(k) as u32,
            n: layout::padded_n(linear.n) as u32,
            a,
            b: BufferRange {
                buffer: linear.weights,
                offset: 0,
            },
            c: BufferRange {
                buffer: model.work.c,
                offset,
            },
        });
        offset += result_bytes(m, linear.n) as u64;
    }
    let operations: Vec<Operation> = tasks.iter().copied().map(Operation::from).collect();
    let ticket = accel.submit_task(&operations)?;
    let report = accel.wait_for_completion(ticket, JOB_TIMEOUT_NS)?;
    if report.operations.len() != tasks.len() {
        return Err(internal(
            "the device reported another number of operations than were submitted",
        ));
    }
    let mut outputs = Vec::with_capacity(linears.len());
    let records = records(operators.start, m, input.first_position, &report);
    for ((linear, task), record) in linears.iter().zip(&tasks).zip(records) {
        let mut native = vec![0; layout::c_bytes(m, linear.n)];
        accel.read_memory(task.c, &mut native)?;
        let sums = layout::unpack_c(&native, m, linear.n);
        let mut out = vec![0.0; m * linear.n];
        quantize::dequantize(&sums, row_scales, &linear.scales, m, linear.n, &mut out);
        outputs.push((
            Tensor {
                rows: m,
                first_position: input.first_position,
                values: Values::F32(out),
            },
            record,
        ));
    }
    Ok(outputs)
}

/// One record per operation. The job's overhead goes to the first; ticks are split in proportion to cost.
fn records(first: usize, rows: usize, position: u32, report: &JobReport) -> Vec<TraceRecord> {
    let parts: Option<u64> = report.operations.iter().map(|operation| operation.modelled_ns).sum();
    let overhead = match (report.modelled_ns, parts) {
        (Some(whole), Some(parts)) => whole.saturating_sub(parts),
        _ => 0,
    };
    let cost = |index: usize, operation: &TaskReport| match operation.modelled_ns {
        Some(ns) if parts.is_some() => ns + if index == 0 { overhead } else { 0 },
        _ => operation.macs,
    };
    let total: u128 = report
        .operations
        .iter()
        .enumerate()
        .map(|(i, o)| u128::from(cost(i, o)))
        .sum();
    let ticks = u128::from(report.end_ticks.saturating_sub(report.start_ticks));
    let mut spent = 0u128;
    let mut start_ticks = report.start_ticks;
    let mut records = Vec::with_capacity(report.operations.len());
    for (index, operation) in report.operations.iter().enumerate() {
        spent += u128::from(cost(index, operation));
        let end_ticks = match (ticks * spent).checked_div(total) {
            Some(part) => report.start_ticks + part as u64,
            None => report.end_ticks,
        };
        let job_overhead_ns = if index == 0 { overhead } else { 0 };
        records.push(TraceRecord {
            operator: (first + index) as u32,
            position,
            rows: rows as u32,
            runs_on: RunsOn::Npu,
            start_ticks,
            end_ticks,
            modelled_ns: operation.modelled_ns.map(|ns| ns + job_overhead_ns),
            cycles: operation.cycles,
            bytes_read: operation.traffic.data_read_bytes + operation.traffic.weight_read_bytes,
            bytes_written: operation.traffic.written_bytes,
            macs: operation.macs,
            job_overhead_ns,
        });
        start_ticks = end_ticks;
    }
    records
}

/// A defect of this crate or of the back end, never of the caller.
pub(crate) fn internal(what: &str) -> ModelError {
    ModelError::Device(DeviceError::Invalid(what.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operation(ns: Option<u64>, macs: u64) -> TaskReport {
        TaskReport {
            modelled_ns: ns,
            macs,
            ..TaskReport::default()
        }
    }

    fn report(operations: Vec<TaskReport>, modelled_ns: Option<u64>) -> JobReport {
        JobReport {
            operations,
            modelled_ns,
            start_ticks: 1000,
            end_ticks: 1600,
            hardware_starts: 1,
        }
    }

    #[test]
    fn records_of_a_job_sum_to_the_job_with_its_overhead_in_the_first() {
        let report = report(vec![operation(Some(200), 1), operation(Some(300), 1)], Some(600));
        let records = records(7, 2, 5, &report);
        assert_eq!(
            records.iter().map(|r| r.modelled_ns).collect::<Vec<_>>(),
            [Some(300), Some(300)]
        );
        assert_eq!(records.iter().map(|r| r.job_overhead_ns).collect::<Vec<_>>(), [100, 0]);
        let ticks: Vec<_> = records
            .iter()
            .map(|r| (r.operator, r.start_ticks, r.end_ticks))
            .collect();
        assert_eq!(ticks, [(7, 1000, 1300), (8, 1300, 1600)]);
    }

    #[test]
    fn without_a_model_ticks_are_split_by_multiply_accumulates_and_times_stay_null() {
        let records = records(0, 1, 0, &report(vec![operation(None, 100), operation(None, 200)], None));
        let ticks: Vec<_> = records
            .iter()
            .map(|r| (r.modelled_ns, r.start_ticks, r.end_ticks))
            .collect();
        assert_eq!(ticks, [(None, 1000, 1200), (None, 1200, 1600)]);
    }
}
