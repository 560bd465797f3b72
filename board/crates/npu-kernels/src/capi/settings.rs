//! Version, instruction set.

use core::ffi::{CStr, c_char};

use super::{Code, guard};
use crate::isa::{self, Isa};

/// Version of the kernels, NUL-terminated, static.
#[unsafe(no_mangle)]
pub extern "C" fn npuk_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Name of the active instruction set, NUL-terminated, static.
#[unsafe(no_mangle)]
pub extern "C" fn npuk_isa() -> *const c_char {
    let name: &CStr = match isa::active() {
        Isa::Scalar => c"scalar",
        Isa::Avx2 => c"avx2",
        Isa::Avx512Vnni => c"avx512vnni",
        Isa::Neon => c"neon",
        Isa::NeonDot => c"neondot",
    };
    name.as_ptr()
}

/// Forces an instruction set by name, or the detected one with null. Process-wide.
///
/// # Safety
/// `name` is null or NUL-terminated.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn npuk_force_isa(name: *const c_char) -> i32 {
    guard(|| {
        let isa = if name.is_null() {
            None
        } else {
            // SAFETY: NUL-terminated, promised by the caller.
            let name = unsafe { CStr::from_ptr(name) }.to_str().map_err(|_| Code::Argument)?;
            Some(Isa::from_name(name).ok_or(Code::Argument)?)
        };
        if isa::force(isa) {
            Ok(())
        } else {
            Err(Code::Unavailable)
        }
    })
}
