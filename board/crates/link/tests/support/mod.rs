//! The messages behind `board/link/vectors/v1.json`, one family a file, and how the file writes them.

mod blob;
mod build;
mod infer;
mod link_cases;
mod mem;
mod model;
mod notation;
mod npu;
mod session;
mod sys;
mod task;

use link::ErrorCode;
use link::cbor::{Encoded, Float, Nothing, Nullable, to_vec};
use link::frame::{Flags, Frame, FrameType, Head};
use link::message::blob::*;
use link::message::call::*;
use link::message::hello::*;
use link::message::infer::*;
use link::message::lease::*;
use link::message::mem::*;
use link::message::model::*;
use link::message::stream::*;
use link::message::sys::*;
use link::message::task::*;
use link::trace::TraceRecord;

pub use build::Case;
use build::{call, digest, frame, handle, item, reply};
pub use notation::{as_json, unhex};

pub fn cases() -> Vec<Case> {
    [
        session::cases(),
        sys::cases(),
        mem::cases(),
        task::cases(),
        blob::cases(),
        model::cases(),
        infer::cases(),
        link_cases::cases(),
        npu::cases(),
    ]
    .concat()
}
