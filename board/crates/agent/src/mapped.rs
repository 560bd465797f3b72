//! Maps a blob into memory. The one unsafe block of the agent.
#![allow(unsafe_code)]

use std::fs::File;

use memmap2::Mmap;

use crate::failure::Failure;

/// Maps a file of the blob store read-only.
pub fn map(file: &File) -> Result<Mmap, Failure> {
    // SAFETY: the file must not shrink while it is mapped. Blobs are written under another name, renamed when whole,
    // and never changed or truncated after that by any agent; the folder belongs to the agent's user.
    Ok(unsafe { Mmap::map(file) }?)
}
