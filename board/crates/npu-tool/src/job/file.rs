//! The files beside a job file. A job may come from somebody else, so a name leads to a regular file below its folder or
//! nowhere: not through a link to other places, not to a pipe that never ends.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use npu_device::{DmaFault, DmaMem};

use crate::failure::Failure;

/// Zeros are written this many at a time.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// The folder of a job file.
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// A folder that exists; the empty path is the current one.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        let path = if path.as_os_str().is_empty() {
            Path::new(".")
        } else {
            path
        };
        let root = path.canonicalize().map_err(|error| Failure::read(path, &error))?;
        Ok(Self { root })
    }

    /// The place of a file, and its length.
    fn find(&self, name: &str) -> Result<(PathBuf, u64), Failure> {
        let wrong = |why: &str| Failure::job(format!("{name}: {why}"));
        let path = self
            .root
            .join(name)
            .canonicalize()
            .map_err(|error| wrong(&error.to_string()))?;
        if !path.starts_with(&self.root) {
            return Err(wrong("a link that leaves the folder of the job file"));
        }
        let about = path.metadata().map_err(|error| wrong(&error.to_string()))?;
        if about.is_file() {
            Ok((path, about.len()))
        } else {
            Err(wrong("not a regular file"))
        }
    }

    /// The length of a file.
    pub(crate) fn length(&self, name: &str) -> Result<u64, Failure> {
        self.find(name).map(|(_, length)| length)
    }

    /// The first `size_bytes` bytes of a file; one that is shorter is an error.
    pub(crate) fn read(&self, name: &str, size_bytes: u64) -> Result<Vec<u8>, Failure> {
        let (path, length) = self.find(name)?;
        if length < size_bytes {
            return Err(Failure::job(format!(
                "{name}: {length} bytes, but the entry has {size_bytes}"
            )));
        }
        let wrong = |error: std::io::Error| Failure::job(format!("{name}: {error}"));
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(wrong)?;
        file.take(size_bytes).read_to_end(&mut bytes).map_err(wrong)?;
        if (bytes.len() as u64) < size_bytes {
            return Err(Failure::job(format!("{name}: became shorter while it was read")));
        }
        Ok(bytes)
    }

    /// What an entry of the job holds first: bytes of its file, or zeros.
    pub(crate) fn contents(&self, file: Option<&str>, size_bytes: u64) -> Result<Contents, Failure> {
        match file {
            None => Ok(Contents::Zeros(size_bytes)),
            Some(name) => self.read(name, size_bytes).map(Contents::Bytes),
        }
    }
}

/// Bytes for a range of memory.
pub(crate) enum Contents {
    /// So many zeros, which take no room until they are written.
    Zeros(u64),
    /// A file's.
    Bytes(Vec<u8>),
}

impl Contents {
    /// Puts them at `address`.
    pub(crate) fn write(&self, memory: &dyn DmaMem, address: u32) -> Result<(), DmaFault> {
        match self {
            Self::Bytes(bytes) => memory.write(address, bytes),
            Self::Zeros(size_bytes) => {
                let mut done = 0;
                while done < *size_bytes {
                    let part = (size_bytes - done).min(ZEROS.len() as u64);
                    let missing = DmaFault { address, write: true };
                    let at = u32::try_from(u64::from(address) + done).map_err(|_| missing)?;
                    memory.write(at, &ZEROS[..part as usize])?;
                    done += part;
                }
                Ok(())
            }
        }
    }
}
