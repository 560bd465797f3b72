//! Keys: files that only their owner may read, and what each lets its bearer do. Knows no connection.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use link::secure::{Key, KeyId, key_id};

/// What a bearer may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// All.
    Full,
    /// Only what reads.
    ReadOnly,
}

/// The keys that open an agent.
#[derive(Clone, Default)]
pub struct Keys(Vec<(KeyId, Key, Rights)>);

impl Keys {
    /// Adds a key.
    pub fn add(&mut self, key: Key, rights: Rights) {
        self.0.push((key_id(&key), key, rights));
    }

    /// True where nobody needs a key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The key of an id.
    pub fn find(&self, id: KeyId) -> Option<(&Key, Rights)> {
        self.0
            .iter()
            .find(|(known, ..)| *known == id)
            .map(|(_, key, rights)| (key, *rights))
    }

    /// Ids and rights, to be shown.
    pub fn ids(&self) -> impl Iterator<Item = (KeyId, Rights)> + '_ {
        self.0.iter().map(|(id, _, rights)| (*id, *rights))
    }
}

/// Makes a random key and writes it to a new file that only its owner may read: 64 hex digits and a line end.
pub fn create(path: &Path) -> Result<KeyId, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    let mut key: Key = [0; 32];
    getrandom::fill(&mut key).map_err(|error| format!("no random bytes: {error}"))?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| wrong(&error))?;
    let text = format!("{}\n", crate::store::hex(&key));
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(|error| wrong(&error))?;
    Ok(key_id(&key))
}

/// Reads a key file; refused where others than its owner may read it.
pub fn read(path: &Path) -> Result<Key, String> {
    let wrong = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    // Asked before it is opened: a pipe would wait for its other end.
    if !fs::metadata(path).map_err(|error| wrong(&error))?.is_file() {
        return Err(wrong(&"not a file. Make a key with: npulabd key new PATH"));
    }
    let file = fs::File::open(path).map_err(|error| wrong(&error))?;
    let mode = file.metadata().map_err(|error| wrong(&error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(wrong(&format!(
            "others may read this key (mode {:03o}). Run: chmod 600 {}",
            mode & 0o777,
            path.display()
        )));
    }
    let mut text = String::new();
    file.take(66).read_to_string(&mut text).map_err(|error| wrong(&error))?;
    let key = crate::store::parse_hex(text.trim_end());
    key.ok_or_else(|| wrong(&"a key file holds 64 hex digits. Make one with: npulabd key new PATH"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_for_its_owner_only_is_never_overwritten_and_reads_back() {
        let folder = std::env::temp_dir().join(format!("npulabd-key-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("board.key");
        let id = create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(key_id(&read(&path).unwrap()), id);
        assert!(create(&path).is_err());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(read(&path).unwrap_err().contains("chmod 600"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "too short").unwrap();
        assert!(read(&path).unwrap_err().contains("64 hex digits"));
        assert!(read(&folder).unwrap_err().contains("not a file"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
