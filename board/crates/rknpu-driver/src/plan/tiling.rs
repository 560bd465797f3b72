//! How a convolution or product is cut so that it fits the eight banks (sheet §4.2, §9.7): row bands, kernel slices, and
//! whether weights stay or stream. Knows sizes, no addresses.
//!
//! Weights either fit their banks and are loaded once, or stream through them once per band; features are loaded once
//! where one band holds them all, else once per slice. The cheapest in bytes is taken.

use crate::soc::Soc;

/// Bytes that a task is charged beyond its traffic when cuts are compared.
const TASK_PENALTY_BYTES: u64 = 4096;

/// What is to be cut.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Output rows (pixels of a matrix product).
    pub(crate) rows: usize,
    /// Bands are a multiple of this many rows where they have as many.
    pub(crate) row_multiple: usize,
    pub(crate) kernels: usize,
    /// Kernels of a group, which must fit the weight banks together.
    pub(crate) group: usize,
    pub(crate) kernel_bytes: usize,
    /// Feature bytes of all rows.
    pub(crate) feature_bytes: u64,
    /// Feature bytes that a further band reads again.
    pub(crate) halo_bytes: u64,
}

/// How it is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    pub(crate) weight_banks: usize,
    pub(crate) data_banks: usize,
    pub(crate) band_rows: usize,
    pub(crate) bands: usize,
    pub(crate) slice_kernels: usize,
    pub(crate) slices: usize,
    pub(crate) weights_fit: bool,
}

impl Cut {
    pub(crate) const fn tasks(&self) -> usize {
        self.bands.saturating_mul(self.slices)
    }

    fn cost(&self, load: &Load) -> u64 {
        let weights = load.kernels as u64 * load.kernel_bytes as u64;
        let weights = weights.saturating_mul(if self.weights_fit { 1 } else { self.bands as u64 });
        let features = load.feature_bytes + (self.bands as u64 - 1) * load.halo_bytes;
        let features = features.saturating_mul(if self.bands == 1 { 1 } else { self.slices as u64 });
        weights
            .saturating_add(features)
            .saturating_add(self.tasks() as u64 * TASK_PENALTY_BYTES)
    }

    /// The cheapest cut; `None` where one kernel group and one output row do not fit the banks together.
    /// `fitting_rows` says how many output rows so many data banks hold.
    pub(crate) fn best(load: &Load, soc: &Soc, fitting_rows: impl Fn(usize) -> usize) -> Option<Self> {
        let banks = (1..soc.buffer_banks).rev();
        let possible = banks.flat_map(|weight_banks| {
            let rows = fitting_rows(soc.buffer_banks - weight_banks);
            Self::with_banks(load, soc, weight_banks, rows)
        });
        possible.min_by_key(|cut| cut.cost(load))
    }

    fn with_banks(load: &Load, soc: &Soc, weight_banks: usize, fitting_rows: usize) -> impl Iterator<Item = Self> {
        let band_rows = if load.rows <= fitting_rows {
            load.rows
        } else if fitting_rows >= load.row_multiple {
            fitting_rows / load.row_multiple * load.row_multiple
        } else {
            fitting_rows
        };
        let fitting_kernels = weight_banks * soc.bank_bytes / load.kernel_bytes.max(1);
        let whole = load.kernels.min(soc.max_task_n / load.group * load.group);
        let resident = if fitting_kernels >= whole {
            whole
        } else {
            fitting_kernels / load.group * load.group
        };
        let cut = move |slice_kernels: usize| Self {
            weight_banks,
            data_banks: soc.buffer_banks - weight_banks,
            band_rows,
            bands: load.rows.div_ceil(band_rows),
            slice_kernels,
            slices: load.kernels.div_ceil(slice_kernels),
            weights_fit: slice_kernels <= resident,
        };
        let possible = band_rows > 0 && resident > 0;
        let cuts = [whole, resident].into_iter().filter(move |_| possible);
        cuts.map(cut)
    }
}
