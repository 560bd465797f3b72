//! fp16 maps of the reference in device buffers, and 32-bit results read back.

use npu_device::{Accelerator, FeatureMap, layout};
use npu_reference::{Map, half};

use super::Random;
use super::maps::{buffer, interleaved};

/// Channels, rows, columns.
pub type Shape = (usize, usize, usize);

/// fp16 bits of small numbers, whose products and sums stay far from overflow.
pub fn small(random: &mut Random) -> u16 {
    half::from_f32((random.below(2001) as f32 - 1000.0) / 512.0)
}

pub fn random_map(random: &mut Random, (channels, height, width): Shape) -> Map<u16> {
    Map::from_fn(channels, height, width, |_, _, _| small(random))
}

pub fn place(npu: &mut dyn Accelerator, map: &Map<u16>) -> FeatureMap {
    let native = layout::features::pack(&interleaved(map), map.width, map.height, map.channels, 4);
    FeatureMap {
        at: buffer(npu, &native),
        width: map.width as u32,
        height: map.height as u32,
        channels: map.channels as u32,
    }
}

/// 32-bit words of surfaces of four channels `(C/4, pixels, 4)`, pixel after pixel.
pub fn words(native: &[u8], pixels: usize, channels: usize) -> Vec<u32> {
    let word = |at: usize| u32::from_le_bytes(native[at * 4..at * 4 + 4].try_into().unwrap());
    (0..pixels * channels)
        .map(|index| (index / channels, index % channels))
        .map(|(pixel, channel)| word((channel / 4 * pixels + pixel) * 4 + channel % 4))
        .collect()
}

pub fn floats(native: &[u8], pixels: usize, channels: usize) -> Vec<f64> {
    let bits = words(native, pixels, channels);
    bits.into_iter().map(|bits| f64::from(f32::from_bits(bits))).collect()
}
