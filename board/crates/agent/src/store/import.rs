//! Takes a file that is already on the board into the store. The peer names it; only a file directly in the import folder
//! can be meant.
//!
//! Surprising: the file moves into the store where both lie on one file system (a model may fill half the card), else it is
//! copied and stays.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};

use link::ErrorCode;
use sha2::{Digest as _, Sha256};

use super::{BlobId, BlobStore, hex};
use crate::failure::Failure;

/// Bytes read at a time; the call's cancel is looked at in between.
const PART_BYTES: usize = 1 << 20;

/// The file of an import folder that a name means.
pub fn find(folder: &Path, name: &str) -> Result<PathBuf, Failure> {
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(part)), None)
            if part.as_encoded_bytes() == name.as_bytes() && !name.starts_with('.') =>
        {
            Ok(folder.join(part))
        }
        _ => Err(Failure::new(
            ErrorCode::Denied,
            "a file of the import folder is named without any folder",
        )
        .remedy("Ask blob.importable for the names; move the file into the agent's --import folder.")),
    }
}

/// Files of the import folder by name, with their sizes.
pub fn list(folder: &Path) -> io::Result<Vec<(String, u64)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A file that somebody has just taken away.
        let Ok(metadata) = entry.metadata() else { continue };
        let name = entry
            .file_name()
            .into_string()
            .ok()
            .filter(|name| !name.starts_with('.'));
        if let Some(name) = name.filter(|_| metadata.is_file()) {
            files.push((name, metadata.len()));
        }
    }
    files.sort();
    Ok(files)
}

/// What must not change between hashing a file and taking it.
fn identity(file: &File) -> io::Result<(u64, u64, u64, i64, i64)> {
    let m = file.metadata()?;
    Ok((m.dev(), m.ino(), m.len(), m.mtime(), m.mtime_nsec()))
}

/// Opens a file that is no link to elsewhere.
fn open(path: &Path) -> Result<File, Failure> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path);
    let file = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::new(ErrorCode::NotFound, "no such file in the import folder")
            .remedy("Ask blob.importable for the names."),
        _ => Failure::new(ErrorCode::Denied, format!("the file cannot be taken: {error}")),
    })?;
    if !file.metadata()?.is_file() {
        return Err(Failure::new(ErrorCode::Denied, "only plain files are imported"));
    }
    Ok(file)
}

impl BlobStore {
    /// Takes the file at `path`; `progress` hears the bytes done and in all, and may end it.
    pub fn import(
        &self,
        path: &Path,
        progress: &mut dyn FnMut(u64, u64) -> Result<(), Failure>,
    ) -> Result<(BlobId, u64), Failure> {
        let mut file = open(path)?;
        let before = identity(&file)?;
        let (id, size_bytes) = (digest(&mut file, &mut io::sink(), before.2, progress)?, before.2);
        if self.size_bytes(&id).is_some() {
            self.touch(&id)?;
            return Ok((id, size_bytes));
        }
        self.make_room(size_bytes, &id)?;
        let changed = || {
            Failure::new(ErrorCode::Busy, "the file changed while it was taken").remedy("Import it when it is whole.")
        };
        if identity(&file)? != before {
            return Err(changed());
        }
        let blob = self.path(&id, "blob");
        match fs::rename(path, &blob) {
            Ok(()) => {
                if identity(&file)? != before {
                    fs::rename(&blob, path)?;
                    return Err(changed());
                }
            }
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                self.copy_in(path, &id, size_bytes, progress)?
            }
            Err(error) => return Err(error.into()),
        }
        self.touch(&id)?;
        Ok((id, size_bytes))
    }

    fn copy_in(
        &self,
        path: &Path,
        id: &BlobId,
        size_bytes: u64,
        progress: &mut dyn FnMut(u64, u64) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let part = self.path(id, "part");
        let mut target = File::create(&part)?;
        let copied = digest(&mut open(path)?, &mut target, size_bytes, progress);
        let copied = copied.and_then(|found| {
            target.sync_all()?;
            if found == *id {
                return Ok(fs::rename(&part, self.path(id, "blob"))?);
            }
            Err(Failure::new(
                ErrorCode::Busy,
                format!("the file is {} by now", hex(&found)),
            ))
        });
        if copied.is_err() {
            // It was ours alone and is of no use.
            let _ = fs::remove_file(&part);
        }
        copied
    }
}

fn digest(
    file: &mut File,
    copy: &mut dyn Write,
    size_bytes: u64,
    progress: &mut dyn FnMut(u64, u64) -> Result<(), Failure>,
) -> Result<BlobId, Failure> {
    let (mut hash, mut buffer, mut done) = (Sha256::new(), vec![0; PART_BYTES], 0);
    loop {
        progress(done, size_bytes)?;
        let got = file.read(&mut buffer)?;
        if got == 0 {
            return Ok(hash.finalize().into());
        }
        hash.update(&buffer[..got]);
        copy.write_all(&buffer[..got])?;
        done += got as u64;
    }
}
