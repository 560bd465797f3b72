//! Cuts work that needs weights into hardware tasks: row bands that fit the data banks, kernel slices, reuse (sheet §2.4,
//! §4.2, §9.7). A convolution is predicted with the cut that takes the least time, so that more work never takes less; a product
//! with the cheapest in bytes, as the driver cuts it.
//!
//! Knows buffer space and bytes; what a band or a slice costs is the work's own affair.

use npu_device::Traffic;
use npu_sim::timing::TaskShape;

/// Banks of the convolution buffer.
const BANKS: u64 = 8;
/// Bytes of a bank.
pub(crate) const BANK_BYTES: u64 = 32 * 1024;
/// Bytes that a task is charged beyond its traffic when cuts are compared, as in the driver.
pub(crate) const TASK_PENALTY_BYTES: u64 = 4096;
/// Most tasks of one layer.
pub(crate) const MOST_TASKS: u64 = 1 << 18;

/// Equal tasks that follow each other, and how many.
pub(crate) type Tasks = Vec<(TaskShape, u64)>;

/// Tasks in order as runs of equal ones.
pub(crate) fn grouped(tasks: impl IntoIterator<Item = (TaskShape, u64)>) -> Tasks {
    let mut groups = Tasks::new();
    for (task, count) in tasks {
        match groups.last_mut() {
            Some((last, equal)) if *last == task => *equal += count,
            _ => groups.push((task, count)),
        }
    }
    groups
}

/// Part of the output, with the input it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Band {
    /// Feature bytes read.
    pub(crate) read_bytes: u64,
    /// Of them, what must be there before the array starts.
    pub(crate) fill_bytes: u64,
    /// Output pixels.
    pub(crate) outputs: u64,
}

/// How high bands are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Height {
    /// As many rows as fit, as the driver and the vendor's compiler cut.
    Most,
    /// As many bands as that gives, and all about equal: no small one at the end that waits for its weights.
    Even,
    /// One row of outputs: reads least where the stride leaves out rows of input.
    One,
}

/// Work of the MAC array.
pub(crate) trait Work {
    /// Kernels in all.
    fn kernels(&self) -> u64;
    /// Kernels that must lie in the buffer together.
    fn kernel_group(&self) -> u64;
    /// Bytes of a kernel.
    fn kernel_bytes(&self) -> u64;
    /// Most kernels of one task.
    fn most_kernels(&self) -> u64;
    /// The bands where `data_bytes` of the buffer hold features; `None` where not even one output row fits, or where another
    /// height gives the same.
    fn bands(&self, data_bytes: u64, height: Height) -> Option<Vec<Band>>;
    /// Array work of `outputs` pixels and `kernels` kernels; its traffic holds what is neither feature nor weight.
    fn task(&self, outputs: u64, kernels: u64) -> TaskShape;
}

struct Cut {
    bands: Vec<Band>,
    slice: u64,
    slices: u64,
    weights_fit: bool,
}

impl Cut {
    fn tasks(&self) -> u64 {
        self.slices.saturating_mul(self.bands.len() as u64)
    }

    fn cost(&self, work: &impl Work) -> u64 {
        let weights = work.kernels() * work.kernel_bytes();
        let features: u64 = self.bands.iter().map(|band| band.read_bytes).sum();
        let weight_passes = if self.weights_fit { 1 } else { self.bands.len() as u64 };
        let feature_passes = if self.bands.len() == 1 { 1 } else { self.slices };
        [
            weights.saturating_mul(weight_passes),
            features.saturating_mul(feature_passes),
            self.tasks().saturating_mul(TASK_PENALTY_BYTES),
        ]
        .into_iter()
        .fold(0, u64::saturating_add)
    }
}

/// The cuts with this many banks for weights: all kernels announced at once, or only as many as stay in the buffer.
fn with_banks(work: &impl Work, weight_banks: u64, height: Height) -> Vec<Cut> {
    let fitting = weight_banks * BANK_BYTES / work.kernel_bytes();
    let resident = fitting / work.kernel_group() * work.kernel_group();
    let Some(bands) = work
        .bands((BANKS - weight_banks) * BANK_BYTES, height)
        .filter(|_| resident > 0)
    else {
        return Vec::new();
    };
    let whole = work.kernels().min(work.most_kernels());
    let cut = |slice: u64| Cut {
        bands: bands.clone(),
        slice,
        slices: work.kernels().div_ceil(slice),
        weights_fit: slice <= resident,
    };
    [whole, whole.min(resident)].map(cut).into()
}

fn cuts(work: &impl Work, height: Height) -> impl Iterator<Item = Cut> {
    (1..BANKS)
        .rev()
        .flat_map(move |weight_banks| with_banks(work, weight_banks, height))
}

/// The tasks of the cheapest cut; `None` where the work fits the buffer in no way or takes more than [`MOST_TASKS`].
pub(crate) fn cheapest(work: &impl Work) -> Option<Tasks> {
    let cut = cuts(work, Height::Most).min_by_key(|cut| cut.cost(work))?;
    (cut.tasks() <= MOST_TASKS).then(|| tasks(work, &cut))
}

/// The tasks of every cut of at most [`MOST_TASKS`]; none where the work fits the buffer in no way.
pub(crate) fn every(work: &impl Work) -> Vec<Tasks> {
    let heights = [Height::Most, Height::Even, Height::One];
    let possible = heights.into_iter().flat_map(|height| cuts(work, height));
    possible
        .filter(|cut| cut.tasks() <= MOST_TASKS)
        .map(|cut| tasks(work, &cut))
        .collect()
}

/// Slices between the first and the last are equal, so their tasks are told once.
fn tasks(work: &impl Work, cut: &Cut) -> Tasks {
    let mut tasks = Tasks::new();
    let last = cut.slices - 1;
    let runs = [(0, 1), (1, last.saturating_sub(1)), (last, u64::from(last > 0))];
    for (slice, equal) in runs.into_iter().filter(|&(_, equal)| equal > 0) {
        let kernels = cut.slice.min(work.kernels() - slice * cut.slice);
        for (index, band) in cut.bands.iter().enumerate() {
            let features_stay = cut.bands.len() == 1 && slice > 0;
            let weights_stay = cut.weights_fit && index > 0;
            let mut shape = work.task(band.outputs, kernels);
            shape.fill_bytes = if features_stay { 0 } else { band.fill_bytes };
            shape.traffic = Traffic {
                data_read_bytes: shape.traffic.data_read_bytes + if features_stay { 0 } else { band.read_bytes },
                weight_read_bytes: if weights_stay { 0 } else { kernels * work.kernel_bytes() },
                ..shape.traffic
            };
            tasks.push((shape, equal));
        }
    }
    grouped(tasks)
}
