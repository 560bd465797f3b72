//! Disassembly: one line for each word with its byte offset; tasks and padding are told apart.

use serde_json::{Value, json};

use crate::failure::Failure;
use crate::find::{self, word};

/// A word of the listing.
pub struct Line {
    /// Byte offset.
    pub offset: usize,
    /// The word.
    pub word: u64,
    /// True for the first word of a task.
    pub begins_task: bool,
    /// Disassembly.
    pub text: String,
}

/// The words of a range. Without a number of words: the task at the offset, or all tasks of the file when there is no
/// offset either.
pub fn listing(bytes: &[u8], offset: Option<usize>, words: Option<usize>) -> Result<Vec<Line>, Failure> {
    let start = offset.unwrap_or(0);
    if !start.is_multiple_of(8) || start > bytes.len() {
        return Err(Failure::range(format!(
            "--offset {start}: the file has {} bytes",
            bytes.len()
        )));
    }
    let tasks = find::tasks(bytes);
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
        Line {
            offset,
            word,
            begins_task: tasks.binary_search_by_key(&offset, |task| task.offset).is_ok(),
            text: npu_regs::disassemble(word),
        }
    };
    Ok(ranges
        .into_iter()
        .flat_map(|(offset, words)| (0..words).map(move |index| offset + index * 8))
        .map(line)
        .collect())
}

/// The listing for people: the text after the word is what `npu_regs::assemble` reads back.
pub fn to_text(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        if line.begins_task {
            text += &format!("\n; task at 0x{:08X}\n", line.offset);
        }
        text += &format!("{:08x}  {:016x}  {}\n", line.offset, line.word, line.text);
    }
    text.trim_start_matches('\n').to_owned()
}

/// The listing for scripts; words are hexadecimal texts, since JSON's numbers are not 64 bits wide everywhere.
pub fn to_json(lines: &[Line]) -> Value {
    let line = |line: &Line| json!({"offset": line.offset, "word": format!("0x{:016x}", line.word), "text": line.text, "beginsTask": line.begins_task});
    json!({ "words": lines.iter().map(line).collect::<Vec<_>>() })
}
