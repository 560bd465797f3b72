//! Feature maps: row-major `[h, w, c]` to surfaces of 8 bytes per pixel and back (sheet §4.1), and the interleaved images
//! of a first layer.

use alloc::vec;
use alloc::vec::Vec;

use super::Element;
use crate::Precision;

/// Pixels from one surface to the next: H·W rounded up to 4 (erratum 11).
pub const fn surface_pixels(width: usize, height: usize) -> usize {
    (width * height).next_multiple_of(4)
}

/// Bytes of a map with `channels` rounded up to a multiple of `channel_multiple`, which whoever writes or reads the map
/// asks for (8 for point-wise operations and pooling, a kernel group for what a convolution writes).
pub const fn bytes(
    precision: Precision,
    width: usize,
    height: usize,
    channels: usize,
    channel_multiple: usize,
) -> usize {
    let per_surface = precision.surface_channels() as usize;
    let padded = channels.next_multiple_of(channel_multiple);
    padded.div_ceil(per_surface) * surface_pixels(width, height) * 8
}

/// Packs `[h, w, c]` into `(⌈C'/s⌉, align4(H·W), s)`, C' = `channels` rounded up to `channel_multiple`; what is not in the
/// map is 0.
///
/// # Panics
/// When `values` is not exactly `height · width · channels` long.
pub fn pack<T: Element>(
    values: &[T],
    width: usize,
    height: usize,
    channels: usize,
    channel_multiple: usize,
) -> Vec<u8> {
    assert_eq!(values.len(), width * height * channels, "features are [h, w, c]");
    let mut native = vec![0; bytes(T::PRECISION, width, height, channels, channel_multiple)];
    let pitch = surface_pixels(width, height);
    for (pixel, of_pixel) in values.chunks_exact(channels.max(1)).enumerate() {
        for (channel, value) in of_pixel.iter().enumerate() {
            value.put(&mut native, at::<T>(pitch, pixel, channel));
        }
    }
    native
}

/// Unpacks a native map into `[h, w, c]`.
///
/// # Panics
/// When `native` is shorter than the map.
pub fn unpack<T: Element>(native: &[u8], width: usize, height: usize, channels: usize) -> Vec<T> {
    let pitch = surface_pixels(width, height);
    let pixels = 0..width * height;
    pixels
        .flat_map(|pixel| (0..channels).map(move |channel| T::get(native, at::<T>(pitch, pixel, channel))))
        .collect()
}

fn at<T: Element>(pitch: usize, pixel: usize, channel: usize) -> usize {
    let per_surface = T::PRECISION.surface_channels() as usize;
    let element = T::PRECISION.bytes() as usize;
    (channel / per_surface * pitch + pixel) * 8 + channel % per_surface * element
}

/// Bytes of one row of a first layer's image: W · C elements rounded up to 8 bytes.
pub const fn image_row_bytes(precision: Precision, width: usize, channels: usize) -> usize {
    (width * channels * precision.bytes() as usize).next_multiple_of(8)
}

/// Packs `[h, w, c]` with one to four channels into rows padded to 8 bytes.
///
/// # Panics
/// When `values` is not exactly `height · width · channels` long.
pub fn pack_image<T: Element>(values: &[T], width: usize, height: usize, channels: usize) -> Vec<u8> {
    assert_eq!(values.len(), width * height * channels, "the image is [h, w, c]");
    let row = image_row_bytes(T::PRECISION, width, channels);
    let element = T::PRECISION.bytes() as usize;
    let mut native = vec![0; row * height];
    for (index, value) in values.iter().enumerate() {
        let (y, x) = (index / (width * channels), index % (width * channels));
        value.put(&mut native, y * row + x * element);
    }
    native
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_of_49_pixels_has_surfaces_of_52() {
        let values: Vec<i8> = (0..49 * 9).map(|index| (index % 101) as i8).collect();
        let native = pack(&values, 7, 7, 9, 8);
        assert_eq!(native.len(), 2 * 52 * 8);
        assert_eq!(native[52 * 8 + 48 * 8] as i8, values[48 * 9 + 8]);
        assert_eq!(unpack::<i8>(&native, 7, 7, 9), values);
    }

    #[test]
    fn half_precision_has_four_channels_a_surface() {
        let values: Vec<u16> = (0..6 * 5).collect();
        let native = pack(&values, 3, 2, 5, 8);
        assert_eq!(native.len(), 2 * 8 * 8);
        assert_eq!(native[8 * 8..8 * 8 + 2], 4u16.to_le_bytes());
        assert_eq!(unpack::<u16>(&native, 3, 2, 5), values);
    }

    #[test]
    fn rows_of_an_image_are_padded_to_eight_bytes() {
        let native = pack_image(&[1i8, 2, 3, 4, 5, 6], 1, 2, 3);
        assert_eq!(native, [1, 2, 3, 0, 0, 0, 0, 0, 4, 5, 6, 0, 0, 0, 0, 0]);
        assert_eq!(image_row_bytes(Precision::Fp16, 10, 3), 64); // appendix B.3: line stride 8
    }
}
