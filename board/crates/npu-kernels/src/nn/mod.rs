//! The float operators of a Llama block, one file per idea. Knows shapes and formulas; refuses to know weights and caches.
//!
//! All of them treat rows independently, so callers may split rows between threads without changing a byte.

mod activation;
mod attention;
mod norm;
mod rope;

pub use activation::{add, silu_mul, softmax_rows};
pub use attention::attention;
pub use norm::rms_norm;
pub use rope::rope;

#[cfg(test)]
mod tests;
