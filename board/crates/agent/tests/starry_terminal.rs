//! The real `npulabd` on a terminal like StarryOS's (starryos.md, section 6.4): one that eats and answers cursor requests, writes log
//! lines into frames, drops what its 4096 bytes do not hold, begins in canonical mode with echo, and has few ioctls.
//!
//! Every fault of a line alone, too. Seeds are printed.

mod support;

use std::fs::File;
use std::os::unix::process::ExitStatusExt;

use link::uart::mask::CUT_SEQUENCE;
use rustix::termios::{LocalModes, SpecialCodeIndex, Termios, tcgetattr};
use support::*;

const CHUNK: u32 = 4_000;

fn serve_on(terminal: &Terminal, folder: &Folder) -> Process {
    let (store, log) = (folder.0.join("store"), folder.0.join("agent.log"));
    let listen = format!("serial://{}?baud=4000000", terminal.path);
    start(fenced(&mut npulabd()), &listen, &store, &log).0
}

fn settings(terminal: &Terminal) -> Termios {
    tcgetattr(File::open(&terminal.path).unwrap()).unwrap()
}

/// Half of it is what the terminal eats.
fn content(seed: u64) -> Vec<u8> {
    [noise(10_000, seed), CUT_SEQUENCE.repeat(2_500)].concat()
}

/// Uploads over a line with faults, and looks at what the board has stored. Returns how many PDUs the host sent again, and the
/// text that it saw.
fn upload_over(faults: Faults, terminal_answers: bool, seed: u64) -> (u64, String) {
    println!("seed {seed}: {faults:?}");
    let (folder, terminal, mut random) = (Folder::new(), Terminal::new(), Random(seed));
    let _process = serve_on(&terminal, &folder);
    let wires = [0, 1].map(|_| FaultyWire::new(random.next(), faults));
    let mut tty = Tty::on(&terminal, random.next() as u32 | 1, Some(wires));
    tty.terminal = terminal_answers;
    tty.open();
    let mut host = Peer::over(tty);
    host.greet(None, &[]);
    let data = content(seed);
    let id = host.upload_in(&data, CHUNK);
    let stored = folder.0.join(format!("store/{}.blob", agent::store::hex(&*id)));
    assert!(std::fs::read(stored).unwrap() == data, "seed {seed}");
    (host.wire.line.counts().repeated_pdus, host.wire.text)
}

#[test]
fn the_agent_makes_the_terminal_raw_never_waits_by_vtime_and_calls_nothing_it_does_not_have() {
    let (folder, terminal) = (Folder::new(), Terminal::new());
    let before = settings(&terminal);
    assert!(before.local_modes.contains(LocalModes::ICANON | LocalModes::ECHO));
    let mut process = serve_on(&terminal, &folder);
    let mut host = Peer::over(Tty::on(&terminal, 5, None));
    host.wire.open();
    host.greet(None, &[]);
    host.upload_in(&content(1), CHUNK);
    let now = settings(&terminal);
    let cooked = LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
    assert!(!now.local_modes.intersects(cooked), "{now:?}");
    let codes = [SpecialCodeIndex::VMIN, SpecialCodeIndex::VTIME].map(|code| now.special_codes[code]);
    assert_eq!(codes, [1, 0]);
    // A call behind the fence would have ended it.
    assert_eq!(process.0.try_wait().unwrap(), None);
}

#[test]
fn the_fence_ends_a_process_at_the_first_call_that_the_terminal_does_not_have() {
    // How many bytes wait (FIONREAD) is answered by ENOTTY there.
    let ask = "import fcntl, sys, termios, os\nfcntl.ioctl(os.openpty()[1], termios.FIONREAD, b'1234')";
    let mut python = std::process::Command::new("python3");
    let Ok(ended) = fenced(python.args(["-c", ask])).output() else {
        println!("skipped: there is no python3");
        return;
    };
    assert_eq!(ended.status.signal(), Some(libc::SIGSYS), "{ended:?}");
}

#[test]
fn a_terminal_that_eats_answers_writes_and_drops_all_at_once_loses_no_byte_of_an_upload() {
    let mut seen = (0, String::new());
    for seed in 900..903 {
        let faults = Faults {
            text: 0.05,
            stall: 0.01,
            queue_bytes: 4096,
            overtake: 0.1,
            ..Faults::default()
        };
        let (repeated, text) = upload_over(faults, true, seed);
        seen = (seen.0 + repeated, seen.1 + &text);
    }
    // It did what it is made for: bytes were lost, and log lines came between frames.
    assert!(seen.0 > 0);
    assert!(seen.1.contains("npu: a log line of the kernel"));
}

#[test]
fn every_fault_alone_costs_time_and_no_byte() {
    let some = Faults::default();
    let faults = [
        Faults { drop: 1e-3, ..some },
        Faults { flip: 1e-3, ..some },
        Faults { duplicate: 0.3, ..some },
        Faults { reorder: 0.1, ..some },
        Faults { overtake: 1.0, ..some },
        Faults { truncate: 0.1, ..some },
        Faults { text: 0.3, ..some },
        Faults { stall: 0.02, ..some },
        Faults { silence: 0.02, ..some },
        Faults {
            bytes_per_s: 11_520,
            ..some
        },
        Faults {
            latency_us: 16_000,
            ..some
        },
        Faults {
            eats_cursor_requests: true,
            ..some
        },
    ];
    for (seed, faults) in (910..).zip(faults) {
        upload_over(faults, false, seed);
    }
}
