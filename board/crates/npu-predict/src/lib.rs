//! How long a network takes on the NPU.
//!
//! ```text
//!   NETWORK.json ─▶ network ─▶ tasks ◀─ conv, matmul ◀─ cut ─▶ npu-sim::timing ─▶ predict
//!                                                                    ▲
//!                              calibration (published times) ─▶ fit ─┘ (the values of the table)
//! ```
//!
//! Knows shapes, bytes and published times; no registers and no driver. Every time it gives is *modelled*.
#![forbid(unsafe_code)]

pub mod calibration;
mod conv;
mod cut;
pub mod fit;
mod matmul;
mod network;
mod network_file;
pub mod networks;
mod predict;
mod tasks;

pub use network::{Cube, Dtype, Layer, Network, NetworkError, Op, Window};
pub use predict::{Clocks, LayerTime, Plan, Prediction, Range};
