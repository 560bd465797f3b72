//! A job on its way: planned tasks, the starts they are grouped into, and what it has cost so far. Touches no register.

use alloc::vec;
use alloc::vec::Vec;

use npu_device::{
    BufferId, DeviceError, JobId, JobReport, JobState, JobStatus, Operation, Priority, TaskCost, TaskProgress,
    TaskReport, Traffic,
};

use crate::memory::Memory;
use crate::plan::Start;
use crate::sum::PartialSum;
use crate::task::{TaskPlan, Work};

/// Device memory that belongs to a job alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scratch {
    pub(crate) address: u32,
    pub(crate) size_bytes: u64,
}

/// One accepted job.
pub(crate) struct Job {
    pub(crate) id: JobId,
    pub(crate) priority: Priority,
    pub(crate) buffers: Vec<BufferId>,
    pub(crate) scratch: Option<Scratch>,
    tasks: Vec<TaskPlan>,
    starts: Vec<Start>,
    sums: Vec<PartialSum>,
    next_start: usize,
    pub(crate) report: JobReport,
}

/// What a job is made of.
pub(crate) struct Parts {
    pub(crate) tasks: Vec<TaskPlan>,
    pub(crate) starts: Vec<Start>,
    pub(crate) sums: Vec<PartialSum>,
    pub(crate) scratch: Option<Scratch>,
}

impl Job {
    pub(crate) fn new(id: JobId, priority: Priority, operations: &[Operation], parts: Parts) -> Self {
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
            priority,
            buffers,
            scratch: parts.scratch,
            tasks: parts.tasks,
            starts: parts.starts,
            sums: parts.sums,
            next_start: 0,
            report,
        }
    }

    /// The next start and its tasks; `None` when none is left.
    pub(crate) fn next_start(&self) -> Option<(Start, &[TaskPlan])> {
        let start = *self.starts.get(self.next_start)?;
        Some((start, &self.tasks[start.first..start.first + start.count]))
    }

    /// Tasks of all finished starts.
    pub(crate) fn tasks_done(&self) -> u32 {
        self.starts[..self.next_start]
            .iter()
            .flat_map(|start| &self.tasks[start.first..start.first + start.count])
            .map(hardware_tasks)
            .sum()
    }

    /// Progress of every operation, with `running` finished tasks of the running start.
    pub(crate) fn status(&self, state: JobState, running: u32) -> JobStatus {
        let mut operations = vec![TaskProgress::default(); self.report.operations.len()];
        let finished = self.tasks_done() + running;
        let mut passed = 0;
        for task in &self.tasks {
            let count = hardware_tasks(task);
            let progress = &mut operations[task.operation];
            progress.planned += count;
            progress.finished += finished.saturating_sub(passed).min(count);
            passed += count;
        }
        JobStatus { state, operations }
    }

    /// Books the running start with per-task costs of a modelled device.
    pub(crate) fn finish_metered(&mut self, costs: &[TaskCost]) {
        let operations: Vec<usize> = self
            .next_start()
            .into_iter()
            .flat_map(|(_, tasks)| tasks)
            .flat_map(|task| core::iter::repeat_n(task.operation, hardware_tasks(task) as usize))
            .collect();
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
        let tasks = self.next_start().map_or(&[][..], |(_, tasks)| tasks);
        let count = tasks.iter().map(hardware_tasks).sum::<u32>();
        if let Some(operation) = tasks.first().map(|task| task.operation) {
            let report = &mut self.report.operations[operation];
            report.tasks += count;
            add(&mut report.traffic, traffic);
        }
        self.close();
    }

    /// What is left to the CPU after the last start.
    pub(crate) fn finish_sums(&mut self, memory: &Memory) -> Result<(), DeviceError> {
        for sum in &self.sums {
            sum.run(memory)?;
            self.report.operations[sum.operation].cpu_summed_parts = sum.parts;
        }
        Ok(())
    }

    fn close(&mut self) {
        self.next_start += 1;
        self.report.hardware_starts += 1;
    }
}

fn hardware_tasks(task: &TaskPlan) -> u32 {
    match &task.work {
        Work::Raw(raw) => raw.tasks,
        _ => 1,
    }
}

fn add(sum: &mut Traffic, more: &Traffic) {
    sum.data_read_bytes += more.data_read_bytes;
    sum.weight_read_bytes += more.weight_read_bytes;
    sum.written_bytes += more.written_bytes;
}

/// Results that nobody has asked for yet, oldest first.
pub(crate) type Finished = Vec<(JobId, Result<JobReport, DeviceError>)>;
