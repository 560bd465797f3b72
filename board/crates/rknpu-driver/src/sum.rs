//! Adds up parts of a product on the CPU, because K exceeds one task (sheet §12.29). int32 adds are exact; fp32 adds are
//! IEEE, to nearest even, in integers: the kernel's target has no floating point.

use alloc::vec;

use npu_device::{DeviceError, SyncDirection};

use crate::memory::Memory;

/// Results to be added: `parts − 1` times `bytes` bytes from `from` on, to those at `into`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PartialSum {
    pub(crate) operation: usize,
    pub(crate) into: u32,
    pub(crate) from: u32,
    pub(crate) parts: u32,
    pub(crate) bytes: u64,
    pub(crate) float: bool,
}

/// Bytes added at a time.
const CHUNK_BYTES: u64 = 64 * 1024;

impl PartialSum {
    pub(crate) fn run(&self, memory: &Memory) -> Result<(), DeviceError> {
        memory.sync(self.into, self.bytes, SyncDirection::FromDevice)?;
        let mut sum = vec![0; CHUNK_BYTES.min(self.bytes) as usize];
        let mut part = sum.clone();
        let mut done = 0;
        while done < self.bytes {
            let count = CHUNK_BYTES.min(self.bytes - done) as usize;
            let into = self.into + done as u32;
            memory.read(into, &mut sum[..count])?;
            for index in 0..u64::from(self.parts - 1) {
                let from = u64::from(self.from) + index * self.bytes + done;
                memory.read(from as u32, &mut part[..count])?;
                for (to, from) in sum[..count].chunks_exact_mut(4).zip(part.chunks_exact(4)) {
                    let (a, b) = (word(to), word(from));
                    let total = if self.float { add_f32(a, b) } else { a.wrapping_add(b) };
                    to.copy_from_slice(&total.to_le_bytes());
                }
            }
            memory.write(into, &sum[..count])?;
            done += count as u64;
        }
        memory.sync(self.into, self.bytes, SyncDirection::ToDevice)
    }
}

fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

const QUIET_NAN: u32 = 0x7FC0_0000;
const INFINITY: u32 = 0x7F80_0000;

/// Sum of two IEEE singles given as bits, rounded to nearest even. Every NaN becomes the quiet one.
pub(crate) fn add_f32(a: u32, b: u32) -> u32 {
    let magnitude = |bits: u32| bits & 0x7FFF_FFFF;
    let (large, small) = if magnitude(a) >= magnitude(b) { (a, b) } else { (b, a) };
    let opposite = (large ^ small) >> 31 == 1;
    if magnitude(large) > INFINITY {
        return QUIET_NAN;
    }
    if magnitude(large) == INFINITY {
        return if opposite && magnitude(small) == INFINITY {
            QUIET_NAN
        } else {
            large
        };
    }
    // Mantissa with 38 bits of room for what the smaller one loses; subnormals have exponent 1 without the leading one.
    const ROOM: u32 = 38;
    let parts = |bits: u32| {
        let exponent = magnitude(bits) >> 23;
        let leading = u64::from(exponent > 0) << 23;
        ((u64::from(bits & 0x7F_FFFF) | leading) << ROOM, exponent.max(1))
    };
    let ((x, exponent), (y, other)) = (parts(large), parts(small));
    let distance = exponent - other;
    let shifted = if distance >= 63 { 0 } else { y >> distance };
    let lost = shifted.checked_shl(distance).unwrap_or(0) != y;
    // Bits that fell out only matter for ties: one sticky bit below everything.
    let y = shifted | u64::from(lost);
    let total = if opposite { x - y } else { x + y };
    if total == 0 {
        // Zeros of one sign keep it; everything else that cancels is +0.
        return if opposite { 0 } else { large & 0x8000_0000 };
    }
    let sign = large & 0x8000_0000;
    let top = 63 - total.leading_zeros();
    // The leading one belongs at ROOM + 23; the exponent cannot fall below that of a subnormal.
    let lift = (top as i64 - i64::from(ROOM + 23)).max(1 - i64::from(exponent));
    let exponent = (i64::from(exponent) + lift) as u32;
    let drop = (i64::from(ROOM) + lift) as u32;
    let mut mantissa = total >> drop;
    let rest = total - (mantissa << drop);
    let half = 1u64 << (drop - 1);
    if rest > half || rest == half && mantissa & 1 == 1 {
        mantissa += 1;
    }
    // A mantissa without its leading one is subnormal; a carry runs into the exponent by itself.
    let biased = if mantissa >> 23 == 0 { 0 } else { exponent - 1 };
    let magnitude = (u64::from(biased) << 23) + mantissa;
    if magnitude >= u64::from(INFINITY) {
        return sign | INFINITY;
    }
    sign | magnitude as u32
}

#[cfg(test)]
mod tests {
    use super::add_f32;

    fn check(a: u32, b: u32) {
        let expected = f32::from_bits(a) + f32::from_bits(b);
        let sum = add_f32(a, b);
        if expected.is_nan() {
            assert_eq!(sum, super::QUIET_NAN);
        } else {
            assert_eq!(sum, expected.to_bits(), "{a:08X} + {b:08X}");
        }
    }

    #[test]
    fn sums_of_singles_equal_the_hosts_bit_for_bit() {
        let mut state = 1u64;
        let mut next = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let z = (state ^ state >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^ z >> 31
        };
        for _ in 0..200_000 {
            let bits = next();
            let (a, b) = (bits as u32, (bits >> 32) as u32);
            check(a, b);
            // Near exponents and opposite signs, where cancellation and ties happen.
            let near = a & 0xFF80_0000 ^ (b & 0x8180_0000) | b & 0x7F_FFFF;
            check(a, near);
            check(a & 0x807F_FFFF, b & 0x81FF_FFFF);
        }
    }

    #[test]
    fn zeros_subnormals_infinities_and_overflow_follow_ieee() {
        let special = [
            0,
            0x8000_0000,
            1,
            0x8000_0001,
            0x7F_FFFF,
            0x80_0000,
            0x7F7F_FFFF,
            0xFF7F_FFFF,
            0x7F80_0000,
            0xFF80_0000,
            0x7FC0_0001,
            0x3F80_0000,
            0xBF80_0000,
            0x3380_0000,
            0xB380_0000,
            0x3380_0001,
        ];
        for a in special {
            for b in special {
                check(a, b);
            }
        }
    }
}
