//! Vector products: brings A into padded rows once, then walks B tile by tile.
use crate::isa::Isa;
use crate::run::{Cancelled, Run};
pub(super) fn native(_isa: Isa, _a: &[u8], _b: &[u8], _m: usize, _k: usize, _c: &mut [i32]) -> bool {
    false
}
pub(super) fn rows(
    _isa: Isa,
    _a: &[i8],
    _b: &[i8],
    _m: usize,
    _k: usize,
    _c: &mut [i32],
    _run: &Run,
) -> Result<bool, Cancelled> {
    Ok(false)
}
