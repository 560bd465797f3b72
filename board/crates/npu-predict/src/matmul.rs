//! Matrix products as array work, cut as `rknpu-driver` cuts them: a 1x1 convolution over M pixels in one row
//! (sheet §4.4, §12.29). The driver pads K to a whole channel slice and N to a whole kernel group.

use npu_device::Traffic;
use npu_sim::timing::TaskShape;

use crate::cut::{Band, Height, Work};
use crate::network::Dtype;

/// Command words of a convolution without DPU_RDMA (§12.26).
const COMMAND_BYTES: u64 = 117 * 8;
/// Most kernels of one task (§12.29).
const MOST_KERNELS: u64 = 8176;
/// Most pixels of a band: 11-bit field, a multiple of four.
const MOST_BAND_PIXELS: u64 = 2044;

/// `[m,k] x [k,n]`, padded.
pub(crate) struct Product {
    m: u64,
    k: u64,
    n: u64,
    dtype: Dtype,
}

impl Product {
    pub(crate) fn new(m: u64, k: u64, n: u64, dtype: Dtype) -> Self {
        Self {
            m,
            k: k.next_multiple_of(32 / dtype.bytes()),
            n: n.next_multiple_of(dtype.kernel_group()),
            dtype,
        }
    }

    fn pixel_bytes(&self) -> u64 {
        self.k * self.dtype.bytes()
    }
}

impl Work for Product {
    fn kernels(&self) -> u64 {
        self.n
    }

    fn kernel_group(&self) -> u64 {
        self.dtype.kernel_group()
    }

    fn kernel_bytes(&self) -> u64 {
        self.pixel_bytes()
    }

    fn most_kernels(&self) -> u64 {
        MOST_KERNELS
    }

    fn bands(&self, data_bytes: u64, _: Height) -> Option<Vec<Band>> {
        let fitting = (data_bytes / self.pixel_bytes()).min(MOST_BAND_PIXELS);
        let pixels = match fitting {
            0 => return None,
            fitting if self.m <= fitting => self.m,
            fitting if fitting >= 4 => fitting / 4 * 4,
            fitting => fitting,
        };
        let band = |first: u64| {
            let outputs = pixels.min(self.m - first);
            let bytes = outputs * self.pixel_bytes();
            Band {
                read_bytes: bytes,
                // All pixels lie in one row, and a row is the least that can be waited for.
                fill_bytes: bytes,
                outputs,
            }
        };
        Some((0..self.m).step_by(pixels as usize).map(band).collect())
    }

    fn task(&self, outputs: u64, kernels: u64) -> TaskShape {
        let shape = match self.dtype {
            Dtype::Int8 => TaskShape::dense_int8(outputs, 1, self.k, kernels),
            Dtype::Fp16 => TaskShape::dense_16_bit(outputs, 1, self.k, kernels),
        };
        TaskShape {
            traffic: Traffic {
                data_read_bytes: COMMAND_BYTES,
                weight_read_bytes: 0,
                written_bytes: outputs * kernels * 4,
            },
            ..shape
        }
    }
}
