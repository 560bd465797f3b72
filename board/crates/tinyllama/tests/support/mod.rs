//! What the tests of this crate share: a plain device, a model builder and a forward pass in f64.
#![allow(dead_code, unused_imports, reason = "every test binary uses its own part")]

mod device;
mod files;
mod reference;
mod session;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;

pub use device::TestDevice;
pub use files::{Shape, Tensors, Weights, Writer, model_files, sentencepiece, small_tokenizer};
pub use reference::{Activations, forward};
pub use session::{PROMPT, TOKEN_OPERATORS, f32s, files, generate, open, step, step_to};
use tinyllama::{Model, ModelError, ModelFiles};

/// splitmix64: the tests' only source of chance.
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

/// Owned bytes of a model folder.
#[derive(Clone)]
pub struct Files {
    pub config_json: Vec<u8>,
    pub safetensors: Vec<u8>,
    pub tokenizer: Vec<u8>,
}

impl Files {
    pub fn load(&self, device: &mut TestDevice) -> Result<Model, ModelError> {
        Model::load(self.borrowed(), device, &mut |_, _| ControlFlow::Continue(()))
    }

    pub fn borrowed(&self) -> ModelFiles<'_> {
        ModelFiles {
            config_json: &self.config_json,
            safetensors: &self.safetensors,
            tokenizer: &self.tokenizer,
        }
    }
}

pub fn never() -> bool {
    false
}

/// A file of the shared test data; without it the test says its name on the terminal and ends.
pub fn shared(test: &str, name: &str) -> Option<Vec<u8>> {
    let folder = std::env::var_os("NPULAB_SHARED_DATA").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../../shared/data"),
        PathBuf::from,
    );
    let bytes = std::fs::read(folder.join(name)).ok();
    if bytes.is_none() {
        // Straight to the terminal: the test harness swallows what a passing test prints.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: {test} ({name} is not in {})",
            folder.display()
        );
    }
    bytes
}
