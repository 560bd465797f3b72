//! Every task of a model file that the vendor's compiler made, executed by the simulator and held against the independent
//! reference. The file is not ours and not in the repository: `NPULAB_VENDOR_MODEL` names one. What the harness itself does
//! is tested on streams of our own.

mod alone;
mod bench;
mod convolution;
mod output;
mod own;
mod pooling;
mod registers;
mod stages;
#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use bench::{Bench, region};
use convolution::{Budget, Held};
use registers::{ADDRESSES, Chain, Executed};
use support::Random;

/// Products that the reference computes of a task that no earlier one is like, and of the others.
/// `NPULAB_VENDOR_FULL=1` leaves no kernel of a new task out.
const NEW: usize = 8_000_000;
const LIKE_ANOTHER: usize = 400_000;

/// What happened to the tasks of a file.
#[derive(Debug, Default, PartialEq)]
struct Report {
    tasks: usize,
    /// Tasks that no earlier one is like but for its addresses.
    distinct: usize,
    /// Chains.
    starts: usize,
    /// Modelled time of all tasks, without what a start costs.
    modelled_ns: u64,
    /// Tasks by operation.
    kinds: BTreeMap<String, usize>,
    /// Tasks that ended otherwise, and how.
    wrong: Vec<String>,
}

/// A task's words with addresses in the regions of the bench: what a file stores is the offset within the tensor.
fn patched(words: &[u64]) -> Vec<u64> {
    let patch = |&word: &u64| {
        let register = word as u32 & 0xFFFF;
        if Chain::is_write(word) && ADDRESSES.contains(&register) {
            word + (u64::from(region(register)) << 16)
        } else {
            word
        }
    };
    words.iter().map(patch).collect()
}

/// Runs every chain of a file as one hardware start each.
fn execute(file: &[u8], full: bool) -> Report {
    let scanned = npu_tool::scan::scan(file, |_, _, _| {});
    let (bench, mut random) = (Bench::new(), Random(44));
    let (mut report, mut seen) = (Report::default(), BTreeSet::new());
    for tasks in scanned.split_inclusive(|task| task.checked.next_address == 0) {
        let streams: Vec<Vec<u64>> = tasks.iter().map(|task| patched(&task.found.read(file))).collect();
        bench.start(&streams);
        let (mut chain, mut held) = (Chain::default(), Held::default());
        for (index, (words, scanned)) in streams.iter().zip(tasks).enumerate() {
            let task = chain.task(words);
            let new = seen.insert(task.likeness());
            let budget = if new {
                Some(NEW).filter(|_| !full)
            } else {
                Some(LIKE_ANOTHER)
            };
            let outcome = run(&bench, &task, &mut held, &mut random, budget);
            report.tasks += 1;
            report.distinct += usize::from(new);
            *report.kinds.entry(scanned.operation.clone()).or_default() += 1;
            if let Err(why) = outcome {
                let offset = scanned.found.offset;
                report
                    .wrong
                    .push(format!("task {} at 0x{offset:X}: {why}", report.tasks - 1));
            }
            if bench.finished() as usize != index + 1 {
                break;
            }
        }
        report.starts += 1;
    }
    report.modelled_ns = bench.modelled_ns();
    if !bench.untouched() {
        report
            .wrong
            .push("bytes were written that nothing was expected of".into());
    }
    report
}

fn run(bench: &Bench, task: &Executed, held: &mut Held, random: &mut Random, budget: Budget) -> Result<(), String> {
    let (expected, output) = match task.mask {
        0x60 => (pooling::prepare(task, bench), 0x6070),
        0x18 => (alone::prepare(task, bench, random), 0x4020),
        _ => (convolution::prepare(task, bench, held, random, budget), 0x4020),
    };
    bench.step()?;
    bench.compare(
        task.get(output),
        &expected.map_err(|why| format!("no reference for it: {why}"))?,
    )
}

fn model() -> Vec<u8> {
    let path = std::env::var_os("NPULAB_VENDOR_MODEL").expect("NPULAB_VENDOR_MODEL names a model file");
    std::fs::read(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

#[test]
#[ignore = "NPULAB_VENDOR_MODEL names a model file; `npm test -- vendor-model` does"]
fn a_vendor_model_has_tasks_and_no_word_outside_the_sheet() {
    let tasks = npu_tool::scan::scan(&model(), |_, _, _| {});
    let rejects = tasks.iter().flat_map(|task| {
        let offset = task.found.offset;
        let rejects = task.checked.rejects.iter();
        rejects.map(move |reject| format!("0x{offset:X}: {}", reject.kind))
    });
    assert_eq!(rejects.collect::<Vec<_>>(), Vec::<String>::new());
    assert!(!tasks.is_empty());
}

#[test]
#[ignore = "NPULAB_VENDOR_MODEL names a model file; `npm test -- vendor-model` does"]
fn every_task_of_a_vendor_model_runs_and_gives_what_the_reference_gives() {
    let file = model();
    let report = execute(&file, std::env::var_os("NPULAB_VENDOR_FULL").is_some());
    println!("{report:#?}");
    assert_eq!(report.wrong, Vec::<String>::new());
    assert_eq!(report.tasks, npu_tool::find::tasks(&file).len());
}
