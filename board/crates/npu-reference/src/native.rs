//! The byte layouts of §4.1–§4.4 and the parameter streams of §2.6, one byte position per line of the sheet. Shares
//! nothing with `npu_device::layout`: two readings of one page check each other.

use crate::{Kernels, Map};

/// An element as bytes, little-endian.
pub trait Element: Copy {
    /// Bytes of one element.
    const BYTES: usize;
    /// Writes it.
    fn put(self, into: &mut [u8]);
    /// Reads it.
    fn get(from: &[u8]) -> Self;
}

macro_rules! elements {
    ($( $type:ty: $bytes:literal ),*) => { $( impl Element for $type {
        const BYTES: usize = $bytes;
        fn put(self, into: &mut [u8]) {
            into[..$bytes].copy_from_slice(&self.to_le_bytes());
        }
        fn get(from: &[u8]) -> Self {
            let mut bytes = [0; $bytes];
            bytes.copy_from_slice(&from[..$bytes]);
            <$type>::from_le_bytes(bytes)
        }
    } )* };
}
elements!(i8: 1, u8: 1, i16: 2, u16: 2, i32: 4, f32: 4);

/// Pitches of a feature map in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pitch {
    /// Pixels from one row to the next.
    pub line: usize,
    /// Pixels from one surface to the next.
    pub surface: usize,
}

impl Pitch {
    /// A map that stands alone: rows without gaps, surfaces of align4(W · H) pixels (§4.1, erratum 11).
    pub fn packed(height: usize, width: usize) -> Self {
        Self {
            line: width,
            surface: (height * width).div_ceil(4) * 4,
        }
    }

    /// Surfaces of exactly W · H pixels, as 32-bit results have them (§2.7, §12.9).
    pub fn exact(height: usize, width: usize) -> Self {
        Self {
            line: width,
            surface: height * width,
        }
    }
}

/// Bytes of a pixel of one surface: 8, or 16 for 32-bit elements (§2.7).
fn pixel_bytes<T: Element>() -> usize {
    if T::BYTES == 4 { 16 } else { 8 }
}

/// Channels of one surface: 8 int8, 4 of 16 or 32 bits.
pub fn surface_channels<T: Element>() -> usize {
    pixel_bytes::<T>() / T::BYTES
}

fn feature_at<T: Element>(pitch: Pitch, (channel, row, column): (usize, usize, usize)) -> usize {
    let per_surface = surface_channels::<T>();
    let pixel = channel / per_surface * pitch.surface + row * pitch.line + column;
    pixel * pixel_bytes::<T>() + channel % per_surface * T::BYTES
}

/// Bytes that surfaces of a map occupy when `channels` are announced.
pub fn features_bytes<T: Element>(channels: usize, pitch: Pitch) -> usize {
    channels.div_ceil(surface_channels::<T>()) * pitch.surface * pixel_bytes::<T>()
}

/// Writes a map into surfaces. Bytes between pixels and of channels that do not exist stay as `fill`.
pub fn pack_features<T: Element>(map: &Map<T>, pitch: Pitch, announced: usize, fill: u8) -> Vec<u8> {
    let mut bytes = vec![fill; features_bytes::<T>(announced, pitch)];
    for channel in 0..map.channels {
        for row in 0..map.height {
            for column in 0..map.width {
                let at = feature_at::<T>(pitch, (channel, row, column));
                map.at(channel, row, column).put(&mut bytes[at..]);
            }
        }
    }
    bytes
}

/// Reads a map of (channels, height, width) from surfaces.
pub fn unpack_features<T: Element>(
    bytes: &[u8],
    (channels, height, width): (usize, usize, usize),
    pitch: Pitch,
) -> Map<T> {
    Map::from_fn(channels, height, width, |channel, row, column| {
        T::get(&bytes[feature_at::<T>(pitch, (channel, row, column))..])
    })
}

/// Interleaved first-layer image: `[row][column][channel]`, rows padded to 8 bytes (§4.1, §11).
pub fn pack_interleaved<T: Element>(map: &Map<T>) -> Vec<u8> {
    let line = (map.width * map.channels * T::BYTES).div_ceil(8) * 8;
    let mut bytes = vec![0; line * map.height];
    for row in 0..map.height {
        for column in 0..map.width {
            for channel in 0..map.channels {
                let at = row * line + (column * map.channels + channel) * T::BYTES;
                map.at(channel, row, column).put(&mut bytes[at..]);
            }
        }
    }
    bytes
}

/// Dense weights (§4.3): group of kernels → slice of channels → tap → kernel → channel. Kernel counts are not padded,
/// the channel tail is padded with zeros to `announced` channels. int8: 16 kernels x 32 channels, fp16: 8 x 16.
pub fn pack_weights<T: Element>(kernels: &Kernels<T>, announced: usize) -> Vec<u8> {
    let (group, slice) = if T::BYTES == 1 { (16, 32) } else { (8, 16) };
    pack_tiles(kernels, announced, group, slice)
}

/// First-layer weights (§12.20): the regular order with 8 bytes of channels.
pub fn pack_first_weights<T: Element>(kernels: &Kernels<T>) -> Vec<u8> {
    let channels = 8 / T::BYTES;
    pack_tiles(kernels, channels, if T::BYTES == 1 { 16 } else { 8 }, channels)
}

fn pack_tiles<T: Element>(kernels: &Kernels<T>, announced: usize, group: usize, slice: usize) -> Vec<u8> {
    assert!(announced >= kernels.channels);
    let mut bytes = Vec::new();
    for first_kernel in (0..kernels.count).step_by(group) {
        for first_channel in (0..announced).step_by(slice) {
            for (ky, kx) in (0..kernels.height).flat_map(|ky| (0..kernels.width).map(move |kx| (ky, kx))) {
                for kernel in first_kernel..kernels.count.min(first_kernel + group) {
                    for channel in first_channel..announced.min(first_channel + slice) {
                        let at = bytes.len();
                        bytes.resize(at + T::BYTES, 0);
                        if channel < kernels.channels {
                            kernels.at(kernel, channel, ky, kx).put(&mut bytes[at..]);
                        }
                    }
                }
            }
        }
    }
    bytes
}

/// Depthwise weights (§4.3): group of 32 (int8) or 16 (fp16) channels → tap → channel, the tail padded to `announced`.
pub fn pack_depthwise<T: Element>(kernels: &Kernels<T>, announced: usize) -> Vec<u8> {
    assert!(announced >= kernels.count && kernels.channels == 1);
    let group = 32 / T::BYTES;
    let mut bytes = Vec::new();
    for first in (0..announced).step_by(group) {
        for (ky, kx) in (0..kernels.height).flat_map(|ky| (0..kernels.width).map(move |kx| (ky, kx))) {
            for channel in first..announced.min(first + group) {
                let at = bytes.len();
                bytes.resize(at + T::BYTES, 0);
                if channel < kernels.count {
                    kernels.at(channel, 0, ky, kx).put(&mut bytes[at..]);
                }
            }
        }
    }
    bytes
}

/// Full parameter stream (`0x501C` = 0xE): for every four channels 4 × int32 bias, 4 × int16 factor, 4 × uint16 multiplier.
/// Missing channels up to `announced` are zero.
pub fn pack_parameters(bias: &[i32], factor: &[i16], multiplier: &[u16], announced: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for first in (0..announced).step_by(4) {
        let four = first..first + 4;
        for channel in four.clone() {
            bytes.extend(bias.get(channel).copied().unwrap_or(0).to_le_bytes());
        }
        for channel in four.clone() {
            bytes.extend(factor.get(channel).copied().unwrap_or(0).to_le_bytes());
        }
        for channel in four {
            bytes.extend(multiplier.get(channel).copied().unwrap_or(0).to_le_bytes());
        }
    }
    bytes
}

/// Bias-only stream (`0x501C` = 2): int32 per channel, zero up to `announced`.
pub fn pack_bias(bias: &[i32], announced: usize) -> Vec<u8> {
    (0..announced)
        .flat_map(|channel| bias.get(channel).copied().unwrap_or(0).to_le_bytes())
        .collect()
}

/// The second stream (BN): groups of four channels, each int32 ALU operands, then uint16 multipliers, where there are such.
pub fn pack_second(alu: Option<&[i32]>, multiplier: Option<&[u16]>, announced: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for first in (0..announced).step_by(4) {
        let group = first..first + 4;
        if let Some(alu) = alu {
            let operand = |channel: usize| alu.get(channel).copied().unwrap_or(0);
            bytes.extend(group.clone().flat_map(|channel| operand(channel).to_le_bytes()));
        }
        if let Some(multiplier) = multiplier {
            let operand = |channel: usize| multiplier.get(channel).copied().unwrap_or(0);
            bytes.extend(group.flat_map(|channel| operand(channel).to_le_bytes()));
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_lies_where_section_4_1_says() {
        let map = Map::from_fn(20, 7, 7, |c, y, x| (c * 49 + y * 7 + x) as u16);
        let pitch = Pitch::packed(7, 7);
        assert_eq!(pitch.surface, 52, "erratum 11: 7x7 maps use 52 pixels per surface");
        let bytes = pack_features(&map, pitch, 20, 0);
        // fp16: 4 channels per surface, 8 bytes per pixel.
        let at = (3 * 52 + 3 * 7 + 5) * 8 + 2;
        assert_eq!(u16::get(&bytes[at..]), map.at(13, 3, 5));
        assert_eq!(unpack_features::<u16>(&bytes, (20, 7, 7), pitch), map);
        let wide = map.map(i32::from);
        let bytes = pack_features(&wide, Pitch::exact(7, 7), 20, 0);
        assert_eq!(i32::get(&bytes[(13 / 4 * 49 + 26) * 16 + 4..]), wide.at(13, 3, 5));
    }

    #[test]
    fn weights_are_compact_and_their_byte_count_is_that_of_the_registers() {
        let mut next = 0i32;
        let kernels = Kernels::from_fn((19, 40), (3, 2), || {
            next += 1;
            (next % 251) as i8
        });
        let bytes = pack_weights(&kernels, 40);
        assert_eq!(bytes.len(), 19 * 3 * 2 * 40, "§2.4: kernels x KH x KW x C, not padded");
        // Kernel 17 is second of a group of three; channel 35 is fourth of a slice of eight; tap (2, 1) is the sixth.
        let at = 16 * 6 * 40 + 3 * 6 * 32 + (5 * 3 + 1) * 8 + 3;
        assert_eq!(bytes[at] as i8, kernels.at(17, 35, 2, 1));
        let first = pack_first_weights(&Kernels::from_fn((2, 3), (1, 1), || 7i8));
        assert_eq!(first, [7, 7, 7, 0, 0, 0, 0, 0, 7, 7, 7, 0, 0, 0, 0, 0]);
        let half = pack_first_weights(&Kernels::from_fn((1, 3), (1, 1), || 7u16));
        assert_eq!(half, [7, 0, 7, 0, 7, 0, 0, 0]);
    }

    #[test]
    fn depthwise_weights_go_tap_by_tap_within_thirty_two_channels() {
        let mut next = 0i32;
        let kernels = Kernels::from_fn((40, 1), (2, 2), || {
            next += 1;
            next as i8
        });
        let bytes = pack_depthwise(&kernels, 64);
        assert_eq!(bytes.len(), 256);
        assert_eq!(bytes[3 * 32 + 9] as i8, kernels.at(9, 0, 1, 1));
        assert_eq!(bytes[128 + 2 * 32 + 7] as i8, kernels.at(39, 0, 1, 0));
        assert_eq!(bytes[128 + 2 * 32 + 8], 0);
    }

    #[test]
    fn parameters_come_in_groups_of_four_channels() {
        let bytes = pack_parameters(&[1, 2, 3, 4, 5], &[-1; 5], &[9; 5], 8);
        assert_eq!(bytes.len(), 64);
        assert_eq!(bytes[32..36], 5i32.to_le_bytes());
        assert_eq!(bytes[16..24], [0xFF; 8]);
        assert_eq!(bytes[56..64], [9, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(pack_bias(&[1, 2], 4), [1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }
}
