//! One upload under way: a `.part` file of the blob's size and its journal. Locked, since agents may share the folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use link::ErrorCode;
use sha2::{Digest as _, Sha256};

use super::journal::{Journal, Plan};
use super::{BlobId, hex};
use crate::failure::Failure;

/// An upload.
pub struct Upload {
    part: File,
    journal: Journal,
    plan: Plan,
}

/// Takes the disk blocks now, so that a full disk is told at the beginning. A file system that cannot is asked later.
fn reserve(file: &File, size_bytes: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), 0, size_bytes) {
        Err(rustix::io::Errno::NOSPC | rustix::io::Errno::DQUOT) => {
            // What was taken goes back at once.
            file.set_len(0)?;
            Err(io::ErrorKind::StorageFull.into())
        }
        _ => Ok(()),
    }
}

impl Upload {
    /// Opens or makes both files.
    pub fn open(part: &Path, journal: &Path, plan: Plan) -> Result<Self, Failure> {
        let open = |path: &Path| {
            OpenOptions::new()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
        };
        let file = open(part)?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => {
                return Err(
                    Failure::new(ErrorCode::Busy, "another agent receives this blob into the same folder")
                        .remedy("Wait for the other upload, or give the agents folders of their own with --store."),
                );
            }
            // A system without file locks has one agent.
            Ok(()) | Err(TryLockError::Error(_)) => {}
        }
        let (journal, known) = Journal::open(open(journal)?, &plan)?;
        if !known || file.metadata()?.len() != plan.size_bytes {
            file.set_len(0)?;
            file.set_len(plan.size_bytes)?;
            reserve(&file, plan.size_bytes)?;
        }
        let mut upload = Self {
            part: file,
            journal,
            plan,
        };
        if !known {
            upload.forget_all()?;
        }
        Ok(upload)
    }

    fn forget_all(&mut self) -> io::Result<()> {
        (0..self.plan.chunks())
            .filter(|&i| self.journal.has(i))
            .collect::<Vec<_>>()
            .into_iter()
            .try_for_each(|i| self.journal.set(i, false))
    }

    /// What it will be.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Chunks that are there, lowest bit first.
    pub fn bitmap(&self) -> &[u8] {
        self.journal.bitmap()
    }

    /// Checks a chunk against its digest, writes it, marks it, in this order.
    pub fn put(&mut self, index: u32, chunk: &[u8]) -> Result<(), Failure> {
        let chunks = self.plan.chunks();
        let Some((offset, length, digest)) = self.plan.chunk(index as usize) else {
            return Err(Failure::bad_argument(format!("chunk {index} of {chunks}")));
        };
        if chunk.len() != length {
            return Err(Failure::bad_argument(format!(
                "chunk {index} has {} bytes, not {length}",
                chunk.len()
            )));
        }
        if Sha256::digest(chunk)[..] != *digest {
            return Err(
                Failure::new(ErrorCode::Corrupt, format!("chunk {index} does not match its digest"))
                    .number("chunk", u64::from(index)),
            );
        }
        if !self.journal.has(index as usize) {
            self.part.write_all_at(chunk, offset)?;
            self.journal.set(index as usize, true)?;
        }
        Ok(())
    }

    /// Reads everything back and compares it with the blob's name; then it is safe on disk.
    /// `progress` hears the bytes done and in all, and may end it.
    pub fn check_whole(
        &mut self,
        id: &BlobId,
        progress: &mut dyn FnMut(u64, u64) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let missing = (0..self.plan.chunks()).filter(|&i| !self.journal.has(i)).count();
        if missing > 0 {
            let cause = format!("{missing} of {} chunks are missing", self.plan.chunks());
            return Err(Failure::new(ErrorCode::NotFound, cause)
                .remedy("Call blob.begin and send the chunks its bitmap lacks.")
                .number("missing", missing as u64));
        }
        let (mut whole, mut damaged, mut buffer) = (Sha256::new(), Vec::new(), Vec::new());
        for index in 0..self.plan.chunks() {
            let Some((offset, length, digest)) = self.plan.chunk(index) else {
                break;
            };
            progress(offset, self.plan.size_bytes)?;
            buffer.resize(length, 0);
            self.part.read_exact_at(&mut buffer, offset)?;
            whole.update(&buffer);
            if Sha256::digest(&buffer)[..] != *digest {
                damaged.push(index);
            }
        }
        for &index in &damaged {
            self.journal.set(index, false)?;
        }
        if !damaged.is_empty() {
            let cause = format!("{} chunks were damaged on disk and are forgotten", damaged.len());
            return Err(Failure::new(ErrorCode::Corrupt, cause)
                .remedy("Call blob.begin and send the chunks its bitmap lacks.")
                .number("damaged", damaged.len() as u64));
        }
        if whole.finalize()[..] != id[..] {
            self.forget_all()?;
            let cause = format!("every chunk matches its digest, the whole is not {}", hex(id));
            return Err(
                Failure::new(ErrorCode::Corrupt, cause).remedy("Compute blob and chunk digests from the same bytes.")
            );
        }
        self.part.sync_all()?;
        Ok(())
    }
}
