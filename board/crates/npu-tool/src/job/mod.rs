//! Captured jobs: the format of `JOB.json`, its memory, its run, its comparison. A job is what the hardware would see,
//! whoever generated it; nothing here knows a driver.

mod compare;
mod file;
mod format;
mod memory;
mod report;
mod run;

pub use compare::{Comparison, Difference};
pub use format::{ElementType, Expectation, Job, Region, Submit};
pub use memory::JobMemory;
pub(crate) use report::milliseconds;
pub use report::{to_json, to_text};
pub use run::{Counters, Ending, Interrupts, Outcome, SubmitReport, run};
