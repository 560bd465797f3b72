//! What is fuzzed. One file per target: what an input means, and what must hold whatever it says.

pub mod files;
pub mod frames;
pub mod ioctls;
pub mod lines;
pub mod registers;
pub mod streams;
pub mod words;

mod bench;
