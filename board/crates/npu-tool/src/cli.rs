//! The command line of `npulab-npu`. Knows names and numbers, opens nothing.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::failure::Failure;

/// `--help`.
pub const HELP: &str = "\
npulab-npu, register-command programs of the RK3568 NPU

  npulab-npu scan FILE [--summary]                   find tasks in any file, list words outside the hardware sheet
  npulab-npu disasm FILE [--offset N] [--words N] [--explain]    show command words as text
  npulab-npu check FILE                              count the vendor's numeric invariants
  npulab-npu run JOB.json [--out DIR]                execute a captured job on the simulator and compare
  npulab-npu time NETWORK.json [--npu-mhz N] [--ddr-mhz N]   predict how long a network takes

  --json            the same table as JSON
  COMMAND --help    what a command does, with an example
  --version

Exit status: 0 yes, 1 no (rejects, broken invariant, difference), 2 bad input, 3 refused or faulted, 4 deadline.
Errors carry a code, a cause and a remedy. Times are modelled, never measured.
";

const SCAN: &str = "\
npulab-npu scan FILE [--summary] [--json]

Finds register-command tasks at 8-byte alignment anywhere in FILE (model files hold them verbatim) and lists offset, words,
blocks, operation and shapes, data + weight banks (D, W: reuse) and the task its tail chains to. A task that inherits
registers is marked Δ and judged with what it inherits. Every word outside the hardware sheet is a reject with register,
field and rule, decided by the simulator's own decoders. Addresses may be symbolic. Exit 1 where anything is rejected.
--summary has one row for each operation instead of each task: model files hold thousands of them.

  npulab-npu scan mobilenet.rknn
  npulab-npu scan mobilenet.rknn --summary
  npulab-npu scan mobilenet.rknn --json | jq '.tasks[].rejects[]'
";

const DISASM: &str = "\
npulab-npu disasm FILE [--offset N] [--words N] [--explain] [--json]

Shows words with their byte offset, register, what it is for and the fields that are not 0; a heading says what each task
does. --explain gives each field a line with its meaning. Without --words: the task at --offset; without both: every task.
N is decimal, or hexadecimal with 0x. PC fetches the words, CNA loads features and weights, CMAC multiplies, CORE adds up, DPU
scales and writes, DPU_RDMA reads its second operand, PPU pools with PPU_RDMA as its reader.

  npulab-npu disasm mobilenet.rknn --offset 0x1C40 --explain
  npulab-npu disasm capture/memory-00100000.bin --offset 0 --words 117
";

const CHECK: &str = "\
npulab-npu check FILE [--json]

Counts how often the numeric invariants of the vendor's programs hold (hardware sheet §9 and the sums of §2 to §4), each by
name, over every task of FILE. They are habits of one generator: programs of others may break some and still run.

  npulab-npu check mobilenet.rknn
";

const RUN: &str = "\
npulab-npu run JOB.json [--out DIR] [--json]

Executes a captured job, whoever generated it, and compares memory with what is expected. JOB.json:

  soc        \"rk3568\"
  memory     [{address, sizeBytes, file | null}]   device memory, null = zeros; entries must not overlap
  setup      [[register, value], ...]              writes in slave mode after each reset
  submits    [{regcmdAddress, regcmdWords, taskCount, interruptMask,
               setup [], memory [], taskDmaBase 0, pingPong true, interruptClear 131071, timeoutMs none, resetBefore true}]
  expect     [{address, sizeBytes, file, mask none, elementType, maxAbsDifference, maxFractionDifferent 1}]

Numbers are decimal; files are relative to JOB.json, without \"..\"; unknown keys are ignored. elementType is int8, uint8,
int16, int32, fp16 or fp32. A mask has a byte for each byte of the range (or for each element): 0 hides the element.
Contents persist across submits; memory of a submit patches them first. A submit is one hardware start; its deadline counts
modelled time. --out writes report.json, what was written to memory, and the actual bytes of each expectation.

  npulab-npu run capture/JOB.json
  npulab-npu run capture/JOB.json --out after && cmp after/expect-0.bin capture/expect-0.bin
";

const TIME: &str = "\
npulab-npu time NETWORK.json [--npu-mhz N] [--ddr-mhz N] [--json]

Predicts the latency of a network given as a list of layers: low, expected and high milliseconds for each layer and in total,
tasks, bytes, and what limits each layer. Times are modelled from the parameter table of docs/boards/rk3568.md. NETWORK.json:

  name, source, dtype int8 | fp16, starts 1, layers [{name, op, count 1, dtype, ...}]
  op conv        input [height, width, channels], kernels, kernel [rows, columns], stride, padding [top, left, bottom, right],
                 activation none | relu | relu6 | silu | sigmoid | tanh | gelu, residual
  op depthwise   input, kernel, stride, padding, activation        op maxpool, avgpool   input, kernel, stride, padding
  op matmul      m, k, n                                           op add, activation, upsample   input (upsample: factor)

The whole format stands in docs/boards/network-files.md; board/crates/npu-predict/networks/ has seven networks.

  npulab-npu time board/crates/npu-predict/networks/resnet50.json
  npulab-npu time my-network.json --npu-mhz 600 --json
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// A text to print.
    Text(String),
    /// `scan`
    Scan {
        /// File.
        file: PathBuf,
        /// One row for each operation.
        summary: bool,
    },
    /// `disasm`
    Disasm {
        /// File.
        file: PathBuf,
        /// First byte.
        offset: Option<usize>,
        /// Words.
        words: Option<usize>,
        /// A line for each field.
        explain: bool,
    },
    /// `check`
    Check(PathBuf),
    /// `run`
    Run {
        /// Job file.
        job: PathBuf,
        /// Folder for what the run left.
        out: Option<PathBuf>,
    },
    /// `time`
    Time {
        /// Network file.
        network: PathBuf,
        /// NPU clock; `None`: that of the parameter table.
        npu_mhz: Option<u64>,
        /// DDR clock; `None`: that of the parameter table.
        ddr_mhz: Option<u64>,
    },
}

/// Reads the arguments after the program's name. The flag says whether JSON is wanted.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<(Command, bool), Failure> {
    use lexopt::prelude::*;
    let mut parser = lexopt::Parser::from_args(args);
    let (mut name, mut file) = (None, None);
    let (mut json, mut help, mut explain) = (false, false, false);
    let (mut offset, mut words, mut out) = (None, None, None);
    let (mut npu_mhz, mut ddr_mhz) = (None, None);
    let mut summary = false;
    while let Some(arg) = parser.next().map_err(|error| Failure::usage(error.to_string()))? {
        match arg {
            Long("help") | Short('h') => help = true,
            Long("version") | Short('V') => {
                return Ok((
                    Command::Text(format!("npulab-npu {}\n", env!("CARGO_PKG_VERSION"))),
                    false,
                ));
            }
            Long("json") => json = true,
            Long("summary") => summary = true,
            Long("explain") => explain = true,
            Long(option @ ("offset" | "words" | "out" | "npu-mhz" | "ddr-mhz")) => {
                let option = option.to_owned();
                let value = parser.value().map_err(|error| Failure::usage(error.to_string()))?;
                match option.as_str() {
                    "offset" => offset = Some(number("--offset", &value)?),
                    "words" => words = Some(number("--words", &value)?),
                    "npu-mhz" => npu_mhz = Some(megahertz("--npu-mhz", &value)?),
                    "ddr-mhz" => ddr_mhz = Some(megahertz("--ddr-mhz", &value)?),
                    _ => out = Some(PathBuf::from(value)),
                }
            }
            Value(value) if name.is_none() => name = Some(value.to_string_lossy().into_owned()),
            Value(value) if file.is_none() => file = Some(PathBuf::from(value)),
            other => return Err(Failure::usage(other.unexpected().to_string())),
        }
    }
    let Some(name) = name else {
        return if help {
            Ok((Command::Text(HELP.into()), false))
        } else {
            Err(Failure::usage("a command is missing"))
        };
    };
    let Some((_, text)) = [
        ("scan", SCAN),
        ("disasm", DISASM),
        ("check", CHECK),
        ("run", RUN),
        ("time", TIME),
    ]
    .into_iter()
    .find(|(known, _)| *known == name) else {
        return Err(Failure::usage(format!("{name}: no such command")));
    };
    if help {
        return Ok((Command::Text(text.into()), false));
    }
    if name != "disasm" && (offset.is_some() || words.is_some() || explain) {
        return Err(Failure::usage(format!(
            "{name}: --offset, --words and --explain belong to disasm"
        )));
    }
    if name != "scan" && summary {
        return Err(Failure::usage(format!("{name}: --summary belongs to scan")));
    }
    if name != "run" && out.is_some() {
        return Err(Failure::usage(format!("{name}: --out belongs to run")));
    }
    if name != "time" && (npu_mhz.is_some() || ddr_mhz.is_some()) {
        return Err(Failure::usage(format!(
            "{name}: --npu-mhz and --ddr-mhz belong to time"
        )));
    }
    let file = file.ok_or_else(|| Failure::usage(format!("{name}: a file is missing")))?;
    let command = match name.as_str() {
        "scan" => Command::Scan { file, summary },
        "disasm" => Command::Disasm {
            file,
            offset,
            words,
            explain,
        },
        "check" => Command::Check(file),
        "time" => Command::Time {
            network: file,
            npu_mhz,
            ddr_mhz,
        },
        _ => Command::Run { job: file, out },
    };
    Ok((command, json))
}

/// A clock that the table's arithmetic was made for.
fn megahertz(option: &str, value: &OsString) -> Result<u64, Failure> {
    let number = number(option, value)? as u64;
    if (1..=10_000).contains(&number) {
        Ok(number)
    } else {
        Err(Failure::usage(format!("{option} {number}: 1 to 10000")))
    }
}

fn number(option: &str, value: &OsString) -> Result<usize, Failure> {
    let text = value.to_string_lossy();
    let number = match text.strip_prefix("0x") {
        Some(digits) => usize::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| Failure::usage(format!("{option} {text}: a whole number is wanted")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &str) -> Result<(Command, bool), Failure> {
        parse(args.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options_may_stand_before_or_after_the_file() {
        let wanted = Command::Disasm {
            file: "f".into(),
            offset: Some(64),
            words: Some(3),
            explain: false,
        };
        assert_eq!(read("disasm --offset 0x40 f --words 3 --json"), Ok((wanted, true)));
        let run = Command::Run {
            job: "j".into(),
            out: Some("d".into()),
        };
        assert_eq!(read("run j --out d"), Ok((run, false)));
    }

    #[test]
    fn every_command_explains_itself_with_an_example() {
        for name in ["scan", "disasm", "check", "run", "time"] {
            let (command, _) = read(&format!("{name} --help")).unwrap();
            let Command::Text(text) = command else { panic!("{name}") };
            assert!(text.contains(&format!("\n  npulab-npu {name} ")), "{text}");
            assert!(HELP.contains(&format!("npulab-npu {name} ")));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (args, part) in [
            ("", "a command is missing"),
            ("paint f", "paint: no such command"),
            ("scan", "a file is missing"),
            ("scan a b", "\"b\""),
            ("scan f --words 1", "belong to disasm"),
            ("check f --explain", "belong to disasm"),
            ("check f --out d", "belongs to run"),
            ("check f --summary", "--summary belongs to scan"),
            ("disasm f --offset x", "--offset x: a whole number"),
            ("scan f --nothing", "--nothing"),
            ("scan f --npu-mhz 600", "belong to time"),
            ("time f --npu-mhz 0", "--npu-mhz 0: 1 to 10000"),
        ] {
            let failure = read(args).unwrap_err();
            assert!(failure.cause.contains(part), "{failure}");
            assert_eq!((failure.code, failure.exit), ("npu.usage", 2));
        }
    }
}
