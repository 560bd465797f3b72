//! A submitted job as its waiters see it, and how the device tells its outcome.

use std::sync::{Arc, Mutex, PoisonError};

use link::cbor::Nullable;
use link::message::task::{JobReport, TaskReport};
use npu_device::{Accelerator, JobTicket};

use crate::call::Call;
use crate::failure::Failure;
use crate::watch::Watched;

/// What a job may take on the device.
const JOB_TIMEOUT_NS: u64 = 30_000_000_000;

/// A job that runs one task at a time, when it is told to.
#[derive(Clone, Copy, Debug)]
pub struct Stepping {
    /// The device's name for it.
    pub ticket: JobTicket,
    /// Tasks it has.
    pub tasks: u32,
    /// Tasks that ran.
    pub done: u32,
}

enum State {
    Running(Vec<Arc<Call>>),
    Ended(Result<JobReport, Failure>),
}

/// A job.
pub struct Job {
    state: Mutex<State>,
    stepping: Mutex<Option<Stepping>>,
}

impl Default for Job {
    fn default() -> Self {
        Self {
            state: Mutex::new(State::Running(Vec::new())),
            stepping: Mutex::new(None),
        }
    }
}

impl Job {
    /// A job that waits to be stepped.
    pub fn stepped(stepping: Stepping) -> Self {
        Self {
            stepping: Mutex::new(Some(stepping)),
            ..Self::default()
        }
    }

    /// Takes what is left to step; the device thread alone does.
    pub fn take_stepping(&self) -> Option<Stepping> {
        self.stepping.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Puts it back for the next step.
    pub fn put_stepping(&self, stepping: Stepping) {
        *self.stepping.lock().unwrap_or_else(PoisonError::into_inner) = Some(stepping);
    }

    /// Ends the job and answers everybody who waits; later outcomes are ignored.
    pub fn end(&self, outcome: Result<JobReport, Failure>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let State::Running(waiters) = &mut *state else { return };
        let waiters = std::mem::take(waiters);
        *state = State::Ended(outcome.clone());
        drop(state);
        for call in waiters {
            answer(&call, &outcome);
        }
    }

    /// Answers the call when the job ends, or at once.
    pub fn wait(&self, call: Arc<Call>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = match &mut *state {
            State::Running(waiters) => {
                waiters.retain(|waiter| !waiter.answered());
                return waiters.push(call);
            }
            State::Ended(outcome) => outcome.clone(),
        };
        drop(state);
        answer(&call, &outcome);
    }

    /// True where it has ended.
    pub fn ended(&self) -> bool {
        matches!(
            &*self.state.lock().unwrap_or_else(PoisonError::into_inner),
            State::Ended(_)
        )
    }
}

fn answer(call: &Call, outcome: &Result<JobReport, Failure>) {
    match outcome {
        Ok(report) => call.reply(report, &[]),
        Err(failure) => call.fail(failure.clone()),
    };
}

/// Waits for a job of the device; its report as it goes over the wire.
pub fn outcome(device: &mut Watched, ticket: JobTicket) -> Result<JobReport, Failure> {
    let report = device.wait_for_completion(ticket, JOB_TIMEOUT_NS)?;
    let operations = report.operations.iter().map(|task| TaskReport {
        tasks: task.tasks,
        macs: task.macs,
        cycles: task.cycles,
        modelled_ns: Nullable(task.modelled_ns),
        data_read_bytes: task.traffic.data_read_bytes,
        weight_read_bytes: task.traffic.weight_read_bytes,
        written_bytes: task.traffic.written_bytes,
    });
    Ok(JobReport {
        operations: operations.collect(),
        modelled_ns: Nullable(report.modelled_ns),
        start_ticks: report.start_ticks,
        end_ticks: report.end_ticks,
        hardware_starts: report.hardware_starts,
    })
}
