//! Native layouts of the RK3566/RK3568 matrix product (npu-rk3568.md §4.4) and how to reach them from row-major.
//!
//! | operand | row-major | native |
//! |---|---|---|
//! | A int8 | `[m, k]` | `(K/8, align4(M), 8)` |
//! | B int8 | `[n, k]` (one row per output channel) | `(N/16, K/32, 16, 32)` |
//! | C int32 | `[m, n]` | `(N/4, M, 4)` |
//!
//! K is padded to 32 and N to 16 with zeros, which leaves every product exact. The fp16 forms are in [`half`], feature
//! maps in [`features`], convolution weights in [`weights`], per-channel parameters in [`parameters`].
//!
//! fp16 values are their bits (`u16`): the kernel's target has no floating point.

use alloc::vec;
use alloc::vec::Vec;

use crate::Precision;

pub mod features;
pub mod half;
pub mod parameters;
pub mod weights;

mod sealed {
    pub trait Sealed {}
    impl Sealed for i8 {}
    impl Sealed for u16 {}
}

/// Elements of native layouts: `i8`, and `u16` for the bits of an fp16.
pub trait Element: sealed::Sealed + Copy {
    /// Its format.
    const PRECISION: Precision;
    /// Stores it at a byte offset.
    fn put(self, bytes: &mut [u8], at: usize);
    /// Loads it from a byte offset.
    fn get(bytes: &[u8], at: usize) -> Self;
}

impl Element for i8 {
    const PRECISION: Precision = Precision::Int8;
    fn put(self, bytes: &mut [u8], at: usize) {
        bytes[at] = self as u8;
    }
    fn get(bytes: &[u8], at: usize) -> Self {
        bytes[at] as i8
    }
}

impl Element for u16 {
    const PRECISION: Precision = Precision::Fp16;
    fn put(self, bytes: &mut [u8], at: usize) {
        bytes[at..at + 2].copy_from_slice(&self.to_le_bytes());
    }
    fn get(bytes: &[u8], at: usize) -> Self {
        u16::from_le_bytes([bytes[at], bytes[at + 1]])
    }
}

/// K after padding: the next multiple of 32.
pub const fn padded_k(k: usize) -> usize {
    k.div_ceil(32) * 32
}

/// N after padding: the next multiple of 16.
pub const fn padded_n(n: usize) -> usize {
    n.div_ceil(16) * 16
}

/// Pixels per surface of A: M up to the next multiple of 4 (erratum 11: other strides fault).
pub const fn pitch_m(m: usize) -> usize {
    m.div_ceil(4) * 4
}

/// Bytes of A in native layout for unpadded `m` and `k`.
pub const fn a_bytes(m: usize, k: usize) -> usize {
    padded_k(k) * pitch_m(m)
}

/// Bytes of B in native layout for unpadded `n` and `k`.
pub const fn b_bytes(n: usize, k: usize) -> usize {
    padded_n(n) * padded_k(k)
}

/// Bytes of C in native layout for unpadded `m` and `n`.
pub const fn c_bytes(m: usize, n: usize) -> usize {
    padded_n(n) * m * 4
}

/// Packs row-major A `[m, k]` into `(K/8, align4(M), 8)`.
///
/// # Panics
/// When `a` is not exactly `m * k` long.
pub fn pack_a(a: &[i8], m: usize, k: usize) -> Vec<u8> {
    assert_eq!(a.len(), m * k, "A is [m, k]");
    let pitch = pitch_m(m);
    let mut native = vec![0u8; a_bytes(m, k)];
    for (row, values) in a.chunks_exact(k.max(1)).enumerate() {
        for (channel, &value) in values.iter().enumerate() {
            native[(channel / 8 * pitch + row) * 8 + channel % 8] = value as u8;
        }
    }
    native
}

/// Packs rows `[n, k]` of B into `(N/16, K/32, 16, 32)`, appending to nothing and reading each row once.
///
/// # Panics
/// When `b` is not exactly `n * k` long.
pub fn pack_b(b: &[i8], n: usize, k: usize) -> Vec<u8> {
    assert_eq!(b.len(), n * k, "B is [n, k]");
    let slices = padded_k(k) / 32;
    let mut native = vec![0u8; b_bytes(n, k)];
    for (row, values) in b.chunks_exact(k.max(1)).enumerate() {
        let group = row / 16 * slices;
        for (slice, part) in values.chunks(32).enumerate() {
            let at = ((group + slice) * 16 + row % 16) * 32;
            for (byte, &value) in native[at..at + part.len()].iter_mut().zip(part) {
                *byte = value as u8;
            }
        }
    }
    native
}

/// Unpacks native C `(N/4, M, 4)` int32 little-endian bytes into row-major `[m, n]` with unpadded `n`.
///
/// # Panics
/// When `native` is shorter than [`c_bytes`].
pub fn unpack_c(native: &[u8], m: usize, n: usize) -> Vec<i32> {
    assert!(native.len() >= c_bytes(m, n), "C is (N/4, M, 4)");
    let mut c = vec![0i32; m * n];
    for row in 0..m {
        for column in 0..n {
            let at = ((column / 4 * m + row) * 4 + column % 4) * 4;
            let bytes = [native[at], native[at + 1], native[at + 2], native[at + 3]];
            c[row * n + column] = i32::from_le_bytes(bytes);
        }
    }
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_row_is_the_row_itself_padded_to_four_pixels() {
        let a: Vec<i8> = (0..32).collect();
        let native = pack_a(&a, 1, 32);
        assert_eq!(native.len(), 128);
        let row: Vec<u8> = (0..32).map(|c| native[c / 8 * 32 + c % 8]).collect();
        assert_eq!(row, (0..32).collect::<Vec<u8>>());
    }

    #[test]
    fn weights_are_tiled_sixteen_kernels_by_thirty_two_channels() {
        let b: Vec<i8> = (0..17 * 64).map(|i| (i % 127) as i8).collect();
        let native = pack_b(&b, 17, 64);
        assert_eq!(native.len(), 32 * 64);
        assert_eq!(native[(16 + 3) * 32 + 5] as i8, b[3 * 64 + 32 + 5]);
        assert_eq!(native[(2 * 16) * 32 + 31] as i8, b[16 * 64 + 31]);
        assert_eq!(native[(2 * 16 + 1) * 32], 0);
    }

    #[test]
    fn results_come_back_row_major_without_their_padding() {
        let (m, n) = (3, 6);
        let mut native = vec![0u8; c_bytes(m, n)];
        for row in 0..m {
            for column in 0..n {
                let at = ((column / 4 * m + row) * 4 + column % 4) * 4;
                native[at..at + 4].copy_from_slice(&((row * 10 + column) as i32).to_le_bytes());
            }
        }
        assert_eq!(
            unpack_c(&native, m, n),
            [0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 24, 25]
        );
    }
}
