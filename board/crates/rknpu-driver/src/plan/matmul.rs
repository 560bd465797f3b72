//! Cuts a matrix product into hardware tasks (sheet §4.4, §12.29). A product is a 1x1 convolution over M pixels in one row.
//!
//! K beyond the chip's limit is cut in parts: each part multiplies the same kernels' shorter rows, which lie apart in B, so
//! a part runs group by group with the features kept in the buffer, and the CPU adds the parts.

use alloc::format;

use npu_device::layout::pitch_m;
use npu_device::{BufferRange, DeviceError, MatmulFp16, MatmulInt8, Precision, Window};

use super::Planner;
use super::tiling::{Cut, Load};
use crate::sum::PartialSum;
use crate::task::{ConvolutionTask, Source, Stage, Work};

/// Most rows of a product: `SURFACE_ADD` steps over four surfaces of 16 bytes a row, in 32 bits.
const MAX_ROWS: u32 = 1 << 25;
/// Largest K whose int8 sums cannot leave int32: 131 071 products of 128 · 128 (sheet §2.5), in whole slices.
const MAX_TOTAL_K: u32 = 131_040;

/// A matrix product at device addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Product {
    pub(crate) precision: Precision,
    pub(crate) m: usize,
    pub(crate) k: usize,
    pub(crate) n: usize,
    pub(crate) a: u32,
    pub(crate) b: u32,
    pub(crate) c: u32,
}

/// Operands and alignments of either precision.
pub(crate) struct Request {
    precision: Precision,
    m: u32,
    k: u32,
    n: u32,
    a: BufferRange,
    b: BufferRange,
    c: BufferRange,
}

impl From<&MatmulInt8> for Request {
    fn from(&MatmulInt8 { m, k, n, a, b, c }: &MatmulInt8) -> Self {
        let precision = Precision::Int8;
        Self {
            precision,
            m,
            k,
            n,
            a,
            b,
            c,
        }
    }
}

impl From<&MatmulFp16> for Request {
    fn from(&MatmulFp16 { m, k, n, a, b, c }: &MatmulFp16) -> Self {
        let precision = Precision::Fp16;
        Self {
            precision,
            m,
            k,
            n,
            a,
            b,
            c,
        }
    }
}

impl Request {
    /// Parts that K is cut into.
    fn parts(&self, max_k: u32) -> u32 {
        self.k.div_ceil(max_k.max(1)).max(1)
    }

    /// Bytes of results that the CPU adds to those in C; 0 for a request that will be refused.
    pub(crate) fn scratch_bytes(&self, max_k: u32) -> u64 {
        if self.check().is_err() {
            return 0;
        }
        u64::from(self.parts(max_k) - 1).saturating_mul(self.c_bytes())
    }

    fn c_bytes(&self) -> u64 {
        u64::from(self.n).saturating_mul(u64::from(self.m)).saturating_mul(4)
    }

    fn check(&self) -> Result<(), DeviceError> {
        let (slice, group) = (self.precision.channel_slice(), self.precision.kernel_group());
        let &Self { m, k, n, .. } = self;
        if m == 0 || m > MAX_ROWS {
            return Err(DeviceError::Invalid(format!("m = {m}: 1 to {MAX_ROWS} rows")));
        }
        if k == 0 || !k.is_multiple_of(slice) {
            return Err(DeviceError::Invalid(format!(
                "k = {k}: a positive multiple of {slice} (pad with zeros)"
            )));
        }
        if k > MAX_TOTAL_K {
            return Err(DeviceError::Unsupported(format!(
                "k = {k}: at most {MAX_TOTAL_K}, beyond which int8 sums can leave int32"
            )));
        }
        if n == 0 || !n.is_multiple_of(group) {
            return Err(DeviceError::Invalid(format!(
                "n = {n}: a positive multiple of {group} (pad with zeros)"
            )));
        }
        Ok(())
    }
}

impl Planner<'_> {
    pub(crate) fn matmul(&mut self, request: &Request) -> Result<(), DeviceError> {
        request.check()?;
        let &Request { precision, m, k, n, .. } = request;
        let element = u64::from(precision.bytes());
        let (m, k, n) = (m as usize, k as usize, n as usize);
        let a_bytes = k as u64 * pitch_m(m) as u64 * element;
        let (b_bytes, c_bytes) = (n as u64 * k as u64 * element, request.c_bytes());
        let product = Product {
            precision,
            m,
            k,
            n,
            a: self.address(request.a, a_bytes, "A")?,
            b: self.address(request.b, b_bytes, "B")?,
            c: self.address(request.c, c_bytes, "C")?,
        };
        let operands = [(product.a, a_bytes), (product.b, b_bytes)];
        self.refuse_overlap((product.c, c_bytes), &operands, "C")?;
        let parts = request.parts(self.soc.max_k) as usize;
        if parts == 1 {
            return self.whole(&product);
        }
        let slice = precision.channel_slice() as usize;
        let part_k = k.div_ceil(parts).next_multiple_of(slice);
        let first_scratch = self.take_scratch(request.scratch_bytes(self.soc.max_k))?;
        for part in 0..parts {
            let first_k = part * part_k;
            let c = match part {
                0 => product.c,
                _ => first_scratch + ((part - 1) as u64 * c_bytes) as u32,
            };
            self.part(&product, first_k, part_k.min(k - first_k), c)?;
        }
        self.sums.push(PartialSum {
            operation: self.operation,
            into: product.c,
            from: first_scratch,
            parts: parts as u32,
            bytes: c_bytes,
            float: precision == Precision::Fp16,
        });
        Ok(())
    }

    fn whole(&mut self, product: &Product) -> Result<(), DeviceError> {
        let cut = cut(product, product.n, self.soc).ok_or_else(|| nothing_fits(product.k))?;
        self.reserve(cut.tasks())?;
        for slice in 0..cut.slices {
            let first_n = slice * cut.slice_kernels;
            let count = cut.slice_kernels.min(product.n - first_n);
            for band in 0..cut.bands {
                let mut task = task(product, &cut, band).kernel_slice(first_n, count);
                task.data_reuse = cut.bands == 1 && slice > 0;
                task.weight_reuse = cut.weights_fit && band > 0;
                self.push(Work::Convolution(task));
            }
        }
        Ok(())
    }

    /// Rows `first_k` to `first_k + k` of the inner dimension, results to `c`.
    fn part(&mut self, product: &Product, first_k: usize, k: usize, c: u32) -> Result<(), DeviceError> {
        let element = product.precision.bytes() as usize;
        let group = product.precision.kernel_group() as usize;
        let part = Product {
            k,
            n: group,
            a: product.a + (first_k * element * pitch_m(product.m)) as u32,
            b: product.b + (group * first_k * element) as u32,
            c,
            ..*product
        };
        let cut = cut(&part, group, self.soc).ok_or_else(|| nothing_fits(k))?;
        let groups = product.n / group;
        self.reserve(cut.bands.saturating_mul(groups))?;
        for band in 0..cut.bands {
            for index in 0..groups {
                let mut task = task(&part, &cut, band);
                task.weights += (index * group * product.k * element) as u32;
                task.output += (index * group * product.m * 4) as u32;
                task.data_reuse = index > 0;
                self.push(Work::Convolution(task));
            }
        }
        Ok(())
    }
}

fn nothing_fits(k: usize) -> DeviceError {
    DeviceError::Unsupported(format!("k = {k}: nothing fits the buffer"))
}

/// The cheapest cut of a product with `n` kernels.
pub(crate) fn cut(product: &Product, n: usize, soc: &crate::Soc) -> Option<Cut> {
    let row_bytes = product.k * product.precision.bytes() as usize;
    let load = Load {
        rows: product.m,
        row_multiple: 4,
        kernels: n,
        group: product.precision.kernel_group() as usize,
        kernel_bytes: row_bytes,
        feature_bytes: (product.m * row_bytes) as u64,
        halo_bytes: 0,
    };
    Cut::best(&load, soc, |banks| {
        (banks * soc.bank_bytes / row_bytes).min(soc.max_band_rows)
    })
}

/// The task of a band with all kernels.
fn task(product: &Product, cut: &Cut, band: usize) -> ConvolutionTask {
    let first_row = band * cut.band_rows;
    let rows = cut.band_rows.min(product.m - first_row);
    ConvolutionTask {
        precision: product.precision,
        source: Source::Dense,
        width: rows,
        rows: 1,
        channels: product.k,
        real_channels: product.k,
        features: product.a + (first_row * 8) as u32,
        line_stride: rows,
        surface_stride: pitch_m(product.m),
        window: Window::of(1, 1),
        pad_value: 0,
        kernels: product.n,
        kernel_bytes: product.k * product.precision.bytes() as usize,
        weights: product.b,
        data_banks: cut.data_banks,
        weight_banks: cut.weight_banks,
        data_reuse: false,
        weight_reuse: false,
        out_width: rows,
        out_rows: 1,
        output: product.c + (first_row * 16) as u32,
        out_surface_bytes: product.m * 16,
        stage: Stage::Wide,
    }
}
