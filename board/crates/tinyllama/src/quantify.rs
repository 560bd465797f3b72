//! Round-to-nearest int8 of weights, one scale per output channel: what loading does to a float model.

use npu_kernels::quantize;

/// Rounds rows `[rows, width]` to int8: scale = largest magnitude / 127 (0 for a row of zeros), value = nearest,
/// ties to even, within ±127. Returns values `[rows, width]` and scales `[rows]`.
///
/// # Panics
/// When `weights` is not exactly `rows * width` long.
pub fn quantify(weights: &[f32], rows: usize, width: usize) -> (Vec<i8>, Vec<f32>) {
    assert_eq!(weights.len(), rows * width, "weights are [rows, width]");
    let mut values = vec![0; weights.len()];
    let mut scales = vec![0.0; rows];
    quantize::rows_int8(weights, rows, width, &mut values, &mut scales);
    (values, scales)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_magnitude_of_a_row_becomes_127() {
        let (values, scales) = quantify(&[1.0, -2.0, 0.5, 0.0, 0.0, 0.0], 2, 3);
        assert_eq!(values, [64, -127, 32, 0, 0, 0]);
        assert_eq!(scales, [2.0 / 127.0, 0.0]);
    }
}
