//! Matrix products (§4.4): rows of A times rows of B, as `[m, n]`. Knows no tiles.

/// `c[i][j] = Σ a[i][x] * b[j][x]` for row-major A `[m, k]` and B `[n, k]`, exact in int64.
pub fn multiply(a: &[i8], b: &[i8], (m, k, n): (usize, usize, usize)) -> Vec<i64> {
    assert_eq!((a.len(), b.len()), (m * k, n * k));
    let mut c = Vec::with_capacity(m * n);
    for row in 0..m {
        for column in 0..n {
            c.push(
                (0..k)
                    .map(|x| i64::from(a[row * k + x]) * i64::from(b[column * k + x]))
                    .sum(),
            );
        }
    }
    c
}

#[cfg(test)]
mod tests {
    #[test]
    fn rows_meet_rows() {
        let c = super::multiply(&[1, 2, 3, -4, 5, -6], &[7, 8, 9, 1, 0, -1], (2, 3, 2));
        assert_eq!(c, [7 + 16 + 27, -2, -28 + 40 - 54, 2]);
    }
}
