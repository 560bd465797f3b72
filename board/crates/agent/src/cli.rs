//! The command line of `npulabd`, and the folders it falls back to. Knows names and numbers, starts nothing.

use std::ffi::OsString;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use crate::backend;

/// `--help`.
pub const HELP: &str = "\
npulabd, the agent of NPU Lab on a board or a host

  npulabd --listen tcp://127.0.0.1:PORT --backend NAME [options]

  --listen URL            where to listen; port 0 picks a free one. Loopback only: the link has no keys yet
  --backend NAME          sim:rk3568 (register-level model), drm (the vendor's /dev/dri/cardN), cpu (control experiment)
  --store DIR             blob store           [$XDG_DATA_HOME/npulab/blobs]
  --log FILE              log file             [$XDG_STATE_HOME/npulab/npulabd-BOOTID.log]
  --grace-ms N            how long a session without a link is kept      [30000]
  --memory-mib N          device memory one session may take             [all of it]
  --quota-mib N           what the blob store may hold                   [16384]
  --until-stdin-closes    end when standard input does
  --version, --help

The first line on standard output is JSON and says where it listens. Nothing else is printed.
";

/// Options with a value.
const OPTIONS: [&str; 7] = [
    "listen",
    "backend",
    "store",
    "log",
    "grace-ms",
    "memory-mib",
    "quota-mib",
];

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// Serve.
    Serve(Options),
}

/// How to serve.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Back end's name.
    pub backend: String,
    /// Blob store.
    pub store: PathBuf,
    /// Log file; `None`: one of the default folder.
    pub log: Option<PathBuf>,
    /// Grace time.
    pub grace_ms: u64,
    /// Device memory of one session.
    pub memory_mib: Option<u64>,
    /// Blob quota.
    pub quota_mib: u64,
    /// End with standard input.
    pub until_stdin_closes: bool,
}

fn base(variable: &str, below_home: &str) -> PathBuf {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute(variable)
        .or_else(|| absolute("HOME").map(|home| home.join(below_home)))
        .unwrap_or_else(std::env::temp_dir)
        .join("npulab")
}

/// Folder of logs that were given no place.
pub fn log_folder() -> PathBuf {
    base("XDG_STATE_HOME", ".local/state")
}

fn listen(url: &str) -> Result<SocketAddr, String> {
    let wrong = || format!("--listen {url}: the form is tcp://127.0.0.1:PORT");
    let place = url.strip_prefix("tcp://").ok_or_else(wrong)?;
    let address = place.to_socket_addrs().map_err(|_| wrong())?.next().ok_or_else(wrong)?;
    if !address.ip().is_loopback() {
        return Err(format!(
            "--listen {url}: only a loopback address can be bound, the link has no keys yet. Use tcp://127.0.0.1:{} and \
             reach it through an SSH tunnel (ssh -L)",
            address.port()
        ));
    }
    Ok(address)
}

/// Reads the arguments after the program's name; the error is for people.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    use lexopt::prelude::*;
    let mut parser = lexopt::Parser::from_args(args);
    let (mut address, mut name, mut store, mut log) = (None, None, None, None);
    let (mut grace_ms, mut memory_mib, mut quota_mib, mut until_stdin_closes) = (30_000, None, 16_384, false);
    let text = |value: OsString| value.into_string().map_err(|value| format!("{value:?} is no UTF-8"));
    while let Some(arg) = parser.next().map_err(|error| error.to_string())? {
        // An option's name borrows the parser, so it is told apart from its value first.
        let option = match arg {
            Long("help") | Short('h') => return Ok(Command::Help),
            Long("version") | Short('V') => return Ok(Command::Version),
            Long("until-stdin-closes") => {
                until_stdin_closes = true;
                continue;
            }
            Long(option) => option.to_owned(),
            other => return Err(other.unexpected().to_string()),
        };
        if !OPTIONS.contains(&option.as_str()) {
            return Err(format!("--{option}: no such option"));
        }
        let value = parser.value().map_err(|error| error.to_string())?;
        match option.as_str() {
            "listen" => address = Some(listen(&text(value)?)?),
            "backend" => name = Some(text(value)?),
            "store" => store = Some(PathBuf::from(value)),
            "log" => log = Some(PathBuf::from(value)),
            "grace-ms" => grace_ms = number("--grace-ms", &text(value)?)?,
            "memory-mib" => memory_mib = Some(number("--memory-mib", &text(value)?)?),
            _ => quota_mib = number("--quota-mib", &text(value)?)?,
        }
    }
    let name = name.ok_or("--backend is missing")?;
    if !backend::NAMES.contains(&name.as_str()) {
        return Err(format!("--backend {name}: there is {}", backend::NAMES.join(", ")));
    }
    Ok(Command::Serve(Options {
        listen: address.ok_or("--listen is missing")?,
        backend: name,
        store: store.unwrap_or_else(|| base("XDG_DATA_HOME", ".local/share").join("blobs")),
        log,
        grace_ms,
        memory_mib,
        quota_mib,
        until_stdin_closes,
    }))
}

fn number(option: &str, text: &str) -> Result<u64, String> {
    // Times 2^20 must stay a u64.
    let number = text.parse::<u64>().ok().filter(|&number| number < 1 << 40);
    number.ok_or_else(|| format!("{option} {text}: a whole number below 2^40 is wanted"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(args: &[&str]) -> Result<Command, String> {
        parse(args.iter().map(OsString::from))
    }

    #[test]
    fn an_address_beyond_loopback_is_refused_with_a_remedy() {
        let error = run(&["--listen", "tcp://0.0.0.0:7000", "--backend", "cpu"]).unwrap_err();
        assert!(
            error.contains("only a loopback address") && error.contains("ssh -L"),
            "{error}"
        );
        assert!(run(&["--listen", "tcp://127.0.0.1:0", "--backend", "cpu"]).is_ok());
    }

    #[test]
    fn every_option_of_the_contract_is_understood() {
        let args = "--listen tcp://127.0.0.1:7 --backend cpu --store /s --log /l --until-stdin-closes --grace-ms 5 \
                    --memory-mib 6 --quota-mib 7";
        let options = Options {
            listen: ([127, 0, 0, 1], 7).into(),
            backend: "cpu".into(),
            store: "/s".into(),
            log: Some("/l".into()),
            grace_ms: 5,
            memory_mib: Some(6),
            quota_mib: 7,
            until_stdin_closes: true,
        };
        assert_eq!(
            run(&args.split_whitespace().collect::<Vec<_>>()),
            Ok(Command::Serve(options))
        );
        assert_eq!(run(&["--version"]), Ok(Command::Version));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (args, part) in [
            (&["--backend", "cpu"][..], "--listen is missing"),
            (&["--listen", "tcp://127.0.0.1:0"], "--backend is missing"),
            (&["--listen", "127.0.0.1:0"], "the form is tcp://"),
            (&["--listen", "tcp://127.0.0.1:0", "--backend", "gpu"], "there is "),
            (&["--grace-ms", "x"], "a whole number"),
            (&["--nothing"], "--nothing"),
        ] {
            let error = run(args).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }
}
