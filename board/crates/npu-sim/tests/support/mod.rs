//! A second generator of command streams, and what property tests need around it.
//!
//! Writes words from the hardware sheet (§2, §3.2, §4, §11, appendix B) through the register map alone. Shares nothing
//! with the driver's builder: a stream both would get wrong in the same way would prove nothing.
#![allow(dead_code)]

pub mod bands;
pub mod case;
pub mod conv;
pub mod element;
pub mod faults;
pub mod float;
pub mod kinds;
pub mod machine;
pub mod pooling;
pub mod post;
pub mod program;
pub mod random;
pub mod rows;
pub mod stages;
pub mod style;
pub mod transpose;
