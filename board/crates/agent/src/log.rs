//! A line logger: monotonic time, level, text. Never stdout or stderr, which may be the link on a board.
//!
//! A log that cannot be written is given up silently: SD cards fail, and the agent must not.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// The host's wall clock at the agent's time 0, µs since 1970; 0 until a host told it.
    wall_offset_us: AtomicU64,
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
            wall_offset_us: AtomicU64::new(0),
        })
    }

    /// Drops every line.
    pub fn none(clock: Arc<dyn Clock>) -> Self {
        Self {
            file: None,
            path: PathBuf::new(),
            clock,
            wall_offset_us: AtomicU64::new(0),
        }
    }

    /// The file, empty where there is none.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Takes the wall clock of a host, for lines from here on: the board's own may start in 1970.
    pub fn learn_wall_time(&self, wall_us: u64, now_ns: u64) {
        self.wall_offset_us
            .store(wall_us.saturating_sub(now_ns / 1000), Ordering::SeqCst);
    }

    /// Writes one line.
    pub fn line(&self, level: Level, text: &str) {
        let Some(file) = &self.file else { return };
        let now = self.clock.now_ns() / 1000;
        let level = format!("{level:?}").to_lowercase();
        let text = text.replace('\n', " ");
        let wall = match self.wall_offset_us.load(Ordering::SeqCst) {
            0 => String::new(),
            offset_us => format!(" {}", utc(offset_us.saturating_add(now) / 1_000_000)),
        };
        let line = format!(
            "{:>6}.{:06}{wall} {level:<5} {text}\n",
            now / 1_000_000,
            now % 1_000_000
        );
        // A full disk must not stop the agent.
        let _ = file
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .write_all(line.as_bytes());
    }
}

/// Seconds since 1970 as a UTC date and time (the civil-from-days rule of the proleptic Gregorian calendar).
fn utc(seconds: u64) -> String {
    let days = (seconds / 86_400).min(u64::from(u32::MAX)) + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_the_dates_of_the_calendar() {
        assert_eq!(utc(0), "1970-01-01T00:00:00Z");
        assert_eq!(utc(951_782_399), "2000-02-28T23:59:59Z");
        assert_eq!(utc(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(utc(1_795_000_000), "2026-11-18T11:06:40Z");
    }
}
