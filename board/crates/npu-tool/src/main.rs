//! `npulab-npu`: the shell around the library. Prints, and turns a failure into an exit status.

use std::io::Write;
use std::process::ExitCode;

use npu_tool::cli::{self, Command};
use npu_tool::commands::{self, Printed};
use npu_tool::failure::Failure;
use npu_tool::time;

fn main() -> ExitCode {
    match run() {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(failure)) | Err(failure) => {
            // Nobody is left to tell where even standard error is closed.
            let _ = writeln!(std::io::stderr(), "npulab-npu: {failure}\nRemedy: {}", failure.remedy());
            ExitCode::from(failure.exit)
        }
    }
}

fn run() -> Result<Option<Failure>, Failure> {
    let (command, json) = cli::parse(std::env::args_os().skip(1))?;
    let printed = match command {
        Command::Text(text) => {
            print(&text);
            return Ok(None);
        }
        Command::Scan { file, summary } => commands::scan_file(&file, summary)?,
        Command::Disasm {
            file,
            offset,
            words,
            explain,
        } => commands::disasm(&file, offset, words, explain)?,
        Command::Check(file) => commands::check(&file)?,
        Command::Time {
            network,
            npu_mhz,
            ddr_mhz,
        } => time::time(&network, npu_mhz, ddr_mhz)?,
        Command::Run { job, out } => commands::run(&job, out.as_deref())?,
    };
    let Printed {
        text,
        json: value,
        failure,
    } = printed;
    print(&if json { format!("{value:#}\n") } else { text });
    Ok(failure)
}

/// A reader that closed the pipe (`| head`) has seen what it wanted.
fn print(text: &str) {
    let mut out = std::io::stdout();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
