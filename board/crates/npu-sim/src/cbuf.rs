//! The convolution buffer: eight banks of 32 KiB and what they hold (sheet §4.2, §12.10). Features are really kept here;
//! of weights only the descriptor, since they are read in place. A task's output never overlaps its operands
//! (erratum 12), so a descriptor only goes stale by the next task's load or by a new start.

use alloc::vec::Vec;

use crate::cna::Convolution;

/// Banks of the RK3568.
pub(crate) const BANKS: usize = 8;
/// Bytes of a bank.
pub(crate) const BANK_BYTES: usize = 32 * 1024;
/// 32-byte entries of a bank.
pub(crate) const ENTRIES_PER_BANK: usize = BANK_BYTES / 32;

/// Entries that one row takes: an entry holds four 8-byte atoms.
pub(crate) const fn entries_per_row(width: usize, channels: usize) -> usize {
    (width * channels.div_ceil(8)).div_ceil(4)
}

/// How a task shares the banks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Banks {
    pub(crate) data: usize,
    pub(crate) weight: usize,
}

/// What the data banks hold.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Features {
    banks: Banks,
    address: u32,
    width: usize,
    height: usize,
    channels: usize,
    line_stride: usize,
    surface_stride: usize,
}

/// What the weight banks hold.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Weights {
    banks: Banks,
    address: u32,
    kernels: usize,
    channels: usize,
}

/// Contents of the buffer.
#[derive(Default)]
pub(crate) struct Cbuf {
    /// Features in native layout, pitch align4(pixels).
    pub(crate) features: Vec<u8>,
    held_features: Option<Features>,
    held_weights: Option<Weights>,
}

fn features_of(task: &Convolution) -> Features {
    Features {
        banks: task.banks,
        address: task.feature_address,
        width: task.width,
        height: task.height,
        channels: task.channels,
        line_stride: task.line_stride,
        surface_stride: task.surface_stride,
    }
}

fn weights_of(task: &Convolution) -> Weights {
    Weights {
        banks: task.banks,
        address: task.weight_address,
        kernels: task.kernels,
        channels: task.channels,
    }
}

/// Bytes of memory that the features of a task span.
pub(crate) fn feature_span(task: &Convolution) -> u64 {
    let last_surface = (task.channels / 8 - 1) * task.surface_stride;
    ((last_surface + (task.height - 1) * task.line_stride + task.width) * 8) as u64
}

impl Cbuf {
    /// Whether the data banks hold exactly what the task would load.
    pub(crate) fn holds_features(&self, task: &Convolution) -> bool {
        self.held_features == Some(features_of(task))
    }

    /// Whether the weight banks hold all weights the task would load.
    pub(crate) fn holds_weights(&self, task: &Convolution) -> bool {
        self.held_weights == Some(weights_of(task))
    }

    /// Forgets everything: a new start may follow writes of the CPU that the NPU did not see.
    pub(crate) fn forget(&mut self) {
        self.held_features = None;
        self.held_weights = None;
    }

    /// Remembers what a task loaded. Weights that stream through smaller banks cannot be used again.
    pub(crate) fn remember(&mut self, task: &Convolution) {
        self.held_features = Some(features_of(task));
        let fits = task.kernels * task.channels <= task.banks.weight * BANK_BYTES;
        self.held_weights = fits.then(|| weights_of(task));
    }
}

/// Whether two byte ranges share a byte.
pub(crate) const fn overlaps(a: u64, a_bytes: u64, b: u64, b_bytes: u64) -> bool {
    a < b + b_bytes && b < a + a_bytes
}
