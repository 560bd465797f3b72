//! The convolution buffer: eight banks of 32 KiB and what they hold (sheet §4.2, §12.10). Features are really kept here;
//! of weights only the descriptor, since they are read in place. A descriptor goes stale when its range is written.

mod load;

pub(crate) use load::offset;

use alloc::vec::Vec;

use crate::cna::{Convolution, Input, Weights};

/// Banks of the RK3568.
pub(crate) const BANKS: usize = 8;
/// Bytes of a bank.
pub(crate) const BANK_BYTES: usize = 32 * 1024;
/// 32-byte entries of a bank.
pub(crate) const ENTRIES_PER_BANK: usize = BANK_BYTES / 32;

/// Entries that one row of `atoms` 8-byte atoms per pixel takes: an entry holds four.
pub(crate) const fn entries_per_row(width: usize, atoms: usize) -> usize {
    (width * atoms).div_ceil(4)
}

/// How a task shares the banks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Banks {
    pub(crate) data: usize,
    pub(crate) weight: usize,
}

/// What the data banks hold.
struct HeldFeatures {
    banks: Banks,
    input: Input,
    stale: bool,
}

/// What the weight banks hold.
struct HeldWeights {
    banks: Banks,
    weights: Weights,
    stale: bool,
}

/// Why a task cannot use what an earlier one loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Nothing of that geometry is there.
    Missing,
    /// The memory it came from was written since.
    Stale,
}

/// Contents of the buffer.
#[derive(Default)]
pub(crate) struct Cbuf {
    /// Features pixel after pixel, declared channels of a pixel side by side.
    pub(crate) map: Vec<u8>,
    features: Option<HeldFeatures>,
    weights: Option<HeldWeights>,
}

impl Cbuf {
    /// Whether the data banks hold what the task would load. Its own address does not matter: none is read.
    pub(crate) fn check_features(&self, task: &Convolution) -> Result<(), Unusable> {
        let held = self.features.as_ref().ok_or(Unusable::Missing)?;
        let same = Input {
            address: held.input.address,
            ..task.input.clone()
        };
        match held.banks == task.buffer.banks && held.input == same {
            false => Err(Unusable::Missing),
            true if held.stale => Err(Unusable::Stale),
            true => Ok(()),
        }
    }

    /// Where the complete weights that the weight banks hold came from, if they are what the task would load.
    pub(crate) fn held_weights(&self, task: &Convolution) -> Result<u32, Unusable> {
        let held = self.weights.as_ref().ok_or(Unusable::Missing)?;
        let same = Weights {
            address: held.weights.address,
            ..task.weights
        };
        match held.banks == task.buffer.banks && held.weights == same {
            false => Err(Unusable::Missing),
            true if held.stale => Err(Unusable::Stale),
            true => Ok(held.weights.address),
        }
    }

    /// Forgets everything: a new start may follow writes of the CPU that the NPU did not see.
    pub(crate) fn forget(&mut self) {
        self.features = None;
        self.weights = None;
    }

    /// Remembers what a task loaded; what it used again stays as it was. Weights that stream through smaller banks
    /// cannot be used again (§11).
    pub(crate) fn remember(&mut self, task: &Convolution) {
        let banks = task.buffer.banks;
        if !task.buffer.data_reuse {
            self.features = Some(HeldFeatures {
                banks,
                input: task.input.clone(),
                stale: false,
            });
        }
        if !task.buffer.weight_reuse {
            let fits = task.weights.bytes() <= banks.weight * BANK_BYTES;
            self.weights = fits.then_some(HeldWeights {
                banks,
                weights: task.weights,
                stale: false,
            });
        }
    }

    /// `bytes` of memory from `address` were written by the NPU.
    pub(crate) fn written(&mut self, address: u32, bytes: u64) {
        let hit = |at: u32, length: usize| overlaps(u64::from(at), length as u64, u64::from(address), bytes);
        if let Some(held) = &mut self.features {
            held.stale |= hit(held.input.address, held.input.span());
        }
        if let Some(held) = &mut self.weights {
            held.stale |= hit(held.weights.address, held.weights.bytes());
        }
    }
}

/// Whether two byte ranges share a byte.
pub(crate) const fn overlaps(a: u64, a_bytes: u64, b: u64, b_bytes: u64) -> bool {
    a < b + b_bytes && b < a + a_bytes
}
