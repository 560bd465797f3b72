//! Text ↔ token ids: SentencePiece BPE with byte fallback, the algorithm of the TypeScript twin in quant/.
//!
//! Knows blanks ("▁"), bytes and special ids; refuses to know models. Special pieces are never made from text: `<s>` in
//! a text is three characters. Surprising: an empty text has no token, not even the dummy blank.

mod bpe;
mod protobuf;
mod stream;
mod vocabulary;

use std::collections::HashMap;
use std::fmt;

pub use stream::StreamDecoder;
use vocabulary::{Kind, Vocabulary};

use crate::ModelError;

/// A SentencePiece BPE vocabulary. Immutable.
pub struct Tokenizer {
    vocabulary: Vocabulary,
    /// Normal pieces by text.
    ids: HashMap<String, u32>,
    /// Ids of the 256 byte pieces; empty without byte fallback.
    bytes: Vec<u32>,
}

impl fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokenizer({} pieces)", self.len())
    }
}

impl Tokenizer {
    /// Reads a SentencePiece tokenizer.model.
    ///
    /// # Errors
    /// `corrupt` where the file is damaged, `unsupported` where it is no BPE with identity normalization.
    pub fn from_sentencepiece(file: &[u8]) -> Result<Self, ModelError> {
        let vocabulary = vocabulary::parse(file)?;
        let mut ids = HashMap::with_capacity(vocabulary.pieces.len());
        let mut by_byte: Vec<Option<u32>> = vec![None; 256];
        for (id, piece) in vocabulary.pieces.iter().enumerate() {
            match piece.kind {
                Kind::Normal => {
                    ids.entry(piece.text.clone()).or_insert(id as u32);
                }
                Kind::Byte(byte) => by_byte[usize::from(byte)] = Some(id as u32),
                Kind::Unknown | Kind::Control => {}
            }
        }
        let bytes: Vec<u32> = by_byte.into_iter().flatten().collect();
        if vocabulary.byte_fallback && bytes.len() != 256 {
            return Err(protobuf::damaged(&format!(
                "byte fallback with {} of 256 byte pieces",
                bytes.len()
            )));
        }
        Ok(Self {
            bytes: if vocabulary.byte_fallback { bytes } else { Vec::new() },
            ids,
            vocabulary,
        })
    }

    /// Ids of a text, `bos` first where asked for (and where the vocabulary has one).
    pub fn encode(&self, text: &str, bos: bool) -> Vec<u32> {
        let mut ids: Vec<u32> = self.bos().filter(|_| bos).into_iter().collect();
        if text.is_empty() {
            return ids;
        }
        let prefix = if self.dummy_prefix() { "▁" } else { "" };
        let escaped = format!("{prefix}{}", text.replace(' ', "▁"));
        let score = |piece: &str| self.ids.get(piece).map(|&id| self.vocabulary.pieces[id as usize].score);
        let mut after_unknown = false;
        for symbol in bpe::merge(&escaped, &score) {
            let known = self.ids.get(symbol);
            match known {
                Some(&id) => ids.push(id),
                None if !self.bytes.is_empty() => ids.extend(symbol.bytes().map(|byte| self.bytes[usize::from(byte)])),
                // A run of unknown characters is one unknown token, as SentencePiece has it.
                None if !after_unknown => ids.push(self.vocabulary.unknown),
                None => {}
            }
            after_unknown = known.is_none() && self.bytes.is_empty();
        }
        ids
    }

    /// Text of ids, without the blank that encoding put first. Broken UTF-8 becomes U+FFFD, control tokens nothing.
    pub fn decode(&self, ids: &[u32]) -> String {
        let mut stream = StreamDecoder::new(true);
        let mut text: String = ids.iter().map(|&id| stream.push(self, id)).collect();
        text.push_str(&stream.finish());
        text
    }

    /// Number of pieces.
    pub fn len(&self) -> usize {
        self.vocabulary.pieces.len()
    }

    /// True for a vocabulary without pieces, which no file makes: it names an unknown piece.
    pub fn is_empty(&self) -> bool {
        self.vocabulary.pieces.is_empty()
    }

    /// The token that begins a text.
    pub fn bos(&self) -> Option<u32> {
        self.vocabulary.bos
    }

    /// The token that ends a text.
    pub fn eos(&self) -> Option<u32> {
        self.vocabulary.eos
    }

    /// The piece of an id as the vocabulary writes it.
    pub fn piece(&self, id: u32) -> Option<&str> {
        self.vocabulary.pieces.get(id as usize).map(|piece| piece.text.as_str())
    }

    fn dummy_prefix(&self) -> bool {
        self.vocabulary.dummy_prefix
    }

    /// Appends the bytes an id stands for.
    fn append_bytes(&self, id: u32, into: &mut Vec<u8>) {
        let Some(piece) = self.vocabulary.pieces.get(id as usize) else {
            return;
        };
        match piece.kind {
            Kind::Normal => into.extend_from_slice(piece.text.replace('▁', " ").as_bytes()),
            Kind::Byte(byte) => into.push(byte),
            Kind::Unknown => into.extend_from_slice(" \u{2047} ".as_bytes()),
            Kind::Control => {}
        }
    }
}
