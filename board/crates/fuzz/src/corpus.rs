//! The committed inputs of a target. Knows files, not their meaning.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::Target;

/// One input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// File name.
    pub name: String,
    /// Contents.
    pub bytes: Vec<u8>,
}

/// Where a target's inputs lie in the repository.
pub fn corpus_dir(target: &Target) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "corpus", target.name].iter().collect()
}

/// Reads a target's inputs in the order of their names.
pub fn load(target: &Target) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for file in fs::read_dir(corpus_dir(target))? {
        let file = file?;
        entries.push(Entry {
            name: file.file_name().to_string_lossy().into_owned(),
            bytes: fs::read(file.path())?,
        });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}
