//! The weights of a task: how many, how large, where (§2.4, §4.3).

use npu_regs::cna;

use super::{Input, Mode, Window};
use crate::fault::FaultKind;
use crate::file::View;
use crate::rules;

/// Stored kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Weights {
    pub(crate) address: u32,
    /// True count; 1 for depthwise.
    pub(crate) kernels: usize,
    pub(crate) bytes_per_kernel: usize,
}

impl Weights {
    pub(crate) fn decode(
        view: &View<'_>,
        mode: &Mode,
        input: &Input,
        window: &Window,
        dma_base: u32,
    ) -> Result<Self, FaultKind> {
        use cna::{WEIGHT_SIZE0, WEIGHT_SIZE1, WEIGHT_SIZE2};
        let kernels = if mode.depthwise {
            view.held(WEIGHT_SIZE2::WEIGHT_KERNELS, |v| v == 1, rules::DEPTHWISE_KERNELS)?
        } else {
            view.held(WEIGHT_SIZE2::WEIGHT_KERNELS, |v| v > 0, rules::KERNEL_COUNT)?
        };
        let taps = window.taps();
        let exact = taps * input.pixel_bytes();
        // Depthwise taps may be stored in rows of 16 channels where the loader is told 8 fewer (§4.3, S-iav test 66).
        let rows = taps * input.channels.next_multiple_of(16) * input.element_bytes;
        let fits = |v: u32| v as usize == exact || mode.depthwise && v as usize == rows;
        let bytes = view.held(WEIGHT_SIZE1::WEIGHT_BYTES_PER_KERNEL, fits, rules::KERNEL_BYTES)?;
        let product = u64::from(bytes) * u64::from(kernels);
        let all = |v: u32| u64::from(v) == product;
        view.held(WEIGHT_SIZE0::WEIGHT_BYTES, all, rules::WEIGHT_BYTES)?;
        Ok(Self {
            address: view.raw::<cna::DCOMP_ADDR0>().wrapping_add(dma_base),
            kernels: kernels as usize,
            bytes_per_kernel: bytes as usize,
        })
    }

    /// Bytes of all kernels.
    pub(crate) const fn bytes(&self) -> usize {
        self.kernels * self.bytes_per_kernel
    }
}
