//! The plain loops every other int8 kernel is compared with. No floating point, no allocation.

use super::{GROUP, SLICE};

/// C native = A native · B native; `k` padded to 32, `c` holds padded N × `m` values.
pub(super) fn native(a: &[u8], b: &[u8], m: usize, k: usize, c: &mut [i32]) {
    if m == 0 {
        return;
    }
    let pitch = super::padded(m, 4);
    for (quad, c) in c.chunks_exact_mut(m * 4).enumerate() {
        for (row, c) in c.chunks_exact_mut(4).enumerate() {
            for (i, c) in c.iter_mut().enumerate() {
                let column = quad * 4 + i;
                let tiles = &b[column / GROUP * GROUP * k..];
                let mut sum = 0i32;
                for slice in 0..k / SLICE {
                    let weights = &tiles[(slice * GROUP + column % GROUP) * SLICE..][..SLICE];
                    for (eighth, weights) in weights.chunks_exact(8).enumerate() {
                        let features = &a[((slice * 4 + eighth) * pitch + row) * 8..][..8];
                        for (x, w) in features.iter().zip(weights) {
                            sum += i32::from(*x as i8) * i32::from(*w as i8);
                        }
                    }
                }
                *c = sum;
            }
        }
    }
}

/// C native = A `[m, k]` · B native; `k` a multiple of 32.
pub(super) fn tiles(a: &[u8], b: &[u8], m: usize, k: usize, c: &mut [i32]) {
    if m == 0 || k == 0 {
        c.fill(0);
        return;
    }
    for (b, c) in b.chunks_exact(GROUP * k).zip(c.chunks_exact_mut(GROUP * m)) {
        for (row, a) in a.chunks_exact(k).enumerate() {
            for column in 0..GROUP {
                let mut sum = 0i32;
                for (a, tile) in a.chunks_exact(SLICE).zip(b.chunks_exact(GROUP * SLICE)) {
                    let weights = &tile[column * SLICE..][..SLICE];
                    sum += a
                        .iter()
                        .zip(weights)
                        .map(|(x, w)| i32::from(*x as i8) * i32::from(*w as i8))
                        .sum::<i32>();
                }
                c[(column / 4 * m + row) * 4 + column % 4] = sum;
            }
        }
    }
}

/// C `[m, n]` = A `[m, k]` · B `[n, k]`ᵀ.
pub(super) fn rows(a: &[i8], b: &[i8], m: usize, k: usize, n: usize, c: &mut [i32]) {
    for row in 0..m {
        for column in 0..n {
            let (a, b) = (&a[row * k..][..k], &b[column * k..][..k]);
            c[row * n + column] = a.iter().zip(b).map(|(x, w)| i32::from(*x) * i32::from(*w)).sum();
        }
    }
}
