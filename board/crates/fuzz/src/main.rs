//! `fuzz list`, `fuzz NAME [--seconds N] [--seed N] [--executions N] [--record FILE]`, `fuzz NAME FILE`. Statuses: 0 nothing
//! found, 1 a finding (its input is written to `board/target/fuzz/`), 2 wrong arguments.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use fuzz::{Options, TARGETS, Target, Watchdog, load, replay};

/// Longest one input may take.
const HANG: Duration = Duration::from_secs(10);

const USAGE: &str = "fuzz list | fuzz NAME FILE | fuzz NAME [--seconds N] [--seed N] [--executions N] [--record FILE]";

fn findings_dir() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/fuzz")
}

/// Writes a reproducing input and says where.
fn write(target: &Target, kind: &str, input: &[u8]) -> String {
    let sum = input.iter().fold(0xCBF2_9CE4_8422_2325u64, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01B3)
    });
    let dir = findings_dir();
    let path = dir.join(format!("{}-{kind}-{sum:016x}.bin", target.name));
    match std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(&path, input)) {
        Ok(()) => path.display().to_string(),
        Err(why) => format!("nowhere ({why}); input: {input:02x?}"),
    }
}

fn option<'a>(arguments: &'a [String], name: &str) -> Result<Option<&'a String>, String> {
    let Some(at) = arguments.iter().position(|argument| argument == name) else {
        return Ok(None);
    };
    let value = arguments.get(at + 1);
    value.map(Some).ok_or_else(|| format!("{name}: its value is missing"))
}

fn number(arguments: &[String], name: &str, default: u64) -> Result<u64, String> {
    let Some(value) = option(arguments, name)? else {
        return Ok(default);
    };
    value
        .parse()
        .map_err(|_| format!("{name} {value}: a number is expected"))
}

fn run(target: &'static Target, arguments: &[String]) -> Result<ExitCode, String> {
    if let Some(file) = arguments.first().filter(|argument| !argument.starts_with("--")) {
        let input = std::fs::read(file).map_err(|why| format!("{file}: {why}"))?;
        return Ok(match replay(target, &input) {
            Ok(()) => ExitCode::SUCCESS,
            Err(_) => ExitCode::FAILURE,
        });
    }
    let options = Options {
        seed: number(arguments, "--seed", 1)?,
        time: Duration::from_secs(number(arguments, "--seconds", 10)?),
        executions: number(arguments, "--executions", u64::MAX)?,
        record: option(arguments, "--record")?.map(PathBuf::from),
    };
    let corpus = load(target).map_err(|why| format!("corpus of {}: {why}", target.name))?;
    let dog = Watchdog::new(HANG, move |input| {
        let path = write(target, "hang", input);
        println!("{}: HANG: more than {} s; input: {path}", target.name, HANG.as_secs());
        std::process::exit(1);
    });
    Ok(match fuzz::fuzz(target, &corpus, &options, &dog) {
        Ok(report) => {
            println!(
                "{}: {} executions after {} of the corpus, seed {}, nothing found",
                target.name, report.executions, report.corpus, options.seed
            );
            ExitCode::SUCCESS
        }
        Err(finding) => {
            let path = write(target, "panic", &finding.input);
            println!(
                "{}: FINDING ({}): {}; input: {path}",
                target.name, finding.origin, finding.cause
            );
            ExitCode::FAILURE
        }
    })
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match arguments.split_first() {
        Some((name, _)) if name == "list" => {
            TARGETS.iter().for_each(|target| println!("{}", target.name));
            Ok(ExitCode::SUCCESS)
        }
        Some((name, rest)) => match TARGETS.iter().find(|target| target.name == name) {
            Some(target) => run(target, rest),
            None => Err(format!("no target is called {name}")),
        },
        None => Err("a target is missing".to_string()),
    };
    outcome.unwrap_or_else(|why| {
        eprintln!("{why}\nusage: {USAGE}");
        ExitCode::from(2)
    })
}
