//! How the task uses the convolution buffer (§2.4, §4.2).

use npu_regs::{Register, cna};

use super::{ATOM_BYTES, Input, Source};
use crate::cbuf::{self, Banks};
use crate::fault::FaultKind;
use crate::file::{View, broken};
use crate::rules;

/// Banks, reuse and the start of the array.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Buffer {
    pub(crate) banks: Banks,
    pub(crate) data_reuse: bool,
    pub(crate) weight_reuse: bool,
    /// Rows that must be resident before the array starts.
    pub(crate) grains: usize,
}

impl Buffer {
    pub(crate) fn decode(view: &View<'_>, input: &Input) -> Result<Self, FaultKind> {
        use cna::{CBUF_CON0, CBUF_CON1, CONV_CON2};
        let grains = view.held(CONV_CON2::FEATURE_GRAINS, |v| v > 0, rules::GRAINS)? as usize;
        let data = view.get(CBUF_CON0::DATA_BANK) as usize;
        let eight = |v: u32| v > 0 && data > 0 && v as usize + data == cbuf::BANKS;
        let weight = view.held(CBUF_CON0::WEIGHT_BANK, eight, rules::BANK_SUM)? as usize;
        let known = |v: u32| known_entries(input).contains(&(v as usize));
        let entries = view.held(CBUF_CON1::DATA_ENTRIES, known, rules::ENTRIES)? as usize;
        if entries * input.height > data * cbuf::ENTRIES_PER_BANK {
            return Err(broken(CBUF_CON0::INFO, "DATA_BANK", data as u32, rules::CBUF_WRAP));
        }
        Ok(Self {
            banks: Banks { data, weight },
            data_reuse: view.get(CBUF_CON0::DATA_REUSE) == 1,
            weight_reuse: view.get(CBUF_CON0::WEIGHT_REUSE) == 1,
            grains,
        })
    }
}

/// Entries per row that known generators write: the vendor's formula, and S-mesa's, which charges a remainder of three
/// atoms as four and rounds first layers up to even (§4.2).
fn known_entries(input: &Input) -> [usize; 2] {
    let exact = cbuf::entries_per_row(input.width, input.pixel_bytes() / ATOM_BYTES);
    let atoms = input.pixel_bytes() / ATOM_BYTES;
    let other = match input.source {
        Source::Interleaved { .. } => exact.next_multiple_of(2),
        Source::Surfaces { .. } if atoms % 4 == 3 => input.width * atoms.div_ceil(4),
        Source::Surfaces { .. } => exact,
    };
    [exact, other]
}
