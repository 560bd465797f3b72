//! A submitted job as its waiters see it. Knows the outcome, not the device.

use std::sync::{Arc, Mutex, PoisonError};

use link::message::task::JobReport;

use crate::call::Call;
use crate::failure::Failure;

enum State {
    Running(Vec<Arc<Call>>),
    Ended(Result<JobReport, Failure>),
}

/// A job.
pub struct Job(Mutex<State>);

impl Default for Job {
    fn default() -> Self {
        Self(Mutex::new(State::Running(Vec::new())))
    }
}

impl Job {
    /// Ends the job and answers everybody who waits; later outcomes are ignored.
    pub fn end(&self, outcome: Result<JobReport, Failure>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
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
        matches!(&*self.0.lock().unwrap_or_else(PoisonError::into_inner), State::Ended(_))
    }
}

fn answer(call: &Call, outcome: &Result<JobReport, Failure>) {
    match outcome {
        Ok(report) => call.reply(report, &[]),
        Err(failure) => call.fail(failure.clone()),
    };
}
