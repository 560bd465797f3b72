//! Native layouts of the fp16 matrix product (sheet §4.4): A `(K/4, align4(M), 4)`, B `(N/8, K/16, 8, 16)`, C
//! `(N/4, M, 4)` fp32. K is padded to 32, which the array prefers to its 16 (sheet §0.4), and N to 8.

use alloc::vec::Vec;

use super::{features, pitch_m, weights};

/// K after padding.
pub const fn padded_k(k: usize) -> usize {
    k.next_multiple_of(32)
}

/// N after padding.
pub const fn padded_n(n: usize) -> usize {
    n.next_multiple_of(8)
}

/// Bytes of A for unpadded `m` and `k`.
pub const fn a_bytes(m: usize, k: usize) -> usize {
    padded_k(k) * pitch_m(m) * 2
}

/// Bytes of B for unpadded `n` and `k`.
pub const fn b_bytes(n: usize, k: usize) -> usize {
    padded_n(n) * padded_k(k) * 2
}

/// Bytes of C for unpadded `m` and `n`.
pub const fn c_bytes(m: usize, n: usize) -> usize {
    padded_n(n) * m * 4
}

/// Packs row-major A `[m, k]`.
///
/// # Panics
/// When `a` is not exactly `m * k` long.
pub fn pack_a(a: &[u16], m: usize, k: usize) -> Vec<u8> {
    features::pack(a, m, 1, k, padded_k(k).max(1))
}

/// Packs rows `[n, k]` of B.
///
/// # Panics
/// When `b` is not exactly `n * k` long.
pub fn pack_b(b: &[u16], n: usize, k: usize) -> Vec<u8> {
    assert_eq!(b.len(), n * k, "B is [n, k]");
    let (rows, depth) = (padded_n(n), padded_k(k));
    let mut padded = alloc::vec![0u16; rows * depth];
    for (to, from) in padded.chunks_exact_mut(depth.max(1)).zip(b.chunks_exact(k.max(1))) {
        to[..k].copy_from_slice(from);
    }
    weights::pack_dense(&padded, rows, 1, depth)
}

/// Unpacks native C into the bits of row-major `[m, n]` fp32 with unpadded `n`.
///
/// # Panics
/// When `native` is shorter than [`c_bytes`].
pub fn unpack_c(native: &[u8], m: usize, n: usize) -> Vec<u32> {
    assert!(native.len() >= c_bytes(m, n), "C is (N/4, M, 4)");
    let rows = 0..m;
    rows.flat_map(|row| {
        (0..n).map(move |column| {
            let at = ((column / 4 * m + row) * 4 + column % 4) * 4;
            u32::from_le_bytes([native[at], native[at + 1], native[at + 2], native[at + 3]])
        })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_tiled_eight_kernels_by_sixteen_channels() {
        let (n, k) = (9, 33);
        let b: Vec<u16> = (0..(n * k) as u16).collect();
        let native = pack_b(&b, n, k);
        assert_eq!(native.len(), b_bytes(n, k));
        let at = |index: usize| u16::from_le_bytes([native[2 * index], native[2 * index + 1]]);
        assert_eq!(at((8 + 3) * 16 + 5), b[3 * k + 16 + 5]);
        assert_eq!(at(8 * 64 + 2), b[8 * k + 2]);
        assert_eq!(at((2 * 8 + 7) * 16), b[7 * k + 32]);
        assert_eq!(at((2 * 8 + 7) * 16 + 1), 0);
    }

    #[test]
    fn features_have_four_channels_a_pixel() {
        let a: Vec<u16> = (0..3 * 20).collect();
        let native = pack_a(&a, 3, 20);
        assert_eq!(native.len(), a_bytes(3, 20));
        assert_eq!(native[(4 + 2) * 8 + 2..][..2], a[2 * 20 + 5].to_le_bytes());
    }
}
