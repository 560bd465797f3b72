//! A line logger: monotonic time, level, text. Never stdout or stderr, which may be the link on a board.
//!
//! A log that cannot be written is given up silently: SD cards fail, and the agent must not.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::clock::Clock;

/// Logs of earlier agents kept in the default folder.
const KEPT_LOGS: usize = 20;

/// Severity of a line; the numbers are the wire's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// Every frame.
    Trace = 0,
    /// Details.
    Debug = 1,
    /// Milestones.
    Info = 2,
    /// Something to look at.
    Warn = 3,
    /// Something broke.
    Error = 4,
}

/// Where lines go.
pub struct Log {
    file: Option<Mutex<File>>,
    path: PathBuf,
    clock: Arc<dyn Clock>,
}

impl Log {
    /// Appends to `path`, whose folder is made.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self {
            file: Some(Mutex::new(file)),
            path: path.to_owned(),
            clock,
        })
    }

    /// Drops every line.
    pub fn none(clock: Arc<dyn Clock>) -> Self {
        Self {
            file: None,
            path: PathBuf::new(),
            clock,
        }
    }

    /// The file, empty where there is none.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes one line.
    pub fn line(&self, level: Level, text: &str) {
        let Some(file) = &self.file else { return };
        let now = self.clock.now_ns() / 1000;
        let level = format!("{level:?}").to_lowercase();
        let text = text.replace('\n', " ");
        let line = format!("{:>6}.{:06} {level:<5} {text}\n", now / 1_000_000, now % 1_000_000);
        // A full disk must not stop the agent.
        let _ = file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(line.as_bytes());
    }
}

/// Removes the oldest logs of earlier agents from the default folder.
pub fn prune(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    let mut logs: Vec<_> = entries
        .flatten()
        .filter(|e| {
            e.file_name()
                .to_str()
                .is_some_and(|n| n.starts_with("npulabd-") && n.ends_with(".log"))
        })
        .filter_map(|e| Some((e.metadata().ok()?.modified().ok()?, e.path())))
        .collect();
    logs.sort();
    let surplus = logs.len().saturating_sub(KEPT_LOGS);
    for (_, path) in logs.into_iter().take(surplus) {
        // Another agent may have removed it already.
        let _ = fs::remove_file(path);
    }
}
