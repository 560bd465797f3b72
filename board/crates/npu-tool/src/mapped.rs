//! Maps the file that is looked at. The one unsafe block of this crate.
#![allow(unsafe_code)]

use std::fs::File;
use std::path::Path;

use memmap2::Mmap;

use crate::failure::Failure;

/// A whole file, read-only; an empty file maps to no bytes.
pub struct Mapped(Option<Mmap>);

impl Mapped {
    /// Maps a regular file.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let file = File::open(path).map_err(|error| Failure::read(path, &error))?;
        let facts = file.metadata().map_err(|error| Failure::read(path, &error))?;
        if !facts.is_file() {
            return Err(Failure::read(path, &std::io::Error::other("not a regular file")));
        }
        if facts.len() == 0 {
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
