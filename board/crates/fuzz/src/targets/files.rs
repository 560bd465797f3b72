//! Files of strangers (`npu-tool`): model files that may hold command streams, and captured jobs.

use npu_tool::{invariants, job, listing, scan};

use crate::Target;

/// Input: a file.
pub const TARGET: Target = Target {
    name: "files",
    word_bytes: 8,
    max_bytes: 16 * 1024,
    run,
};

fn run(input: &[u8]) {
    let mut words = 0;
    for task in scan::scan(input, |_, _, _| {}) {
        words += task.found.words;
    }
    assert!(words * 8 <= input.len(), "tasks do not overlap");
    let _ = invariants::check(input);
    let _ = listing::listing(input, None, None);
    if let Ok(text) = std::str::from_utf8(input)
        && let Ok(parsed) = job::Job::parse(text)
    {
        let again = job::Job::parse(&parsed.to_json().to_string());
        assert!(again.is_ok(), "a job that was read can be written and read again");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corpus_holds_streams_that_are_found_and_a_job_that_is_read() {
        let corpus = crate::load(&TARGET).expect("the corpus can be read");
        let found = corpus
            .iter()
            .filter(|entry| !scan::scan(&entry.bytes, |_, _, _| {}).is_empty());
        assert!(found.count() >= 1);
        let texts = corpus.iter().filter_map(|entry| std::str::from_utf8(&entry.bytes).ok());
        assert!(texts.filter(|text| job::Job::parse(text).is_ok()).count() >= 1);
    }
}
