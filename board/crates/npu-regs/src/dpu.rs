//! Post-processing pipeline and output writer.
//!
//! Knows positions and meanings; refuses to know which combinations make a legal program.

mod lut;
mod pipeline;

pub use lut::*;
pub use pipeline::*;

use crate::RegisterInfo;

const COUNT: usize = pipeline::REGISTERS.len() + lut::REGISTERS.len();

/// Every register of the block, by rising offset.
pub static REGISTERS: &[&RegisterInfo] = &{
    let mut all = [pipeline::REGISTERS[0]; COUNT];
    let mut at = 0;
    while at < COUNT {
        all[at] = match at.checked_sub(pipeline::REGISTERS.len()) {
            None => pipeline::REGISTERS[at],
            Some(at) => lut::REGISTERS[at],
        };
        at += 1;
    }
    all
};
