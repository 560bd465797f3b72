//! Disassembly: one line for each word with its byte offset and what it is for; a heading says what each task does. Knows no
//! meanings: they are the register map's.

use npu_regs::{Command, FieldInfo, RegisterInfo};
use serde_json::{Value, json};

use crate::failure::Failure;
use crate::find::{self, word};
use crate::scan::{Task, scan};

/// A word of the listing.
pub struct Line {
    /// Byte offset.
    pub offset: usize,
    /// The word.
    pub word: u64,
    /// What the task does that begins with this word.
    pub task: Option<String>,
}

impl Line {
    /// Disassembly, which `npu_regs::assemble` reads back.
    pub fn text(&self) -> String {
        npu_regs::disassemble(self.word)
    }

    /// The register that the word writes, and its value.
    fn write(&self) -> Option<(&'static RegisterInfo, u32)> {
        match Command::decode(self.word) {
            Ok(Command::Write { register, value }) => Some((register, value)),
            _ => None,
        }
    }

    /// What the word is for.
    fn doc(&self) -> &'static str {
        match Command::decode(self.word) {
            Ok(Command::Write { register, .. }) => register.doc.trim_end_matches('.'),
            Ok(Command::Nop(_)) => "Does nothing; padding",
            Ok(Command::Barrier) => "Comes once before the start",
            Ok(Command::Enable { .. }) => "Starts these blocks together and ends the task",
            Err(_) => "",
        }
    }
}

/// Fields of a value that are not 0.
fn fields(register: &'static RegisterInfo, value: u32) -> impl Iterator<Item = (&'static FieldInfo, u32)> {
    let pairs = register.fields.iter().map(move |field| (field, field.of(value)));
    pairs.filter(|&(_, value)| value != 0)
}

/// What a task does, how long it is and where its tail leads.
fn heading(task: &Task, tasks: &[Task]) -> String {
    let banks = match task.banks.as_str() {
        "" => String::new(),
        banks => format!("; data + weight banks {banks}"),
    };
    let next = match (task.next, task.checked.next_address) {
        (Some(next), _) => format!("then the task at 0x{:X}", tasks[next].found.offset),
        (None, 0) => "the last of its chain".into(),
        (None, address) => format!("then a task at device address 0x{address:X}"),
    };
    let inherits = if task.delta { ", the rest inherited" } else { "" };
    let what = match task.shapes() {
        none if none.is_empty() => task.mix.clone(),
        shapes => shapes.to_string(),
    };
    format!("{what}; {} words{inherits}{banks}; {next}", task.found.words)
}

/// The words of a range. Without a number of words: the task at the offset, or all tasks of the file when there is no
/// offset either.
pub fn listing(bytes: &[u8], offset: Option<usize>, words: Option<usize>) -> Result<Vec<Line>, Failure> {
    let start = offset.unwrap_or(0);
    if !start.is_multiple_of(8) {
        return Err(Failure::range(format!("--offset {start}: no multiple of 8")));
    }
    if start > bytes.len() {
        return Err(Failure::range(format!(
            "--offset {start}: the file has {} bytes",
            bytes.len()
        )));
    }
    let all = scan(bytes, |_, _, _| {});
    let tasks: Vec<find::Found> = all.iter().map(|task| task.found).collect();
    let ranges: Vec<(usize, usize)> = match (offset, words) {
        (_, Some(words)) => {
            let fits = words
                .checked_mul(8)
                .and_then(|size| start.checked_add(size))
                .is_some_and(|end| end <= bytes.len());
            if !fits {
                return Err(Failure::range(format!(
                    "--words {words}: {} whole words follow offset {start}",
                    (bytes.len() - start) / 8
                )));
            }
            vec![(start, words)]
        }
        (None, None) => tasks.iter().map(|task| (task.offset, task.words)).collect(),
        (Some(_), None) => {
            let here = tasks.iter().find(|task| task.end() > start);
            let here = here.ok_or_else(|| {
                Failure::range(format!(
                    "--offset {start}: no task lies there or after it; give --words"
                ))
            })?;
            let from = start.max(here.offset);
            vec![(from, (here.end() - from) / 8)]
        }
    };
    let line = |offset: usize| {
        let word = word(&bytes[offset..offset + 8]);
        let begins = tasks.binary_search_by_key(&offset, |task| task.offset).ok();
        Line {
            offset,
            word,
            task: begins.map(|index| heading(&all[index], &all)),
        }
    };
    Ok(ranges
        .into_iter()
        .flat_map(|(offset, words)| (0..words).map(move |index| offset + index * 8))
        .map(line)
        .collect())
}

/// Columns of the part before the comment: the longest names of registers and a value.
const CODE_COLUMNS: usize = 37;

/// The listing for people: what each word is for and the fields that are not 0; with `explain` a line for each of them.
/// What stands between the word and the end of the line is read back by `npu_regs::assemble`.
pub fn to_text(lines: &[Line], explain: bool) -> String {
    let mut text = String::new();
    for line in lines {
        if let Some(task) = &line.task {
            text += &format!("\n; task at 0x{:08X}: {task}\n", line.offset);
        }
        let all = line.text();
        let (code, comment) = all.split_once(" ; ").unwrap_or((&all, ""));
        let (name, value) = code.split_once(' ').unwrap_or((code, ""));
        let gap = CODE_COLUMNS.saturating_sub(name.len() + value.len()).max(1);
        let comment = match (line.doc(), if explain { "" } else { comment }) {
            ("", comment) | (comment, "") => comment.to_owned(),
            (doc, fields) => format!("{doc}: {fields}"),
        };
        let code = format!("{name}{}{value}", " ".repeat(gap));
        text += format!("{:08x}  {:016x}  {code} ; {comment}", line.offset, line.word).trim_end_matches(" ; ");
        text.push('\n');
        if let (true, Some((register, value))) = (explain, line.write()) {
            for (field, value) in fields(register, value) {
                let bits = match (field.msb, field.lsb) {
                    (msb, lsb) if msb == lsb => format!("[{lsb}]"),
                    (msb, lsb) => format!("[{msb}:{lsb}]"),
                };
                let doc = field.doc.trim_end_matches('.');
                text += &format!("{:28};   {:<24} {:<7} = {value:<10} {doc}\n", "", field.name, bits);
            }
        }
    }
    text.trim_start_matches('\n').to_owned()
}

/// The listing for scripts; words are hexadecimal texts, since JSON's numbers are not 64 bits wide everywhere.
pub fn to_json(lines: &[Line]) -> Value {
    let line = |line: &Line| {
        let write = line.write();
        let field = |(field, value): (&'static FieldInfo, u32)| json!({"name": field.name, "msb": field.msb, "lsb": field.lsb, "value": value, "doc": field.doc});
        json!({
            "offset": line.offset,
            "word": format!("0x{:016x}", line.word),
            "text": line.text(),
            "beginsTask": line.task.is_some(),
            "task": line.task,
            "doc": line.doc(),
            "register": write.map(|(register, _)| register.to_string()),
            "value": write.map(|(_, value)| value),
            "source": write.map(|(register, _)| register.source),
            "fields": write.map(|(register, value)| fields(register, value).map(field).collect::<Vec<Value>>()),
        })
    };
    json!({ "words": lines.iter().map(line).collect::<Vec<_>>() })
}
