//! Which blobs were used last and which are kept: one small text file, rewritten as a whole.
//!
//! A line is `HEX` or `HEX kept`, longest unused first. No times: a board's clock may start in 1970. A file that is missing
//! or damaged forgets the order and the pins of the lines it cannot read, nothing else.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use super::{BlobId, hex, parse_hex};

/// Largest index read: some 200 000 blobs.
const LARGEST_BYTES: u64 = 16 << 20;

/// The index of a store's folder.
pub struct Index {
    path: PathBuf,
    /// Longest unused first; true where kept.
    entries: Vec<(BlobId, bool)>,
}

impl Index {
    /// Reads the index of a folder.
    pub fn read(folder: &Path) -> Self {
        let path = folder.join("index");
        let mut text = String::new();
        // What cannot be read is as good as not there.
        let _ = fs::File::open(&path).and_then(|file| file.take(LARGEST_BYTES).read_to_string(&mut text));
        let entry = |line: &str| {
            let (name, kept) = line
                .split_once(' ')
                .map_or((line, false), |(name, mark)| (name, mark == "kept"));
            Some((parse_hex(name)?, kept))
        };
        let entries = text.lines().filter_map(entry).collect();
        Self { path, entries }
    }

    /// True where the blob is kept.
    pub fn kept(&self, id: &BlobId) -> bool {
        self.entries.iter().any(|(known, kept)| known == id && *kept)
    }

    /// Place in the order of use; what was never used comes first.
    pub fn place(&self, id: &BlobId) -> usize {
        self.entries
            .iter()
            .position(|(known, _)| known == id)
            .map_or(0, |place| place + 1)
    }

    /// The blob was used just now.
    pub fn used(&mut self, id: &BlobId) {
        let kept = self.kept(id);
        self.forget(id);
        self.entries.push((*id, kept));
    }

    /// Keeps a blob or lets it go.
    pub fn keep(&mut self, id: &BlobId, keep: bool) {
        match self.entries.iter_mut().find(|(known, _)| known == id) {
            Some((_, kept)) => *kept = keep,
            None => self.entries.push((*id, keep)),
        }
    }

    /// The blob is gone.
    pub fn forget(&mut self, id: &BlobId) {
        self.entries.retain(|(known, _)| known != id);
    }

    /// Writes the index beside the old one and renames it over that.
    pub fn write(&self) -> io::Result<()> {
        let mut text = String::with_capacity(self.entries.len() * 70);
        for (id, kept) in &self.entries {
            text.push_str(&hex(id));
            text.push_str(if *kept { " kept\n" } else { "\n" });
        }
        let new = self.path.with_extension("new");
        fs::File::create(&new)?.write_all(text.as_bytes())?;
        fs::rename(&new, &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_use_and_the_pins_come_back_and_damage_costs_its_own_line_only() {
        let folder = std::env::temp_dir().join(format!("npulabd-index-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let [a, b, c] = [[1; 32], [2; 32], [3; 32]];
        let mut index = Index::read(&folder);
        [a, b, c].iter().for_each(|id| index.used(id));
        index.keep(&b, true);
        index.used(&a);
        index.write().unwrap();
        let again = Index::read(&folder);
        let mut ids = [a, b, c, [4; 32]];
        ids.sort_by_key(|id| again.place(id));
        assert_eq!(ids, [[4; 32], b, c, a]);
        assert!(again.kept(&b) && !again.kept(&a));
        let text = fs::read_to_string(folder.join("index"))
            .unwrap()
            .replacen("0202", "zz02", 1);
        fs::write(folder.join("index"), text).unwrap();
        let damaged = Index::read(&folder);
        assert!(!damaged.kept(&b) && damaged.place(&a) > damaged.place(&c));
        fs::remove_dir_all(&folder).unwrap();
    }
}
