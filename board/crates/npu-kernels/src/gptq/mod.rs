//! GPTQ: the factor of the inverse Hessian, and column-by-column rounding with error feedback.
//!
//! Knows the algorithm (quant.md §1, §7) on plain matrices; refuses to know layers, calibration and files.

mod cholesky;
mod rounding;

pub use cholesky::{Factor, cholesky_inverse_upper, cholesky_inverse_upper_with};
pub use rounding::{Rounding, quantize_block, quantize_block_with};

use crate::run::Cancelled;

/// Why a factor could not be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GptqError {
    /// The Hessian stayed indefinite after three raises of the damping; it is not a Gram matrix, or holds NaN.
    NotPositiveDefinite,
    /// The flag of the call was raised.
    Cancelled,
}

impl From<Cancelled> for GptqError {
    fn from(_: Cancelled) -> Self {
        GptqError::Cancelled
    }
}

impl core::fmt::Display for GptqError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            GptqError::NotPositiveDefinite => "the Hessian is not positive definite even with raised damping",
            GptqError::Cancelled => "the computation was cancelled",
        })
    }
}

impl core::error::Error for GptqError {}

#[cfg(test)]
mod tests;
