//! The file of the command line: mapped, or read as text. The one unsafe block of this crate.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::Read;
use std::path::Path;

use memmap2::Mmap;

use crate::failure::Failure;

/// Longest text that is read: far beyond any job or network, far below what a machine has.
const MOST_TEXT_BYTES: u64 = 64 << 20;

/// Opens a regular file. Asked before it is opened: opening a pipe waits for somebody to write.
fn regular(path: &Path) -> Result<(File, u64), Failure> {
    let failed = |error: std::io::Error| Failure::read(path, &error);
    let facts = path.metadata().map_err(failed)?;
    if !facts.is_file() {
        return Err(failed(std::io::Error::other("not a regular file")));
    }
    Ok((File::open(path).map_err(failed)?, facts.len()))
}

/// The text of a job or network file.
pub fn text(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::read(path, &error);
    let (file, length) = regular(path)?;
    if length > MOST_TEXT_BYTES {
        let why = format!("{length} bytes of text, at most {MOST_TEXT_BYTES}");
        return Err(failed(std::io::Error::other(why)));
    }
    let mut text = String::new();
    file.take(MOST_TEXT_BYTES).read_to_string(&mut text).map_err(failed)?;
    Ok(text)
}

/// A whole file, read-only; an empty file maps to no bytes.
pub struct Mapped(Option<Mmap>);

impl Mapped {
    /// Maps a regular file.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let (file, length) = regular(path)?;
        if length == 0 {
            return Ok(Self(None));
        }
        // SAFETY: the bytes are only read, as numbers without any further meaning. Should somebody truncate the file
        // meanwhile, the process gets a bus error, which ends a command that has changed nothing.
        let map = unsafe { Mmap::map(&file) }.map_err(|error| Failure::read(path, &error))?;
        Ok(Self(Some(map)))
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_deref().unwrap_or_default()
    }
}
