//! Content-addressed blobs in a folder. A file's name is the SHA-256 of its bytes; nothing a peer says becomes a path.
//!
//! The folder is the truth, and agents may share it: whole blobs are `HEX.blob`, uploads under way `HEX.part` with
//! `HEX.journal` beside. Where the quota is used up, what was longest unused goes, but nothing loaded or pinned. Knows no
//! session; pins of loaded models are this process's only, those of blob.pin stay in the folder's `index`.

pub mod import;
mod index;
mod journal;
mod upload;

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use link::ErrorCode;
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;
use index::Index;
pub use journal::Plan;
use upload::Upload;

/// SHA-256 of a blob.
pub type BlobId = [u8; 32];

/// Uploads kept open; others can be resumed from their files.
const OPEN_UPLOADS: usize = 16;

/// A whole blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Its name.
    pub id: BlobId,
    /// Its size.
    pub size_bytes: u64,
    /// Loaded models that use it.
    pub pins: u32,
    /// True where it is never collected.
    pub kept: bool,
}

/// The store.
pub struct BlobStore {
    folder: PathBuf,
    quota_bytes: u64,
    uploads: Mutex<Vec<(BlobId, Upload)>>,
    pins: Mutex<HashMap<BlobId, u32>>,
    /// Held while the index file is read, changed and written.
    index: Mutex<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The id of 64 lower-case hex digits.
pub fn parse_hex(text: &str) -> Option<BlobId> {
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
        return None;
    }
    let mut id = [0; 32];
    for (byte, pair) in id.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(id)
}

impl BlobStore {
    /// Opens or makes the folder.
    pub fn open(folder: &Path, quota_bytes: u64) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            quota_bytes,
            uploads: Mutex::default(),
            pins: Mutex::default(),
            index: Mutex::default(),
        })
    }

    fn path(&self, id: &BlobId, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", hex(id)))
    }

    /// What the store may hold.
    pub fn quota_bytes(&self) -> u64 {
        self.quota_bytes
    }

    /// Size of a whole blob, `None` where it is not there.
    pub fn size_bytes(&self, id: &BlobId) -> Option<u64> {
        fs::metadata(self.path(id, "blob"))
            .ok()
            .filter(fs::Metadata::is_file)
            .map(|m| m.len())
    }

    /// Whole blobs by id, and bytes taken with uploads under way.
    pub fn list(&self) -> Result<(Vec<Blob>, u64), Failure> {
        let pins = lock(&self.pins);
        let index = Index::read(&self.folder);
        let (mut blobs, mut used_bytes) = (Vec::new(), 0u64);
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some((stem, ending)) = name.to_str().and_then(|n| n.split_once('.')) else {
                continue;
            };
            let Some(id) = parse_hex(stem) else { continue };
            // A file that another agent has just renamed or removed.
            let Ok(metadata) = entry.metadata() else { continue };
            used_bytes = used_bytes.saturating_add(metadata.len());
            if ending == "blob" {
                blobs.push(Blob {
                    id,
                    size_bytes: metadata.len(),
                    pins: pins.get(&id).copied().unwrap_or(0),
                    kept: index.kept(&id),
                });
            }
        }
        blobs.sort_by_key(|blob| blob.id);
        Ok((blobs, used_bytes))
    }

    /// Opens or goes on with an upload; the bitmap of chunks already there, lowest bit first.
    pub fn begin(&self, id: BlobId, plan: Plan) -> Result<Vec<u8>, Failure> {
        if let Some(size_bytes) = self.size_bytes(&id) {
            if size_bytes != plan.size_bytes {
                return Err(Failure::bad_argument(format!(
                    "the blob has {size_bytes} bytes, not {}",
                    plan.size_bytes
                )));
            }
            self.touch(&id)?;
            return Ok(plan.full_bitmap());
        }
        let mut uploads = lock(&self.uploads);
        if let Some((_, upload)) = uploads
            .iter()
            .find(|(known, upload)| *known == id && *upload.plan() == plan)
        {
            return Ok(upload.bitmap().to_vec());
        }
        uploads.retain(|(known, _)| *known != id);
        let part = self.path(&id, "part");
        let already = fs::metadata(&part).map_or(0, |m| m.len());
        self.make_room(plan.size_bytes.saturating_sub(already), &id)?;
        let upload = Upload::open(&part, &self.path(&id, "journal"), plan)?;
        let bitmap = upload.bitmap().to_vec();
        if uploads.len() >= OPEN_UPLOADS {
            uploads.remove(0);
        }
        uploads.push((id, upload));
        Ok(bitmap)
    }

    /// Takes one chunk, checked before it is marked.
    pub fn put(&self, id: &BlobId, index: u32, chunk: &[u8]) -> Result<(), Failure> {
        let mut uploads = lock(&self.uploads);
        match uploads.iter_mut().find(|(known, _)| known == id) {
            Some((_, upload)) => upload.put(index, chunk),
            None if self.size_bytes(id).is_some() => Ok(()),
            None => Err(not_begun(id)),
        }
    }

    /// Checks the whole and gives it its name. Chunks that turn out damaged are unmarked.
    pub fn commit(
        &self,
        id: &BlobId,
        progress: &mut dyn FnMut(u64, u64) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut uploads = lock(&self.uploads);
        let Some(at) = uploads.iter().position(|(known, _)| known == id) else {
            return if self.size_bytes(id).is_some() {
                Ok(())
            } else {
                Err(not_begun(id))
            };
        };
        uploads[at].1.check_whole(id, progress)?;
        fs::rename(self.path(id, "part"), self.path(id, "blob"))?;
        // The name is safe once the folder is written; a file system that cannot sync a folder has no better way.
        let _ = File::open(&self.folder).and_then(|folder| folder.sync_all());
        uploads.remove(at);
        fs::remove_file(self.path(id, "journal"))?;
        self.touch(id)
    }

    fn with_index<R>(&self, change: impl FnOnce(&mut Index) -> R) -> Result<R, Failure> {
        let _held = lock(&self.index);
        let mut index = Index::read(&self.folder);
        let result = change(&mut index);
        index.write()?;
        Ok(result)
    }

    /// Notes that a blob was used.
    pub fn touch(&self, id: &BlobId) -> Result<(), Failure> {
        match self.with_index(|index| index.used(id)) {
            // A full disk costs the order of use, not the use.
            Err(failure) if failure.code == ErrorCode::NoSpace => Ok(()),
            other => other,
        }
    }

    /// Keeps a blob from being collected, or lets it go.
    pub fn keep(&self, id: &BlobId, keep: bool) -> Result<(), Failure> {
        if self.size_bytes(id).is_none() {
            return Err(no_blob(id));
        }
        self.with_index(|index| index.keep(id, keep))
    }

    /// Removes a blob, or gives up its upload.
    pub fn remove(&self, id: &BlobId) -> Result<(), Failure> {
        let pinned = lock(&self.pins).contains_key(id) || Index::read(&self.folder).kept(id);
        if pinned {
            return Err(
                Failure::new(ErrorCode::Busy, format!("blob {} is loaded or pinned", hex(id)))
                    .remedy("Unload its model, or unpin it."),
            );
        }
        lock(&self.uploads).retain(|(known, _)| known != id);
        self.remove_files(id)
    }

    /// Takes the files of a blob or an upload away; the caller may hold the uploads.
    fn remove_files(&self, id: &BlobId) -> Result<(), Failure> {
        let mut found = false;
        for ending in ["blob", "part", "journal"] {
            match fs::remove_file(self.path(id, ending)) {
                Ok(()) => found = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !found {
            return Err(no_blob(id));
        }
        self.with_index(|index| index.forget(id))
    }

    /// Removes blobs, those longest unused first, until `free_bytes` of the quota are free; freed and used bytes.
    pub fn collect(&self, free_bytes: u64, spare: Option<&BlobId>) -> Result<(u64, u64), Failure> {
        let (mut blobs, mut used_bytes) = self.list()?;
        let index = Index::read(&self.folder);
        blobs.retain(|blob| blob.pins == 0 && !blob.kept && Some(&blob.id) != spare);
        blobs.sort_by_key(|blob| index.place(&blob.id));
        let mut freed_bytes = 0;
        for blob in blobs {
            if used_bytes.saturating_add(free_bytes) <= self.quota_bytes {
                break;
            }
            self.remove_files(&blob.id)?;
            used_bytes = used_bytes.saturating_sub(blob.size_bytes);
            freed_bytes += blob.size_bytes;
        }
        Ok((freed_bytes, used_bytes))
    }

    /// Makes room for `wanted_bytes` of a blob; refused, with nothing removed, where that cannot be.
    fn make_room(&self, wanted_bytes: u64, id: &BlobId) -> Result<(), Failure> {
        let (blobs, used_bytes) = self.list()?;
        let held = |blob: &&Blob| blob.pins > 0 || blob.kept;
        let movable: u64 = blobs
            .iter()
            .filter(|blob| !held(blob))
            .map(|blob| blob.size_bytes)
            .sum();
        if used_bytes.saturating_sub(movable).saturating_add(wanted_bytes) > self.quota_bytes {
            let cause = format!(
                "{wanted_bytes} bytes wanted, {used_bytes} of {} are taken, {movable} of them by blobs that may go",
                self.quota_bytes
            );
            return Err(Failure::new(ErrorCode::NoSpace, cause)
                .number("wantedBytes", wanted_bytes)
                .number("quotaBytes", self.quota_bytes)
                .number("usedBytes", used_bytes));
        }
        self.collect(wanted_bytes, Some(id)).map(drop)
    }

    /// Opens a whole blob for reading.
    pub fn open_blob(&self, id: &BlobId) -> Result<File, Failure> {
        File::open(self.path(id, "blob")).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => no_blob(id),
            _ => error.into(),
        })
    }

    /// Reads a small blob and checks it against its name.
    pub fn read_small(&self, id: &BlobId, max_bytes: u64) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.open_blob(id)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max_bytes {
            return Err(Failure::new(
                ErrorCode::TooLarge,
                format!("blob {} passes {max_bytes} bytes", hex(id)),
            ));
        }
        if Sha256::digest(&bytes)[..] != id[..] {
            return Err(
                Failure::new(ErrorCode::Corrupt, format!("blob {} does not match its name", hex(id)))
                    .remedy("Remove the file from the store folder and upload it again."),
            );
        }
        Ok(bytes)
    }

    /// Marks blobs as used by a loaded model.
    pub fn pin(&self, ids: &[BlobId]) {
        for id in ids {
            // The order of use is worth no failed load.
            let _ = self.touch(id);
        }
        let mut pins = lock(&self.pins);
        for id in ids {
            *pins.entry(*id).or_insert(0) += 1;
        }
    }

    /// Takes the marks back.
    pub fn unpin(&self, ids: &[BlobId]) {
        let mut pins = lock(&self.pins);
        for id in ids {
            if let Some(count) = pins.get_mut(id) {
                *count = count.saturating_sub(1);
            }
        }
        pins.retain(|_, count| *count > 0);
    }
}

fn no_blob(id: &BlobId) -> Failure {
    Failure::new(ErrorCode::NotFound, format!("no blob {}", hex(id)))
        .remedy("Upload the blob first.")
        .text("blob", hex(id))
}

fn not_begun(id: &BlobId) -> Failure {
    Failure::new(ErrorCode::NotFound, format!("no upload of {} was begun", hex(id)))
        .remedy("Call blob.begin; it says which chunks are there already.")
}
