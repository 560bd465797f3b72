//! A real `npulabd` as a process of its own, which ends with its test.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Killed when the test lets go of it.
pub struct Process(pub Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The binary of this build.
pub fn npulabd() -> Command {
    Command::new(env!("CARGO_BIN_EXE_npulabd"))
}

/// Has `command`, whose last words run `npulabd`, listen on the back end `cpu`; gives its ready line.
pub fn start(command: &mut Command, listen: &str, store: &Path, log: &Path) -> (Process, serde_json::Value) {
    let mut child = command
        .args([
            "--listen",
            listen,
            "--backend",
            "cpu",
            "--until-stdin-closes",
            "--store",
        ])
        .arg(store)
        .arg("--log")
        .arg(log)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let process = Process(child);
    (process, serde_json::from_str(&line).unwrap())
}

/// Where an agent that listens on TCP says that it does.
pub fn address(ready: &serde_json::Value) -> SocketAddr {
    let listen = ready["listen"].as_str().unwrap();
    listen.strip_prefix("tcp://").unwrap().parse().unwrap()
}
