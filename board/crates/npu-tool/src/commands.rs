//! What each command prints. Every command gives its text or its JSON, and the failure its exit status stands for.

use std::path::Path;

use npu_sim::FaultKind;
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::find;
use crate::invariants;
use crate::job::{self, Job};
use crate::listing;
use crate::mapped::{self, Mapped};
use crate::scan::{Task, block_counts, scan};
use crate::summary;
use crate::table::Table;

/// Output of a command, and the failure that its exit status stands for: a command can say no and still have printed.
pub struct Printed {
    /// For people.
    pub text: String,
    /// For scripts.
    pub json: Value,
    /// Exit status, code and cause where the answer is no.
    pub failure: Option<Failure>,
}

/// `scan FILE`; `summarised` leaves one row for each operation instead of each task.
pub fn scan_file(path: &Path, summarised: bool) -> Result<Printed, Failure> {
    let file = Mapped::open(path)?;
    let tasks = scan(file.bytes(), |_, _, _| {});
    let rejects = tasks.iter().map(|task| task.checked.rejects.len()).sum::<usize>();
    let mut table = Table::new(&[
        ">offset",
        ">words",
        "blocks",
        "what it does",
        "banks",
        ">chain to",
        ">rejects",
    ]);
    let mut listed = Table::new(&[">offset", ">word", "reject"]);
    for task in &tasks {
        table.row(vec![
            hex(task.found.offset),
            format!("{}{}", task.found.words, if task.delta { "Δ" } else { "" }),
            task.mix.clone(),
            task.shapes(),
            task.banks.clone(),
            chain(task, &tasks),
            task.checked.rejects.len().to_string(),
        ]);
        for reject in &task.checked.rejects {
            let offset = task.found.offset + reject.word.unwrap_or(0) * 8;
            let word = reject.word.map_or("-".into(), |word| word.to_string());
            listed.row(vec![hex(offset), word, reject.kind.to_string()]);
        }
    }
    let misaligned = find::misaligned_ends(file.bytes());
    let rows = summary::rows(&tasks);
    let tasks_text = if summarised {
        summary::to_text(&rows)
    } else {
        table.text()
    };
    let last = totals(&tasks, file.bytes().len(), rejects, &misaligned);
    let text = match (tasks_text, listed.text()) {
        (tasks, rejects) if rejects.is_empty() => tasks + &last,
        (tasks, rejects) => format!("{tasks}\n{rejects}\n{last}"),
    };
    let each: Vec<Value> = if summarised {
        Vec::new()
    } else {
        tasks.iter().map(|task| task_json(task, &tasks)).collect()
    };
    let json = json!({
        "file": path.display().to_string(),
        "sizeBytes": file.bytes().len(),
        "summary": summary::to_json(&rows),
        "tasks": each,
        "rejects": rejects,
        "misalignedEnds": misaligned,
    });
    let failure =
        (rejects > 0).then(|| Failure::negative("npu.rejects", format!("{rejects} rejects in {} tasks", tasks.len())));
    Ok(Printed { text, json, failure })
}

/// Start masks of the chips after the RK3568, which have no CMAC to start (§2.1).
const LATER_MASKS: [u32; 2] = [0x0D, 0x1D];

/// What the tables do not say of a file as a whole.
fn totals(tasks: &[Task], size_bytes: usize, rejects: usize, misaligned: &[usize]) -> String {
    let deltas = tasks.iter().filter(|task| task.delta).count();
    let mut text = format!(
        "{} tasks in {size_bytes} bytes ({deltas} inherit registers, marked Δ), {rejects} rejects\n",
        tasks.len()
    );
    let later = tasks.iter().filter(|task| LATER_MASKS.contains(&task.checked.mask));
    match later.count() {
        0 => {}
        count => {
            text += &format!(
                "{count} of them start without CMAC (masks 0x0D, 0x1D): programs of a later chip, such as the RK3588, whose registers this \
                 map does not have\n"
            );
        }
    }
    if let Some(&first) = misaligned.first() {
        text += &format!(
            "{} ends of tasks lie at no multiple of 8 bytes and were not looked at, the first at {}\n",
            misaligned.len(),
            hex(first)
        );
    }
    text
}

fn hex(offset: usize) -> String {
    format!("0x{offset:X}")
}

fn chain(task: &Task, tasks: &[Task]) -> String {
    match (task.next, task.checked.next_address) {
        (Some(next), _) => hex(tasks[next].found.offset),
        (None, 0) => "end".into(),
        (None, address) => format!("(0x{address:X})"),
    }
}

fn task_json(task: &Task, tasks: &[Task]) -> Value {
    let rejects = task.checked.rejects.iter().map(|reject| {
        let (register, field, value, rule) = parts(&reject.kind);
        json!({
            "word": reject.word,
            "offset": reject.word.map(|word| task.found.offset + word * 8),
            "register": register,
            "field": field,
            "value": value,
            "rule": rule,
            "text": reject.kind.to_string(),
        })
    });
    json!({
        "offset": task.found.offset,
        "words": task.found.words,
        "mask": task.checked.mask,
        "mix": task.mix,
        "blocks": block_counts(task).map(|(name, count)| (name.to_owned(), count.into())).collect::<serde_json::Map<_, _>>(),
        "shapes": task.shapes(),
        "operation": task.operation,
        "banks": task.banks,
        "delta": task.delta,
        "nextAddress": task.checked.next_address,
        "nextWords": if task.checked.next_address == 0 { 0 } else { task.checked.next_amount + 1 },
        "nextOffset": task.next.map(|next| tasks[next].found.offset),
        "rejects": rejects.collect::<Vec<_>>(),
    })
}

/// Register, field, value and rule of a reject, where it has them.
fn parts(kind: &FaultKind) -> (Option<String>, Option<&'static str>, Option<u32>, String) {
    match kind {
        FaultKind::Rule {
            register,
            field,
            value,
            rule,
        } => (Some(register.to_string()), Some(field), Some(*value), rule.to_string()),
        FaultKind::NotModelled {
            register,
            field,
            value,
            modelled,
        } => (Some(register.to_string()), Some(field), Some(*value), modelled.clone()),
        FaultKind::Program { block, rule } => (Some(block.name().into()), None, None, rule.to_string()),
        other => (None, None, None, other.to_string()),
    }
}

/// `disasm FILE`
pub fn disasm(path: &Path, offset: Option<usize>, words: Option<usize>, explain: bool) -> Result<Printed, Failure> {
    let file = Mapped::open(path)?;
    let lines = listing::listing(file.bytes(), offset, words)?;
    let text = match listing::to_text(&lines, explain) {
        text if lines.is_empty() && words.is_none() => format!(
            "{text}0 tasks in {} bytes; --words N shows words that are no task\n",
            file.bytes().len()
        ),
        text => text,
    };
    Ok(Printed {
        text,
        json: listing::to_json(&lines),
        failure: None,
    })
}

/// `check FILE`
pub fn check(path: &Path) -> Result<Printed, Failure> {
    let file = Mapped::open(path)?;
    let (tasks, tallies) = invariants::check(file.bytes());
    let mut table = Table::new(&["invariant", "section", ">holds", ">of", "what it says"]);
    let mut broken = Table::new(&["invariant", ">offset", "task", "found"]);
    for tally in &tallies {
        table.row(vec![
            tally.invariant.name.into(),
            tally.invariant.source.into(),
            (tally.checked - tally.broken.len()).to_string(),
            tally.checked.to_string(),
            tally.invariant.text.into(),
        ]);
        for (task, found) in &tally.broken {
            let task = &tasks[*task];
            broken.row(vec![
                tally.invariant.name.into(),
                hex(task.found.offset),
                task.shapes(),
                found.clone(),
            ]);
        }
    }
    let count = tallies.iter().map(|tally| tally.broken.len()).sum::<usize>();
    let text = match broken.text() {
        none if none.is_empty() => format!("{}{} tasks, every invariant holds\n", table.text(), tasks.len()),
        list => format!(
            "{}\n{list}\n{} tasks, broken {count} times\n",
            table.text(),
            tasks.len()
        ),
    };
    let invariants = tallies.iter().map(|tally| {
        let broken = tally.broken.iter();
        json!({
            "name": tally.invariant.name,
            "source": tally.invariant.source,
            "text": tally.invariant.text,
            "checked": tally.checked,
            "broken": broken.map(|(task, found)| json!({"offset": tasks[*task].found.offset, "found": found})).collect::<Vec<_>>(),
        })
    });
    let json = json!({"tasks": tasks.len(), "broken": count, "invariants": invariants.collect::<Vec<_>>()});
    let failure =
        (count > 0).then(|| Failure::negative("npu.invariant-broken", format!("invariants broken {count} times")));
    Ok(Printed { text, json, failure })
}

/// `run JOB.json`
pub fn run(path: &Path, out: Option<&Path>) -> Result<Printed, Failure> {
    let text = mapped::text(path)?;
    let job = Job::parse(&text)?;
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if let Some(out) = out {
        make_out(out, folder)?;
    }
    let outcome = job::run(&job, folder)?;
    let json = job::to_json(&outcome);
    if let Some(out) = out {
        write_out(out, &job, &outcome, &json)?;
    }
    Ok(Printed {
        text: job::to_text(&outcome),
        json,
        failure: outcome.failure(),
    })
}

/// The folder of `--out`, made before anything runs. What is written there is called like the files of a recording, so it must
/// not be the folder of the job.
fn make_out(out: &Path, folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::write(out, &error);
    std::fs::create_dir_all(out).map_err(failed)?;
    if out.canonicalize().map_err(failed)? == folder.canonicalize().map_err(failed)? {
        return Err(failed(std::io::Error::other(
            "the folder of the job file, whose own files would be overwritten",
        )));
    }
    Ok(())
}

/// `report.json`, every entry the NPU or the CPU wrote, and the actual bytes of every expectation.
fn write_out(out: &Path, job: &Job, outcome: &job::Outcome, json: &Value) -> Result<(), Failure> {
    use npu_device::DmaMem;
    let write = |name: String, bytes: &[u8]| {
        let path = out.join(name);
        std::fs::write(&path, bytes).map_err(|error| Failure::write(&path, &error))
    };
    write("report.json".into(), format!("{json:#}\n").as_bytes())?;
    for (address, bytes) in outcome.memory.written() {
        write(format!("memory-{address:08x}.bin"), &bytes)?;
    }
    for (index, check) in job.expect.iter().enumerate() {
        let mut bytes = vec![0; check.size_bytes as usize];
        let hole =
            |fault: npu_device::DmaFault| Failure::job(format!("expect[{index}]: no memory at {}", fault.address));
        outcome.memory.read(check.address, &mut bytes).map_err(hole)?;
        write(format!("expect-{index}.bin"), &bytes)?;
    }
    Ok(())
}
