//! CRC-32 as zlib computes it (reflected 0xEDB88320, all ones in, complement out).

const TABLE: [u32; 256] = {
    let mut table = [0u32; 256];
    let mut index = 0;
    while index < 256 {
        let mut value = index as u32;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                value >> 1 ^ 0xedb8_8320
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[index] = value;
        index += 1;
    }
    table
};

/// A sum under way.
#[derive(Clone, Copy, Debug)]
pub struct Crc32(u32);

impl Default for Crc32 {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Crc32 {
    /// Takes bytes.
    pub fn update(mut self, bytes: &[u8]) -> Self {
        for &byte in bytes {
            self.0 = TABLE[usize::from(self.0 as u8 ^ byte)] ^ self.0 >> 8;
        }
        self
    }

    /// The sum.
    pub const fn value(self) -> u32 {
        !self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_value_of_the_catalogue_of_crcs_holds() {
        assert_eq!(Crc32::default().update(b"123456789").value(), 0xcbf4_3926);
        assert_eq!(Crc32::default().update(b"1234").update(b"56789").value(), 0xcbf4_3926);
    }
}
