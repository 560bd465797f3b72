//! The one place where multiply-accumulates happen. Knows native layouts, no registers.

/// `c[n/4][m][4] = a · bᵀ` in native layouts (A pitch align4(M)), exact.
pub(crate) fn matmul_native(a: &[u8], b: &[u8], m: usize, k: usize, n: usize, c: &mut [i32]) {
    let pitch = m.div_ceil(4) * 4;
    for row in 0..m {
        for kernel in 0..n {
            let mut sum = 0i32;
            for slice in 0..k / 32 {
                let tile = &b[((kernel / 16 * (k / 32) + slice) * 16 + kernel % 16) * 32..][..32];
                for (channel, &weight) in tile.iter().enumerate() {
                    let at = ((slice * 4 + channel / 8) * pitch + row) * 8 + channel % 8;
                    sum += i32::from(a[at] as i8) * i32::from(weight as i8);
                }
            }
            c[(kernel / 4 * m + row) * 4 + kernel % 4] = sum;
        }
    }
}
