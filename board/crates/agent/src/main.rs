//! `npulabd`: the agent's shell. Reads the command line, says where it listens, ends on a signal or with its input.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use agent::access::{self, Keys, Rights};
use agent::cli::{self, Command, HELP, Listen, Options};
use agent::clock::{Clock, MonotonicClock};
use agent::log::{Level, Log, prune};
use agent::serial::SerialPort;
use agent::server::{Listener, Server, bind};
use agent::{Agent, Config, backend};
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;

fn main() -> ExitCode {
    let result = match cli::parse(std::env::args_os().skip(1)) {
        Ok(Command::Help) => print(HELP),
        Ok(Command::Version) => print(&format!("npulabd {}\n", env!("CARGO_PKG_VERSION"))),
        Ok(Command::NewKey(path)) => access::create(&path).and_then(|id| {
            let told = serde_json::json!({ "key": path.display().to_string(), "id": agent::store::hex(&id) });
            print(&format!("{told}\n"))
        }),
        Ok(Command::Serve(options)) => serve(options),
        Err(wrong) => Err(format!("{wrong}\nTry npulabd --help")),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell where even standard error is closed.
            let _ = writeln!(std::io::stderr(), "npulabd: {error}");
            ExitCode::from(2)
        }
    }
}

fn print(text: &str) -> Result<(), String> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| format!("standard output: {error}"))
}

/// Something bound, before the agent is there.
enum Place {
    Tcp(TcpListener),
    Serial(SerialPort),
}

fn serve(options: Options) -> Result<(), String> {
    let mut keys = Keys::default();
    for (path, rights) in &options.keys {
        keys.add(access::read(path)?, *rights);
    }
    let mut places = Vec::new();
    for place in &options.listen {
        places.push(match place {
            Listen::Tcp(address) => {
                let listener = bind(*address, !keys.is_empty()).map_err(|error| format!("{address}: {error}"))?;
                let address = listener.local_addr().map_err(|error| error.to_string())?;
                (format!("tcp://{address}"), Place::Tcp(listener))
            }
            Listen::Serial(serial) => {
                let path = serial.path.display().to_string();
                let port = agent::serial::open(serial.clone()).map_err(|error| format!("{path}: {error}"))?;
                (format!("serial://{path}"), Place::Serial(port))
            }
        });
    }
    let urls: Vec<String> = places.iter().map(|(url, _)| url.clone()).collect();
    let url = urls.join(", ");
    let clock: Arc<dyn Clock> = Arc::new(MonotonicClock::default());
    let boot_id = Agent::new_boot_id().map_err(|error| error.to_string())?;
    let log_path = options.log.unwrap_or_else(|| {
        let folder = cli::log_folder();
        prune(&folder);
        folder.join(format!("npulabd-{}.log", agent::store::hex(&boot_id)))
    });
    let log = Arc::new(Log::open(&log_path, Arc::clone(&clock)).unwrap_or_else(|_| Log::none(Arc::clone(&clock))));
    let backend = backend::open(&options.backend).map_err(|error| format!("--backend {}: {error}", options.backend))?;
    let agent = Agent::start(Config {
        boot_id,
        backend,
        store: options.store.clone(),
        quota_bytes: options.quota_mib << 20,
        memory_bytes: options.memory_mib.map(|mib| mib << 20),
        grace_ms: options.grace_ms,
        address: url.clone(),
        terminals: "/sys/class/tty".into(),
        log: Arc::clone(&log),
        clock,
        keys: keys.clone(),
        imports: options.import.clone(),
    })
    .map_err(|failure| format!("{failure}. {}", failure.remedy))?;
    let (stop, stopped) = channel();
    stop_on_signal(stop.clone())?;
    let key_ids: Vec<_> = keys
        .ids()
        .map(|(id, rights)| serde_json::json!({ "id": agent::store::hex(&id), "readOnly": rights == Rights::ReadOnly }))
        .collect();
    let ready = serde_json::json!({
        "npulabd": 1,
        "listen": urls[0],
        "listens": urls,
        "keys": key_ids,
        "version": env!("CARGO_PKG_VERSION"),
        "protocol": { "min": link::limits::PROTOCOL_MIN, "current": link::limits::PROTOCOL_CURRENT },
        "bootId": agent::store::hex(&boot_id),
        "backend": options.backend,
        "log": log.path().display().to_string(),
    });
    let listeners = places
        .into_iter()
        .map(|(_, place)| match place {
            Place::Tcp(listener) => Listener::Tcp(listener),
            Place::Serial(port) => Listener::Serial(port, ready.to_string()),
        })
        .collect();
    let server = Server::start(agent, listeners, true).map_err(|error| format!("threads: {error}"))?;
    log.line(
        Level::Info,
        &format!("{url}, back end {}, store {}", options.backend, options.store.display()),
    );
    print(&format!("{ready}\n"))?;
    if options.until_stdin_closes {
        stop_with_input(stop)?;
    }
    let reason = stopped.recv().unwrap_or("no reason");
    log.line(Level::Info, &format!("stopping: {reason}"));
    server.stop(reason);
    Ok(())
}

fn stop_on_signal(stop: Sender<&'static str>) -> Result<(), String> {
    // A file that may not grow is an error of its write, which a peer is told, and no reason to die.
    signal_hook::flag::register(SIGXFSZ, Arc::default()).map_err(|error| format!("signals: {error}"))?;
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(|error| format!("signals: {error}"))?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            // The main thread outlives this one.
            signals.forever().for_each(|_| {
                let _ = stop.send("the agent was told to stop");
            });
        })
        .map(drop)
        .map_err(|error| format!("threads: {error}"))
}

fn stop_with_input(stop: Sender<&'static str>) -> Result<(), String> {
    std::thread::Builder::new()
        .name("input".into())
        .spawn(move || {
            let (mut input, mut ignored) = (std::io::stdin(), [0u8; 256]);
            while matches!(input.read(&mut ignored), Ok(1..)) {}
            // The main thread outlives this one.
            let _ = stop.send("standard input was closed");
        })
        .map(drop)
        .map_err(|error| format!("threads: {error}"))
}
