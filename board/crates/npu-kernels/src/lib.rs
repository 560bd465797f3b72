//! Compute kernels of NPU Lab: what the simulator's MAC array, the board's CPU fall-back and the host addon run.
//!
//! Knows numbers in memory: shapes, layouts, instruction sets, threads. Refuses to know models, files, devices and JavaScript.
//!
//! Two promises carry the rest of the house:
//! - integer products are exact, so every instruction set gives the same `i32`;
//! - f32 results have **the same bytes on every instruction set and any number of threads**. Each output element is
//!   accumulated in one fixed order with fused multiply-add, and `exp`, `ln`, `sin`, `cos` are ours. This holds by
//!   construction: a kernel is one inlined Rust body compiled once per instruction set, vectorised only across
//!   independent elements (the compiler may not reorder float operations); only the matrix-product tile is written by
//!   hand per instruction set. (NaN stays NaN; which NaN is the processor's affair.)
//!
//! Shapes in this crate are preconditions, like slice indices: a wrong length panics and says which. Callers that take
//! lengths from a file or a peer check them first; the C ABI (`capi`) checks every one and returns a code.
//!
//! Without `std` the crate is the scalar integer core: no floating point, no allocation, no detection; that is what goes into an operating
//! system kernel.

#![cfg_attr(not(feature = "std"), no_std)]

pub mod int8;
pub mod isa;

#[cfg(feature = "float")]
pub mod convert;
#[cfg(feature = "std")]
mod crew;
mod dispatch;
#[cfg(feature = "float")]
pub mod gemm;
#[cfg(feature = "float")]
pub mod gptq;
#[cfg(feature = "float")]
pub mod loss;
#[cfg(feature = "float")]
pub mod math;
#[cfg(feature = "float")]
pub mod nn;
#[cfg(feature = "float")]
pub mod quantize;
#[cfg(feature = "std")]
pub mod run;

#[cfg(feature = "capi")]
pub mod capi;

/// Version of this crate.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
