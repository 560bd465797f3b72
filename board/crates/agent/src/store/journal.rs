//! The journal beside an upload: what is to come, chunk by chunk, and which chunks are there.
//!
//! Layout: magic 8 bytes, size u64, chunk u32, count u32, the chunks' digests, SHA-256 of all that, then the bitmap,
//! which alone changes in place. A journal that is torn or of another plan counts as none.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

const MAGIC: &[u8; 8] = b"npuljrn1";

/// What an upload will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Size of the blob.
    pub size_bytes: u64,
    /// Size of every chunk but the last.
    pub chunk_bytes: u32,
    digests: Vec<u8>,
}

impl Plan {
    /// Checks that the digests are those of all chunks, 32 bytes each.
    pub fn new(size_bytes: u64, chunk_bytes: u32, digests: &[u8], max_chunk_bytes: usize) -> Result<Self, Failure> {
        if chunk_bytes == 0 || chunk_bytes as usize > max_chunk_bytes {
            return Err(Failure::bad_argument(format!(
                "chunkBytes {chunk_bytes} is outside 1..={max_chunk_bytes}"
            )));
        }
        let chunks = size_bytes.div_ceil(u64::from(chunk_bytes));
        if chunks.checked_mul(32) != Some(digests.len() as u64) {
            let cause = format!(
                "{} bytes of chunk digests for {chunks} chunks of 32 bytes each",
                digests.len()
            );
            return Err(Failure::bad_argument(cause));
        }
        Ok(Self {
            size_bytes,
            chunk_bytes,
            digests: digests.to_vec(),
        })
    }

    /// Number of chunks.
    pub fn chunks(&self) -> usize {
        self.digests.len() / 32
    }

    /// Offset, length and digest of a chunk.
    pub fn chunk(&self, index: usize) -> Option<(u64, usize, &[u8])> {
        let digest = self.digests.chunks_exact(32).nth(index)?;
        let offset = index as u64 * u64::from(self.chunk_bytes);
        let length = (self.size_bytes - offset).min(u64::from(self.chunk_bytes));
        Some((offset, length as usize, digest))
    }

    /// A bitmap that says every chunk is there.
    pub fn full_bitmap(&self) -> Vec<u8> {
        let mut bitmap = vec![0xff; self.chunks() / 8];
        if !self.chunks().is_multiple_of(8) {
            bitmap.push((1u8 << (self.chunks() % 8)) - 1);
        }
        bitmap
    }

    fn header(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&self.size_bytes.to_le_bytes());
        bytes.extend_from_slice(&self.chunk_bytes.to_le_bytes());
        bytes.extend_from_slice(&(self.chunks() as u32).to_le_bytes());
        bytes.extend_from_slice(&self.digests);
        let digest = Sha256::digest(&bytes);
        bytes.extend_from_slice(&digest);
        bytes
    }
}

/// Which chunks are there, in memory and on disk.
pub struct Journal {
    file: File,
    bitmap_at: u64,
    bitmap: Vec<u8>,
}

impl Journal {
    /// Takes up the journal in `file` where it belongs to `plan`, else starts an empty one. True where taken up.
    pub fn open(file: File, plan: &Plan) -> io::Result<(Self, bool)> {
        let header = plan.header();
        let mut bitmap = vec![0; plan.chunks().div_ceil(8)];
        let mut found = vec![0; header.len()];
        let known = file.read_exact_at(&mut found, 0).is_ok()
            && found == header
            && file.read_exact_at(&mut bitmap, header.len() as u64).is_ok();
        if !known {
            bitmap.fill(0);
            file.set_len(0)?;
            // Bitmap first: a header that is whole is followed by a whole bitmap.
            file.write_all_at(&bitmap, header.len() as u64)?;
            file.write_all_at(&header, 0)?;
        }
        for (byte, full) in bitmap.iter_mut().zip(plan.full_bitmap()) {
            *byte &= full;
        }
        Ok((
            Self {
                file,
                bitmap_at: header.len() as u64,
                bitmap,
            },
            known,
        ))
    }

    /// The bitmap, lowest bit first.
    pub fn bitmap(&self) -> &[u8] {
        &self.bitmap
    }

    /// True where the chunk is there.
    pub fn has(&self, index: usize) -> bool {
        self.bitmap
            .get(index / 8)
            .is_some_and(|byte| byte >> (index % 8) & 1 == 1)
    }

    /// Marks or unmarks a chunk.
    pub fn set(&mut self, index: usize, present: bool) -> io::Result<()> {
        let Some(byte) = self.bitmap.get_mut(index / 8) else {
            return Ok(());
        };
        if present {
            *byte |= 1 << (index % 8)
        } else {
            *byte &= !(1 << (index % 8))
        }
        self.file.write_all_at(&[*byte], self.bitmap_at + index as u64 / 8)
    }
}
