//! What the RK3568 NPU computes, as plain loops over plain tensors.
//!
//! Written from the hardware sheet alone (`npu-rk3568.md` §2.6, §2.7, §4 and the rules of §12, which decide). Refuses to
//! know registers, tasks, banks, tiles and the simulator: sharing a line with the data path under test would share its
//! mistakes. Speed is not wanted; being readable beside the sheet is.
#![forbid(unsafe_code)]

mod convolution;
mod element;
mod float_post;
mod lookup;
mod pooling;
mod post;
mod product;
mod rounding;
mod tensor;

pub mod float;
pub mod half;
pub mod native;

pub use convolution::{Geometry, convolve, depthwise, window_sums};
pub use element::{Element, Joining, Second};
pub use float_post::{
    FloatJoining, FloatOperand, FloatPost, FloatRectifier, FloatStage, float_post_process, to_halves,
};
pub use lookup::{Lookup, Slope, Table};
pub use pooling::{Pool, Window, pool, pool_halves};
pub use post::{Algorithm, Converter, Multiplier, Operand, Post, Rectifier, Stage, post_process};
pub use product::multiply;
pub use rounding::{Ties, saturate_i8, saturate_i32, shift_right};
pub use tensor::{Kernels, Map, upsample};
