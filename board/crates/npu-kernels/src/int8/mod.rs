//! Exact int8 × int8 → int32 matrix products, from the NPU's native layouts or from plain rows.
//!
//! Knows the RK3566/RK3568 layouts (npu-rk3568.md §4.4) and refuses to know who fills them. B is always read in place in
//! tiles of 16 columns × 32 channels (512 contiguous bytes), the one shape every vector kernel here wants; row-major B is
//! brought into that shape a column group at a time. Sums fit: K ≤ 131071 keeps |Σ| below 2^31 even at (−128)².

mod lanes;
#[cfg(feature = "simd")]
mod many;
mod scalar;
#[cfg(feature = "simd")]
mod tiles;

#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx2_many;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512;
#[cfg(all(feature = "simd", target_arch = "x86_64"))]
mod avx512_many;
#[cfg(all(feature = "simd", target_arch = "aarch64"))]
mod neon;

pub use lanes::lane_products;

/// Channels of one B tile.
pub const SLICE: usize = 32;
/// Columns of one B tile.
pub const GROUP: usize = 16;
/// Largest K for which no sum can leave i32.
pub const MAX_K: usize = 131_071;

const fn padded(value: usize, step: usize) -> usize {
    value.div_ceil(step) * step
}

/// C = A·Bᵀ in the NPU's native layouts: A `(K/8, align4(M), 8)`, B `(N/16, K/32, 16, 32)`, C `(N/4, M, 4)`.
///
/// `k` and `n` may be given padded or unpadded: the operands hold K padded to 32 and N to 16, with zeros (or anything:
/// all padded channels are multiplied). B is read in place. `c` receives `padded_n * m` values.
///
/// # Panics
/// When an operand is shorter than its layout, or `k > MAX_K`.
pub fn matmul_native(a: &[u8], b: &[u8], m: usize, k: usize, n: usize, c: &mut [i32]) {
    let (k, n, pitch) = (padded(k, SLICE), padded(n, GROUP), padded(m, 4));
    assert!(k <= MAX_K, "K is at most {MAX_K}");
    assert!(a.len() >= k * pitch, "A is (K/8, align4(M), 8)");
    assert!(b.len() >= n * k, "B is (N/16, K/32, 16, 32)");
    assert!(c.len() >= n * m, "C is (N/4, M, 4)");
    let c = &mut c[..n * m];
    #[cfg(feature = "simd")]
    if tiles::native(crate::isa::active(), a, b, m, k, c) {
        return;
    }
    scalar::native(a, b, m, k, c);
}

/// C = A·Bᵀ for A as rows `[m, k]` of int8 bytes, B `(N/16, K/32, 16, 32)` read in place, C `(N/4, M, 4)`; N follows from the length of
/// `b`. What a convolution's windows are multiplied with.
///
/// # Panics
/// When `k` is no multiple of 32 or above `MAX_K`, or a slice does not have the length its shape says.
pub fn matmul_tiles(a: &[u8], b: &[u8], m: usize, k: usize, c: &mut [i32]) {
    check_tiles(a, b, m, k, c);
    #[cfg(feature = "simd")]
    if tiles::from_rows(crate::isa::active(), a, b, m, k, c, &crate::run::Run::threads(1)) == Ok(true) {
        return;
    }
    scalar::tiles(a, b, m, k, c);
}

/// [`matmul_tiles`] on several threads, with a flag that stops it between column groups. Small products stay on the
/// calling thread.
///
/// # Errors
/// [`Cancelled`](crate::run::Cancelled) when the flag of `run` was raised.
///
/// # Panics
/// As [`matmul_tiles`].
#[cfg(feature = "std")]
pub fn matmul_tiles_with(
    a: &[u8],
    b: &[u8],
    m: usize,
    k: usize,
    c: &mut [i32],
    run: &crate::run::Run,
) -> Result<(), crate::run::Cancelled> {
    check_tiles(a, b, m, k, c);
    #[cfg(feature = "simd")]
    if tiles::from_rows(crate::isa::active(), a, b, m, k, c, run)? {
        return Ok(());
    }
    scalar::tiles(a, b, m, k, c);
    run.check()
}

fn check_tiles(a: &[u8], b: &[u8], m: usize, k: usize, c: &[i32]) {
    assert!(
        k <= MAX_K && k.is_multiple_of(SLICE),
        "K is a multiple of 32, at most {MAX_K}"
    );
    assert!(a.len() == m * k, "A is [m, k]");
    let groups = if k == 0 {
        c.len() / (GROUP * m).max(1)
    } else {
        b.len() / (GROUP * k)
    };
    assert!(b.len() == groups * GROUP * k, "B is (N/16, K/32, 16, 32)");
    assert!(c.len() == groups * GROUP * m, "C is (N/4, M, 4)");
}

/// C `[m, n]` = A `[m, k]` · B `[n, k]`ᵀ, all row-major.
///
/// # Panics
/// When a slice does not have the length its shape says, or `k > MAX_K`.
pub fn matmul(a: &[i8], b: &[i8], m: usize, k: usize, n: usize, c: &mut [i32]) {
    check_rows(a, b, m, k, n, c);
    #[cfg(feature = "simd")]
    if tiles::rows(crate::isa::active(), a, b, m, k, c, &crate::run::Run::threads(1)) == Ok(true) {
        return;
    }
    scalar::rows(a, b, m, k, n, c);
}

/// [`matmul`] on several threads, with a flag that stops it between column groups.
///
/// # Errors
/// [`Cancelled`](crate::run::Cancelled) when the flag of `run` was raised.
///
/// # Panics
/// As [`matmul`].
#[cfg(feature = "std")]
#[allow(clippy::too_many_arguments)]
pub fn matmul_with(
    a: &[i8],
    b: &[i8],
    m: usize,
    k: usize,
    n: usize,
    c: &mut [i32],
    run: &crate::run::Run,
) -> Result<(), crate::run::Cancelled> {
    check_rows(a, b, m, k, n, c);
    #[cfg(feature = "simd")]
    if tiles::rows(crate::isa::active(), a, b, m, k, c, run)? {
        return Ok(());
    }
    let shared = crate::run::SharedMut::new(c);
    run.for_rows(m, n * k, |rows| {
        // SAFETY: row ranges are disjoint and lie inside C [m, n].
        let c = unsafe { shared.slice(rows.start * n..rows.end * n) };
        scalar::rows(&a[rows.start * k..rows.end * k], b, rows.len(), k, n, c);
    })
}

fn check_rows(a: &[i8], b: &[i8], m: usize, k: usize, n: usize, c: &[i32]) {
    assert!(k <= MAX_K, "K is at most {MAX_K}");
    assert!(
        a.len() == m * k && b.len() == n * k && c.len() == m * n,
        "A is [m, k], B [n, k], C [m, n]"
    );
}

#[cfg(all(test, feature = "simd"))]
mod tests;
