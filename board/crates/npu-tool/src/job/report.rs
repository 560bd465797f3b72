//! A run as text and as JSON: expectations, starts, tasks. Modelled time is called modelled.

use serde_json::{Value, json};

use crate::job::{Comparison, Ending, Outcome};
use crate::table::Table;

/// Tasks listed in the text; the JSON has all.
const TASKS_SHOWN: usize = 40;

/// The report for people.
pub fn to_text(outcome: &Outcome) -> String {
    let mut text = String::new();
    for (index, submit) in outcome.submits.iter().enumerate() {
        text += &format!(
            "submit {index}: {} of {} tasks, modelled {} ms; counters DT_WR {} DT_RD {} WT_RD {} (8 bytes each); \
             interrupts raw 0x{:X} status 0x{:X} mask 0x{:X}: {}\n",
            submit.costs.len(),
            submit.tasks,
            milliseconds(submit.modelled_ns),
            submit.counters.data_written,
            submit.counters.data_read,
            submit.counters.weights_read,
            submit.interrupts.raw,
            submit.interrupts.status,
            submit.interrupts.mask,
            submit.interrupts.meaning(outcome.finished(index)),
        );
    }
    text += &tasks(outcome);
    let mut table = Table::new(&[
        "expectation",
        ">elements",
        ">differ",
        ">fraction",
        ">worst",
        "where",
        "result",
    ]);
    for comparison in &outcome.comparisons {
        table.row(vec![
            format!(
                "0x{:08X} {} {}",
                comparison.address,
                comparison.element_type.name(),
                comparison.file
            ),
            comparison.compared.to_string(),
            comparison.differing.to_string(),
            format!("{:.6}", comparison.fraction()),
            comparison.worst.map_or("0".into(), |worst| worst.magnitude.to_string()),
            place(comparison),
            if comparison.equal { "equal" } else { "differs" }.into(),
        ]);
    }
    text + &table.text()
}

fn place(comparison: &Comparison) -> String {
    comparison.worst.map_or(String::new(), |worst| {
        format!(
            "element {} at 0x{:08X}: {} instead of {}",
            worst.index, worst.address, worst.actual, worst.expected
        )
    })
}

fn tasks(outcome: &Outcome) -> String {
    let mut table = Table::new(&[
        ">submit",
        ">task",
        ">cycles",
        ">modelled ms",
        ">read B",
        ">weights B",
        ">written B",
    ]);
    let all = outcome.submits.iter().enumerate();
    let all = all.flat_map(|(submit, report)| {
        report
            .costs
            .iter()
            .enumerate()
            .map(move |(task, cost)| (submit, task, cost))
    });
    let count = outcome.submits.iter().map(|report| report.costs.len()).sum::<usize>();
    for (submit, task, cost) in all.take(TASKS_SHOWN) {
        table.row(vec![
            submit.to_string(),
            task.to_string(),
            cost.cycles.to_string(),
            milliseconds(cost.modelled_ns),
            cost.traffic.data_read_bytes.to_string(),
            cost.traffic.weight_read_bytes.to_string(),
            cost.traffic.written_bytes.to_string(),
        ]);
    }
    let rest = count.saturating_sub(TASKS_SHOWN);
    table.text()
        + &if rest > 0 {
            format!("… and {rest} more tasks (--json lists all)\n")
        } else {
            String::new()
        }
}

/// Nanoseconds as milliseconds with six decimals: exact.
pub(crate) fn milliseconds(ns: u64) -> String {
    format!("{}.{:06}", ns / 1_000_000, ns % 1_000_000)
}

/// The report for scripts.
pub fn to_json(outcome: &Outcome) -> Value {
    let submits = outcome.submits.iter().enumerate().map(|(index, submit)| {
        let tasks = submit.costs.iter().map(|cost| {
            json!({
                "cycles": cost.cycles,
                "modelledNs": cost.modelled_ns,
                "dataReadBytes": cost.traffic.data_read_bytes,
                "weightReadBytes": cost.traffic.weight_read_bytes,
                "writtenBytes": cost.traffic.written_bytes,
            })
        });
        json!({
            "taskCount": submit.tasks,
            "tasks": tasks.collect::<Vec<_>>(),
            "modelledNs": submit.modelled_ns,
            "counters": {
                "dataWritten": submit.counters.data_written,
                "dataRead": submit.counters.data_read,
                "weightsRead": submit.counters.weights_read,
            },
            "interrupts": {
                "raw": submit.interrupts.raw,
                "status": submit.interrupts.status,
                "mask": submit.interrupts.mask,
                "meaning": submit.interrupts.meaning(outcome.finished(index)),
            },
        })
    });
    let comparisons = outcome.comparisons.iter().map(|comparison| {
        json!({
            "address": comparison.address,
            "file": comparison.file,
            "elementType": comparison.element_type.name(),
            "compared": comparison.compared,
            "differing": comparison.differing,
            "fraction": comparison.fraction(),
            // JSON has no infinity: null says that one side is no number.
            "worst": comparison.worst.map(|worst| json!({
                "index": worst.index,
                "address": worst.address,
                "actual": worst.actual,
                "expected": worst.expected,
                "difference": worst.magnitude,
            })),
            "equal": comparison.equal,
        })
    });
    let failure = outcome.failure();
    json!({
        "ending": match outcome.ending {
            Ending::Finished => "finished",
            Ending::Refused { .. } => "refused",
            Ending::Deadline { .. } => "deadline",
        },
        "cause": failure.as_ref().map(|failure| failure.cause.clone()),
        "exit": failure.map_or(0, |failure| failure.exit),
        "submits": submits.collect::<Vec<_>>(),
        "expectations": comparisons.collect::<Vec<_>>(),
    })
}
