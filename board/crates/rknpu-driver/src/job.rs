//! A job on its way: planned tasks, the starts they are grouped into, and what it has cost so far. Touches no register.

use alloc::vec;
use alloc::vec::Vec;

use npu_device::{BufferId, JobId, JobReport, Operation, TaskCost, TaskReport, Traffic};

use crate::plan::{Start, TaskPlan};

/// One accepted job.
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) buffers: Vec<BufferId>,
    tasks: Vec<TaskPlan>,
    starts: Vec<Start>,
    next_start: usize,
    pub(crate) report: JobReport,
}

impl Job {
    pub(crate) fn new(id: JobId, operations: &[Operation], tasks: Vec<TaskPlan>, starts: Vec<Start>) -> Self {
        let buffers = operations.iter().flat_map(Operation::buffers).collect();
        let operation = |op: &Operation| TaskReport {
            macs: op.macs(),
            ..TaskReport::default()
        };
        let report = JobReport {
            operations: operations.iter().map(operation).collect(),
            ..JobReport::default()
        };
        Self {
            id,
            buffers,
            tasks,
            starts,
            next_start: 0,
            report,
        }
    }

    /// Tasks of the next start; empty when none is left.
    pub(crate) fn next_tasks(&self) -> &[TaskPlan] {
        self.starts
            .get(self.next_start)
            .map_or(&[], |start| &self.tasks[start.first..start.first + start.count])
    }

    /// Tasks of all finished starts.
    pub(crate) fn tasks_done(&self) -> u32 {
        self.starts[..self.next_start]
            .iter()
            .map(|start| start.count as u32)
            .sum()
    }

    /// Books the running start with per-task costs of a modelled device.
    pub(crate) fn finish_metered(&mut self, costs: &[TaskCost]) {
        let operations: Vec<usize> = self.next_tasks().iter().map(|task| task.operation).collect();
        for (&operation, cost) in operations.iter().zip(costs) {
            let report = &mut self.report.operations[operation];
            report.tasks += 1;
            report.cycles += cost.cycles;
            report.modelled_ns = Some(report.modelled_ns.unwrap_or(0).saturating_add(cost.modelled_ns));
            add(&mut report.traffic, &cost.traffic);
        }
        self.close();
    }

    /// Books the running start, which belongs to one operation, with the job-wide counters.
    pub(crate) fn finish_counted(&mut self, traffic: &Traffic) {
        let count = self.next_tasks().len() as u32;
        if let Some(operation) = self.next_tasks().first().map(|task| task.operation) {
            let report = &mut self.report.operations[operation];
            report.tasks += count;
            add(&mut report.traffic, traffic);
        }
        self.close();
    }

    fn close(&mut self) {
        self.next_start += 1;
        self.report.hardware_starts += 1;
    }
}

fn add(sum: &mut Traffic, more: &Traffic) {
    sum.data_read_bytes += more.data_read_bytes;
    sum.weight_read_bytes += more.weight_read_bytes;
    sum.written_bytes += more.written_bytes;
}

/// Results that nobody has asked for yet, oldest first.
pub(crate) type Finished = Vec<(JobId, Result<JobReport, npu_device::DeviceError>)>;

/// An empty list.
pub(crate) fn none_finished() -> Finished {
    vec![]
}
