//! Every target over its whole corpus and then a second of mutations; `scripts/fuzz.mjs` runs them for longer.

use std::time::Duration;

use fuzz::{Options, TARGETS, Watchdog, fuzz, load};

fn brief(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let corpus = load(target).unwrap();
    assert!(!corpus.is_empty(), "{name} has a corpus");
    let total: usize = corpus.iter().map(|entry| entry.bytes.len()).sum();
    assert!(total < 256 * 1024, "the corpus of {name} is small: {total} bytes");
    let dog = Watchdog::new(Duration::from_secs(30), |input| {
        eprintln!("an input hangs: {input:02x?}");
        std::process::exit(1);
    });
    let options = Options {
        seed: 1,
        time: Duration::from_secs(1),
        executions: u64::MAX,
        record: None,
    };
    match fuzz(target, &corpus, &options, &dog) {
        Ok(report) => println!("{name}: {report:?}"),
        Err(finding) => panic!("{}: {}\n{:02x?}", finding.origin, finding.cause, finding.input),
    }
}

#[test]
fn words_and_their_text_are_inverses() {
    brief("words");
}

#[test]
fn streams_end_in_results_or_typed_faults() {
    brief("streams");
}

#[test]
fn register_writes_end_in_results_or_typed_faults() {
    brief("registers");
}

#[test]
fn frames_are_decoded_or_refused() {
    brief("frames");
}

#[test]
fn a_serial_line_is_read_or_refused() {
    brief("lines");
}

#[test]
fn files_of_strangers_are_scanned_or_refused() {
    brief("files");
}

#[test]
fn kernels_that_lie_are_found_out() {
    brief("ioctls");
}

#[test]
fn every_target_is_tested_here() {
    let mut names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
    names.sort_unstable();
    let tested = ["files", "frames", "ioctls", "lines", "registers", "streams", "words"];
    assert_eq!(names, tested);
}
