//! x
use crate::ModelError;
/// SentencePiece BPE with byte fallback.
pub struct Tokenizer {}
impl Tokenizer {
    /// Reads tokenizer.model.
    pub fn from_sentencepiece(_bytes: &[u8]) -> Result<Self, ModelError> {
        todo!()
    }
    /// Text to ids.
    pub fn encode(&self, _text: &str, _bos: bool) -> Vec<u32> {
        todo!()
    }
    /// Ids to text.
    pub fn decode(&self, _ids: &[u32]) -> String {
        todo!()
    }
    /// Number of pieces.
    pub fn len(&self) -> usize {
        todo!()
    }
    /// Never true.
    pub fn is_empty(&self) -> bool {
        false
    }
    /// Start of text.
    pub fn bos(&self) -> Option<u32> {
        todo!()
    }
    /// End of text.
    pub fn eos(&self) -> Option<u32> {
        todo!()
    }
}
/// Decodes token by token, holding bytes of an unfinished character.
#[derive(Clone, Debug, Default)]
pub struct StreamDecoder {}
impl StreamDecoder {
    /// A decoder at the start of a text (drops the dummy space) or in the middle of one.
    pub fn new(_at_start: bool) -> Self {
        todo!()
    }
    /// Text that `id` completes.
    pub fn push(&mut self, _tokenizer: &Tokenizer, _id: u32) -> String {
        todo!()
    }
    /// What is left, as U+FFFD.
    pub fn finish(&mut self) -> String {
        todo!()
    }
}
