//! The one place where multiply-accumulates happen: the kernel that board and host share, on native layouts.

pub(crate) use npu_kernels::int8::matmul_native;
