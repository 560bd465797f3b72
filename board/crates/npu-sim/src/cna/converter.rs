//! The input converter of a first layer: raw bytes to int8, channel by channel (§2.4). Bit 0 of `CVT_CON0` switches it on,
//! the opposite of RK3588. Order and rounding of scale, shift and offset follow those of the output converter (§12.13).

use npu_regs::{Register, cna};

use crate::fault::FaultKind;
use crate::file::{View, not_modelled};
use crate::tile::Precision;

/// What one channel goes through.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Channel {
    scale: i16,
    offset: i16,
    shift: u32,
}

/// A converter that is switched on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Converter {
    channels: [Channel; 4],
    signed: bool,
    offset_first: bool,
    ties_up: bool,
}

impl Converter {
    /// `None` where it is off and features pass unchanged.
    pub(crate) fn decode(view: &View<'_>, precision: Precision) -> Result<Option<Self>, FaultKind> {
        use cna::{CVT_CON0 as C, CVT_CON1, CVT_CON2, CVT_CON3, CVT_CON4};
        if view.get(C::CVT_EN) == 0 {
            return Ok(None);
        }
        if precision == Precision::Fp16 {
            let modelled = "no converter (0) for fp16: no source says what it computes";
            return Err(not_modelled(C::INFO, "CVT_EN", 1, modelled));
        }
        let channel = |scale: u32, offset: u32, shift: u32| Channel {
            scale: scale as u16 as i16,
            offset: offset as u16 as i16,
            shift,
        };
        let channels = [
            channel(
                view.get(CVT_CON1::CVT_SCALE0),
                view.get(CVT_CON1::CVT_OFFSET0),
                view.get(C::CVT_TRUNCATE_0),
            ),
            channel(
                view.get(CVT_CON2::CVT_SCALE1),
                view.get(CVT_CON2::CVT_OFFSET1),
                view.get(C::CVT_TRUNCATE_1),
            ),
            channel(
                view.get(CVT_CON3::CVT_SCALE2),
                view.get(CVT_CON3::CVT_OFFSET2),
                view.get(C::CVT_TRUNCATE_2),
            ),
            channel(
                view.get(CVT_CON4::CVT_SCALE3),
                view.get(CVT_CON4::CVT_OFFSET3),
                view.get(C::CVT_TRUNCATE_3),
            ),
        ];
        Ok(Some(Self {
            channels,
            signed: view.get(C::DATA_SIGN) == 1,
            offset_first: view.get(C::CVT_TYPE) == 1,
            ties_up: view.get(C::ROUND_TYPE) == 1,
        }))
    }

    /// What each byte of channel `index` becomes.
    pub(crate) fn table(&self, index: usize) -> [u8; 256] {
        core::array::from_fn(|byte| self.convert(index, byte as u8) as u8)
    }

    fn convert(&self, index: usize, byte: u8) -> i8 {
        let Channel { scale, offset, shift } = self.channels[index];
        let x = if self.signed {
            i64::from(byte as i8)
        } else {
            i64::from(byte)
        };
        let (scale, offset) = (i64::from(scale), i64::from(offset));
        let value = if self.offset_first {
            self.shift((x + offset) * scale, shift)
        } else {
            self.shift(x * scale, shift) + offset
        };
        value.clamp(i64::from(i8::MIN), i64::from(i8::MAX)) as i8
    }

    /// To nearest; ties to even or up.
    fn shift(&self, value: i64, shift: u32) -> i64 {
        if shift == 0 {
            return value;
        }
        let floor = value >> shift;
        let (rest, half) = (value - (floor << shift), 1i64 << (shift - 1));
        let up = rest > half || rest == half && (self.ties_up || floor & 1 == 1);
        floor + i64::from(up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converter(scale: i16, offset: i16, shift: u32) -> Converter {
        Converter {
            channels: [Channel { scale, offset, shift }; 4],
            signed: false,
            offset_first: false,
            ties_up: false,
        }
    }

    #[test]
    fn the_vendors_first_layer_setting_turns_uint8_into_int8() {
        let table = converter(1 << 14, -128, 14).table(0);
        assert!((0..256).all(|byte| i32::from(table[byte] as i8) == byte as i32 - 128));
    }

    #[test]
    fn ties_go_to_even_or_up_and_results_saturate() {
        let even = converter(1, 0, 1);
        assert_eq!([1, 3, 5].map(|byte| even.convert(0, byte)), [0, 2, 2]);
        let up = Converter { ties_up: true, ..even };
        assert_eq!([1, 3, 5].map(|byte| up.convert(0, byte)), [1, 2, 3]);
        assert_eq!(converter(4, 0, 0).convert(0, 200), 127);
        let below = Converter {
            signed: true,
            ..converter(4, 0, 0)
        };
        assert_eq!(below.convert(0, 200), -128);
    }

    #[test]
    fn the_offset_comes_before_or_after_scale_and_shift() {
        let after = converter(3, -10, 1);
        assert_eq!(after.convert(0, 20), 20);
        let before = Converter {
            offset_first: true,
            ..after
        };
        assert_eq!(before.convert(0, 20), 15);
    }
}
