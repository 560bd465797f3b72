//! The command line of `npulabd`, and the folders it falls back to. Knows names and numbers, starts nothing.

use std::ffi::OsString;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use crate::access::Rights;
use crate::backend;
use crate::serial::SerialOptions;

/// `--help`.
pub const HELP: &str = "\
npulabd, the agent of NPU Lab on a board or a host

  npulabd --listen URL [--listen URL …] --backend NAME [options]
  npulabd key new PATH    make a key: 64 hex digits in a file that only its owner may read

  --listen URL            tcp://ADDRESS:PORT (port 0 picks a free one; beyond loopback only with --key), or
                          serial:///dev/ttyS2?baud=1500000 with &keep (leave the speed as it is) and &open (no key here)
  --backend NAME          sim:rk3568 (register-level model), drm (the vendor's /dev/dri/cardN), cpu (control experiment)
  --key FILE              serve only who shows this key; may be given again
  --read-key FILE         a key whose bearer may only read
  --store DIR             blob store           [$XDG_DATA_HOME/npulab/blobs]
  --import DIR            folder whose files a peer may have taken into the store, by name
  --log FILE              log file             [$XDG_STATE_HOME/npulab/npulabd-BOOTID.log]
  --grace-ms N            how long a session without a link is kept, four times that on serial    [30000]
  --memory-mib N          device memory one session may take             [all of it]
  --quota-mib N           what the blob store may hold                   [16384]
  --until-stdin-closes    end when standard input does
  --version, --help

The first line on standard output is JSON and says where it listens. Nothing else is printed.
";

/// Options with a value.
const OPTIONS: [&str; 10] = [
    "listen",
    "backend",
    "store",
    "log",
    "grace-ms",
    "memory-mib",
    "quota-mib",
    "key",
    "read-key",
    "import",
];

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// `--help`
    Help,
    /// `--version`
    Version,
    /// Make a key.
    NewKey(PathBuf),
    /// Serve.
    Serve(Options),
}

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// TCP.
    Tcp(SocketAddr),
    /// A serial port.
    Serial(SerialOptions),
}

/// How to serve.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// Where to listen.
    pub listen: Vec<Listen>,
    /// Key files and what they let do.
    pub keys: Vec<(PathBuf, Rights)>,
    /// Folder of files that may be imported.
    pub import: Option<PathBuf>,
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

fn listen(url: &str) -> Result<Listen, String> {
    let wrong = || format!("--listen {url}: the form is tcp://127.0.0.1:PORT or serial:///dev/ttyS2?baud=1500000");
    if let Some(place) = url.strip_prefix("serial://") {
        return serial(place).map(Listen::Serial).ok_or_else(wrong);
    }
    let place = url.strip_prefix("tcp://").ok_or_else(wrong)?;
    let address = place.to_socket_addrs().map_err(|_| wrong())?.next();
    address.map(Listen::Tcp).ok_or_else(wrong)
}

fn serial(place: &str) -> Option<SerialOptions> {
    let (path, query) = place.split_once('?').unwrap_or((place, ""));
    let path = PathBuf::from(path);
    let mut options = SerialOptions {
        path,
        baud: None,
        keep_speed: false,
        without_key: false,
    };
    for part in query.split('&').filter(|part| !part.is_empty()) {
        match part.split_once('=') {
            Some(("baud", baud)) => options.baud = Some(baud.parse().ok()?),
            None if part == "keep" => options.keep_speed = true,
            None if part == "open" => options.without_key = true,
            _ => return None,
        }
    }
    options.path.is_absolute().then_some(options)
}

/// Reads the arguments after the program's name; the error is for people.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    use lexopt::prelude::*;
    let mut parser = lexopt::Parser::from_args(args);
    let (mut places, mut name, mut store, mut log) = (Vec::new(), None, None, None);
    let (mut keys, mut import) = (Vec::new(), None);
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
            Value(word) if word == "key" && places.is_empty() => {
                let (verb, path) = (parser.value(), parser.value());
                return match (verb, path) {
                    (Ok(verb), Ok(path)) if verb == "new" => Ok(Command::NewKey(path.into())),
                    _ => Err("the form is: npulabd key new PATH".into()),
                };
            }
            Long(option) => option.to_owned(),
            other => return Err(other.unexpected().to_string()),
        };
        if !OPTIONS.contains(&option.as_str()) {
            return Err(format!("--{option}: no such option"));
        }
        let value = parser.value().map_err(|error| error.to_string())?;
        match option.as_str() {
            "listen" => places.push(listen(&text(value)?)?),
            "key" => keys.push((PathBuf::from(value), Rights::Full)),
            "read-key" => keys.push((PathBuf::from(value), Rights::ReadOnly)),
            "import" => import = Some(PathBuf::from(value)),
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
    if places.is_empty() {
        return Err("--listen is missing".into());
    }
    for place in &places {
        if let Listen::Tcp(address) = place
            && !address.ip().is_loopback()
            && keys.is_empty()
        {
            return Err(format!(
                "--listen tcp://{address}: beyond loopback nobody is served without a key. Make one with: npulabd key new \
                 PATH, then add --key PATH"
            ));
        }
    }
    Ok(Command::Serve(Options {
        listen: places,
        keys,
        import,
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
    fn an_address_beyond_loopback_is_refused_without_a_key_and_the_remedy_is_named() {
        let error = run(&["--listen", "tcp://0.0.0.0:7000", "--backend", "cpu"]).unwrap_err();
        assert!(
            error.contains("without a key") && error.contains("npulabd key new"),
            "{error}"
        );
        assert!(run(&["--listen", "tcp://127.0.0.1:0", "--backend", "cpu"]).is_ok());
        assert!(run(&["--listen", "tcp://0.0.0.0:7000", "--backend", "cpu", "--key", "/k"]).is_ok());
    }

    #[test]
    fn a_serial_place_has_a_device_and_says_how() {
        let place = |url: &str| listen(url).ok();
        let options = SerialOptions {
            path: "/dev/ttyS2".into(),
            baud: Some(1_500_000),
            keep_speed: true,
            without_key: true,
        };
        assert_eq!(
            place("serial:///dev/ttyS2?baud=1500000&keep&open"),
            Some(Listen::Serial(options))
        );
        assert!(place("serial:///dev/ttyS2").is_some());
        for wrong in [
            "serial://dev/ttyS2",
            "serial:///dev/ttyS2?baud=x",
            "serial:///dev/ttyS2?speed=1",
            "serial://",
        ] {
            assert_eq!(place(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_key_is_made_by_a_command_of_its_own() {
        assert_eq!(run(&["key", "new", "/k"]), Ok(Command::NewKey("/k".into())));
        assert!(run(&["key", "old", "/k"]).is_err() && run(&["key", "new"]).is_err());
    }

    #[test]
    fn every_option_of_the_contract_is_understood() {
        let args = "--listen tcp://127.0.0.1:7 --backend cpu --store /s --log /l --until-stdin-closes --grace-ms 5 \
                    --memory-mib 6 --quota-mib 7 --key /k --read-key /r --import /i";
        let options = Options {
            listen: vec![Listen::Tcp(([127, 0, 0, 1], 7).into())],
            keys: vec![("/k".into(), Rights::Full), ("/r".into(), Rights::ReadOnly)],
            import: Some("/i".into()),
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
