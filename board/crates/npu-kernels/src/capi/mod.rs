//! The C ABI: `npuk_*`, declared in `include/npu_kernels.h`. Knows pointers and codes; refuses to trust either.
//!
//! Every array comes with its length in elements, every length is compared with the shape, outputs may not overlap
//! inputs (element-wise operators accept `out` equal to an input), and no panic leaves a function. Work is split over
//! threads here, by rows.

mod formats;
mod losses;
mod operators;
mod products;
mod settings;

pub use formats::*;
pub use losses::*;
pub use operators::*;
pub use products::*;
pub use settings::*;

use core::panic::AssertUnwindSafe;
use core::sync::atomic::AtomicU32;

use crate::run::{Cancelled, Run};

/// Elements an element-wise operator takes per "row".
const STRIP: usize = 4096;

/// Cost of an exponential next to a multiply-add.
const EXP_COST: usize = 8;

/// What a function answers; 0 is success.
#[repr(i32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Done.
    Ok = 0,
    /// A pointer is null or misaligned.
    Pointer = 1,
    /// A length does not fit the shape.
    Length = 2,
    /// An output overlaps an input.
    Overlap = 3,
    /// A setting is out of its range.
    Argument = 4,
    /// The flag was raised; outputs are unspecified.
    Cancelled = 5,
    /// The Hessian stayed indefinite with raised damping.
    NotPositiveDefinite = 6,
    /// This processor or build lacks the instruction set.
    Unavailable = 7,
    /// A bug in the kernels: a panic was caught.
    Internal = 8,
}

impl From<Cancelled> for Code {
    fn from(_: Cancelled) -> Self {
        Code::Cancelled
    }
}

/// How a call runs; a null pointer means one thread and no flag.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct NpukRun {
    /// Most threads to use; 0 counts as 1.
    pub threads: u32,
    /// Polled between blocks; the call returns 5 soon after it becomes non-zero. May be null.
    pub cancel: *const u32,
}

/// # Safety
/// `run` is null or points to a valid [`NpukRun`] whose flag lives as long as `'a`.
unsafe fn run<'a>(run: *const NpukRun) -> Run<'a> {
    // SAFETY: promised by the caller.
    let Some(run) = (unsafe { run.as_ref() }) else {
        return Run::threads(1);
    };
    if run.cancel.is_null() {
        return Run::threads(run.threads as usize);
    }
    // SAFETY: the flag is a live, aligned u32 that others change only atomically.
    Run::cancellable(run.threads as usize, unsafe {
        AtomicU32::from_ptr(run.cancel.cast_mut())
    })
}

/// Runs `body`, turning its error or its panic into a code.
fn guard(body: impl FnOnce() -> Result<(), Code>) -> i32 {
    match std::panic::catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(())) => Code::Ok as i32,
        Ok(Err(code)) => code as i32,
        Err(_) => Code::Internal as i32,
    }
}

/// Product of dimensions, or [`Code::Length`].
fn count(dimensions: &[usize]) -> Result<usize, Code> {
    dimensions
        .iter()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .ok_or(Code::Length)
}

fn check_pointer<T>(data: *const T, len: usize, want: usize) -> Result<(), Code> {
    if len != want
        || len
            .checked_mul(size_of::<T>())
            .is_none_or(|bytes| bytes > isize::MAX as usize)
    {
        return Err(Code::Length);
    }
    if len > 0 && (data.is_null() || !data.is_aligned()) {
        return Err(Code::Pointer);
    }
    Ok(())
}

/// An input of exactly `want` elements.
///
/// # Safety
/// `data` holds `len` readable elements for `'a`.
unsafe fn input<'a, T>(data: *const T, len: usize, want: usize) -> Result<&'a [T], Code> {
    check_pointer(data, len, want)?;
    if len == 0 {
        return Ok(&[]);
    }
    // SAFETY: promised by the caller; not null.
    Ok(unsafe { core::slice::from_raw_parts(data, len) })
}

/// An output of exactly `want` elements.
///
/// # Safety
/// `data` holds `len` writable elements for `'a` that no other reference covers.
unsafe fn output<'a, T>(data: *mut T, len: usize, want: usize) -> Result<&'a mut [T], Code> {
    check_pointer(data, len, want)?;
    if len == 0 {
        return Ok(&mut []);
    }
    // SAFETY: promised by the caller; not null.
    Ok(unsafe { core::slice::from_raw_parts_mut(data, len) })
}

/// Bytes of an array, as addresses.
#[derive(Clone, Copy)]
struct Span(usize, usize);

impl Span {
    fn of<T>(data: *const T, len: usize) -> Span {
        Span(
            data.addr(),
            data.addr().saturating_add(len.saturating_mul(size_of::<T>())),
        )
    }

    fn overlaps(self, other: Span) -> bool {
        self.0 < other.1 && other.0 < self.1
    }
}

/// [`Code::Overlap`] when any output overlaps another output or any input.
fn disjoint(outputs: &[Span], inputs: &[Span]) -> Result<(), Code> {
    for (i, output) in outputs.iter().enumerate() {
        if outputs[i + 1..]
            .iter()
            .chain(inputs)
            .any(|other| output.overlaps(*other))
        {
            return Err(Code::Overlap);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
