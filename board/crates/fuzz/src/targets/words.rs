//! Command words and their text (`npu-regs`): every 64-bit number is a word, every text a listing.

use npu_regs::{Command, assemble, disassemble};

use crate::Target;

/// Input: words, or text.
pub const TARGET: Target = Target {
    name: "words",
    word_bytes: 8,
    max_bytes: 8192,
    run,
};

fn run(input: &[u8]) {
    for bytes in input.as_chunks::<8>().0 {
        let word = u64::from_le_bytes(*bytes);
        let line = disassemble(word);
        assert_eq!(assemble(&line), Ok(word), "{line}");
        if let Ok(command) = Command::decode(word) {
            assert_eq!(command.encode(), word, "{line}");
        }
    }
    for line in String::from_utf8_lossy(input).lines() {
        if let Ok(word) = assemble(line) {
            assert_eq!(assemble(&disassemble(word)), Ok(word), "{line}");
        }
    }
}
