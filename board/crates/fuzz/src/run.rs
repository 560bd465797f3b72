//! The loop: corpus first, then mutations until the time is up; a panic is caught, shrunk and handed back.

use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::{Entry, Mutator, Target, Watchdog};

/// Attempts to shorten a failing input.
const SHRINK_ATTEMPTS: usize = 2000;

/// How long, and from which seed.
#[derive(Clone, Debug)]
pub struct Options {
    /// Seed of the mutations.
    pub seed: u64,
    /// Time for mutations after the corpus has run.
    pub time: Duration,
    /// Most executions; for runs that must be repeatable.
    pub executions: u64,
    /// Every input is written here before it runs: the last one is what killed the process.
    pub record: Option<PathBuf>,
}

/// What a run without finding did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// Inputs of the corpus.
    pub corpus: usize,
    /// Mutated inputs.
    pub executions: u64,
}

/// An input that broke a promise.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The input, shortened as far as it still fails.
    pub input: Vec<u8>,
    /// What the panic said.
    pub cause: String,
    /// Where it came from.
    pub origin: String,
}

/// Runs one input; the panic's text if it fails.
pub fn replay(target: &Target, input: &[u8]) -> Result<(), String> {
    panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input))).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        text.or(payload.downcast_ref::<&str>().copied())
            .unwrap_or("panic without text")
            .to_string()
    })
}

/// Fuzzes a target.
pub fn fuzz(target: &Target, corpus: &[Entry], options: &Options, dog: &Watchdog) -> Result<Report, Box<Finding>> {
    let attempt = |input: &[u8]| {
        if let Some(path) = &options.record {
            std::fs::write(path, input).expect("the record can be written");
        }
        dog.begin(input);
        let outcome = replay(target, input);
        dog.end();
        outcome
    };
    let finding = |input: &[u8], cause: String, origin: String| {
        Box::new(Finding {
            input: shrink(target.word_bytes, input, |shorter| attempt(shorter).is_err()),
            cause,
            origin,
        })
    };
    for entry in corpus {
        attempt(&entry.bytes).map_err(|cause| finding(&entry.bytes, cause, format!("corpus file {}", entry.name)))?;
    }
    let mut inputs: Vec<&[u8]> = corpus.iter().map(|entry| entry.bytes.as_slice()).collect();
    inputs.push(&[]);
    let mut mutator = Mutator::new(options.seed, target.word_bytes, target.max_bytes);
    let began = Instant::now();
    let mut executions = 0;
    while executions < options.executions && began.elapsed() < options.time {
        let input = mutator.next(&inputs);
        attempt(&input)
            .map_err(|cause| finding(&input, cause, format!("seed {}, execution {executions}", options.seed)))?;
        executions += 1;
    }
    Ok(Report {
        corpus: corpus.len(),
        executions,
    })
}

/// Drops ever smaller runs of words while the input still fails.
fn shrink(word_bytes: usize, input: &[u8], mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut best = input.to_vec();
    let mut run = (best.len() / 2).next_multiple_of(word_bytes.max(1));
    let mut attempts = 0;
    while run >= 1 && attempts < SHRINK_ATTEMPTS {
        let mut at = 0;
        while at < best.len() && attempts < SHRINK_ATTEMPTS {
            let mut shorter = best.clone();
            shorter.drain(at..(at + run).min(best.len()));
            attempts += 1;
            if fails(&shorter) {
                best = shorter;
            } else {
                at += run;
            }
        }
        run = if run > word_bytes {
            (run / 2).next_multiple_of(word_bytes)
        } else {
            run / 2
        };
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Breaks on a 0xFF that follows a 0x10.
    fn brittle(input: &[u8]) {
        assert!(!input.windows(2).any(|two| two == [0x10, 0xFF]), "0xFF after 0x10");
    }

    const BRITTLE: Target = Target {
        name: "brittle",
        word_bytes: 1,
        max_bytes: 64,
        run: brittle,
    };

    fn run(seed: u64, corpus: &[&[u8]]) -> Result<Report, Box<Finding>> {
        let entry = |bytes: &&[u8]| Entry {
            name: "seed".to_string(),
            bytes: bytes.to_vec(),
        };
        let corpus: Vec<Entry> = corpus.iter().map(entry).collect();
        let dog = Watchdog::new(Duration::from_secs(60), |_| {});
        let options = Options {
            seed,
            time: Duration::from_secs(60),
            executions: 20_000,
            record: None,
        };
        fuzz(&BRITTLE, &corpus, &options, &dog)
    }

    #[test]
    fn a_broken_promise_is_found_shrunk_and_found_again_with_its_seed() {
        let first = run(4, &[&[0x10; 32]]).unwrap_err();
        assert_eq!(first.input, [0x10, 0xFF]);
        assert_eq!(first.cause, "0xFF after 0x10");
        let second = run(4, &[&[0x10; 32]]).unwrap_err();
        assert_eq!(first.origin, second.origin);
        assert!(replay(&BRITTLE, &first.input).is_err());
    }

    #[test]
    fn the_corpus_runs_first_and_by_name() {
        let finding = run(1, &[&[1, 2, 0x10, 0xFF, 3]]).unwrap_err();
        assert_eq!(finding.origin, "corpus file seed");
    }
}
