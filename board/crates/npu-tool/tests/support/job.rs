//! A captured job in a folder of its own, and what the command says about it.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{Random, bytes, folder, matmul, npulab, product};

pub const COMMANDS: u32 = 0x0010_0000;
pub const A: u32 = 0x0020_0000;
pub const B: u32 = 0x0030_0000;
pub const C: u32 = 0x0040_0000;
pub const M: u32 = 8;
pub const K: u32 = 64;
pub const N: u32 = 32;

/// A job of one product in a folder of its own, with the bytes a plain loop gives as expectation.
pub struct Bench {
    pub folder: PathBuf,
    pub job: Value,
    pub expected: Vec<i32>,
}

impl Bench {
    pub fn new(name: &str, tasks: u32) -> Self {
        let folder = folder(name);
        let mut random = Random(7);
        let a = random.bytes((M * K) as usize);
        let b = random.bytes((N * K) as usize);
        let expected = product(&a, &b, M as usize, K as usize, N as usize);
        let stream = |index: u32| {
            let next = (index + 1 < tasks).then_some((COMMANDS + 960 * (index + 1), 116));
            let mut words = matmul(M, K, N, [A, B, C], next);
            words.resize(120, 0);
            bytes(&words)
        };
        let commands: Vec<u8> = (0..tasks).flat_map(stream).collect();
        let c: Vec<u8> = expected.iter().flat_map(|value| value.to_le_bytes()).collect();
        for (file, bytes) in [("regcmd.bin", &commands), ("a.bin", &a), ("b.bin", &b), ("c.bin", &c)] {
            std::fs::write(folder.join(file), bytes).unwrap();
        }
        let job = json!({
            "soc": "rk3568",
            "generator": "a key nobody knows",
            "memory": [
                {"address": C, "sizeBytes": M * N * 4, "file": null},
                {"address": COMMANDS, "sizeBytes": commands.len(), "file": "regcmd.bin"},
                {"address": A, "sizeBytes": a.len(), "file": "a.bin"},
                {"address": B, "sizeBytes": b.len(), "file": "./b.bin"},
            ],
            "submits": [{"regcmdAddress": COMMANDS, "regcmdWords": 117, "taskCount": tasks, "interruptMask": 0x300}],
            "expect": [{"address": C, "sizeBytes": M * N * 4, "file": "c.bin", "elementType": "int32", "maxAbsDifference": 0}],
        });
        Self { folder, job, expected }
    }

    /// Writes a file beside the job.
    pub fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.folder.join(name), bytes).unwrap();
    }

    /// One change of the job, and how the command then ends.
    pub fn with(&mut self, path: &[&str], value: Value) -> &mut Self {
        let mut at = &mut self.job;
        for key in path {
            at = match key.parse::<usize>() {
                Ok(index) => &mut at[index],
                Err(_) => &mut at[*key],
            };
        }
        *at = value;
        self
    }

    pub fn run(&self) -> Ran {
        self.run_with(&[])
    }

    pub fn run_with(&self, more: &[&str]) -> Ran {
        let path = self.folder.join("JOB.json");
        std::fs::write(&path, self.job.to_string()).unwrap();
        let mut args = vec!["run".as_ref(), path.as_os_str()];
        args.extend(more.iter().map(|arg| AsRef::<std::ffi::OsStr>::as_ref(*arg)));
        let output = npulab(&args);
        Ran {
            exit: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            error: String::from_utf8(output.stderr).unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.run_with(&["--json"]).out).unwrap()
    }
}

pub struct Ran {
    pub exit: i32,
    pub out: String,
    pub error: String,
}

impl Ran {
    /// Exit status and the line of the error.
    pub fn refused(&self) -> (i32, &str) {
        (self.exit, self.error.lines().next().unwrap_or_default())
    }
}
