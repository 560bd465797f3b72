//! Metas as types, one family a file, in the order of `link.cddl`. The doc comment of a field is the line there.

pub mod blob;
pub mod call;
pub mod hello;
pub mod infer;
pub mod lease;
pub mod mem;
pub mod model;
pub mod npu;
pub mod stream;
pub mod sys;
pub mod task;
