//! Ids to text, one id at a time, for tokens that split a character's bytes.
//!
//! The bytes of all ids form one UTF-8 stream: a character appears with its last byte, and what can never become one
//! appears as U+FFFD per maximal broken part (as the WHATWG decoder does, which the TypeScript twin uses).

use super::Tokenizer;

/// Decodes token by token, holding the bytes of an unfinished character.
#[derive(Clone, Debug, Default)]
pub struct StreamDecoder {
    /// At most three bytes, the beginning of a character.
    held: Vec<u8>,
    drop_blank: bool,
}

impl StreamDecoder {
    /// A decoder at the start of a text (it drops the blank that encoding put first) or in the middle of one.
    pub fn new(at_start: bool) -> Self {
        Self {
            held: Vec::new(),
            drop_blank: at_start,
        }
    }

    /// Text that `id` completes. Control tokens and ids outside the vocabulary give nothing.
    pub fn push(&mut self, tokenizer: &Tokenizer, id: u32) -> String {
        tokenizer.append_bytes(id, &mut self.held);
        let mut text = String::new();
        let mut rest = self.held.as_slice();
        loop {
            match str::from_utf8(rest) {
                Ok(valid) => {
                    text.push_str(valid);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    let (valid, after) = rest.split_at(error.valid_up_to());
                    text.push_str(&String::from_utf8_lossy(valid));
                    rest = after;
                    let Some(broken) = error.error_len() else { break };
                    text.push(char::REPLACEMENT_CHARACTER);
                    rest = &rest[broken..];
                }
            }
        }
        self.held = rest.to_vec();
        self.trim(text, tokenizer)
    }

    /// Ends the text: an unfinished character becomes U+FFFD.
    pub fn finish(&mut self) -> String {
        let text = if self.held.is_empty() {
            String::new()
        } else {
            char::REPLACEMENT_CHARACTER.into()
        };
        self.held.clear();
        text
    }

    fn trim(&mut self, text: String, tokenizer: &Tokenizer) -> String {
        if text.is_empty() || !std::mem::take(&mut self.drop_blank) || !tokenizer.dummy_prefix() {
            return text;
        }
        text.strip_prefix(' ').map_or_else(|| text.clone(), String::from)
    }
}
