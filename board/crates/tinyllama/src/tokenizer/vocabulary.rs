//! Pieces and switches of a SentencePiece tokenizer.model. Knows its fields; refuses to know how text is cut.
//!
//! A switch that would change token ids in a way this crate does not compute is `unsupported`, never ignored.

use super::protobuf::{FieldValue, damaged, fields};
use crate::ModelError;

/// What a piece is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Unknown,
    Control,
    Byte(u8),
}

pub(super) struct Piece {
    /// With "▁" (U+2581) for a blank.
    pub text: String,
    /// The higher merges first.
    pub score: f32,
    pub kind: Kind,
}

pub(super) struct Vocabulary {
    pub pieces: Vec<Piece>,
    pub dummy_prefix: bool,
    pub byte_fallback: bool,
    pub unknown: u32,
    pub bos: Option<u32>,
    pub eos: Option<u32>,
}

/// More than any vocabulary; a cap on what a file can make us keep.
const MAX_PIECES: usize = 1 << 22;

pub(super) fn parse(file: &[u8]) -> Result<Vocabulary, ModelError> {
    let mut pieces = Vec::new();
    let (mut model_type, mut byte_fallback) = (1, false);
    let (mut unknown, mut bos, mut eos) = (0, 1, 2);
    let (mut dummy_prefix, mut remove_blanks, mut escape_blanks) = (true, true, true);
    for field in fields(file) {
        let field = field?;
        match (field.number, field.value) {
            (1, FieldValue::Bytes(message)) => {
                if pieces.len() == MAX_PIECES {
                    return Err(damaged("more than 4194304 pieces"));
                }
                pieces.push(piece(message)?);
            }
            (2, FieldValue::Bytes(message)) => {
                for field in fields(message) {
                    let field = field?;
                    match (field.number, field.value) {
                        (3, FieldValue::Varint(value)) => model_type = value,
                        (24, FieldValue::Varint(value)) if value != 0 => {
                            return Err(unsupported("blanks as suffixes"));
                        }
                        (35, FieldValue::Varint(value)) => byte_fallback = value != 0,
                        (40, FieldValue::Varint(value)) => unknown = value,
                        (41, FieldValue::Varint(value)) => bos = value,
                        (42, FieldValue::Varint(value)) => eos = value,
                        _ => {}
                    }
                }
            }
            (3, FieldValue::Bytes(message)) => {
                for field in fields(message) {
                    let field = field?;
                    match (field.number, field.value) {
                        (2, FieldValue::Bytes(map)) if !map.is_empty() => {
                            return Err(unsupported("a normalizer other than identity"));
                        }
                        (3, FieldValue::Varint(value)) => dummy_prefix = value != 0,
                        (4, FieldValue::Varint(value)) => remove_blanks = value != 0,
                        (5, FieldValue::Varint(value)) => escape_blanks = value != 0,
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    if model_type != 2 {
        return Err(unsupported(&format!("model type {model_type}; BPE (2) is needed")));
    }
    if remove_blanks || !escape_blanks {
        return Err(unsupported("white space that is removed or not escaped"));
    }
    let id_of = |id: u64, kind: Kind| match usize::try_from(id).ok().and_then(|at| pieces.get(at)) {
        Some(piece) if piece.kind == kind => Some(id as u32),
        _ => None,
    };
    let unknown = id_of(unknown, Kind::Unknown).ok_or_else(|| damaged("it names no unknown piece"))?;
    let (bos, eos) = (id_of(bos, Kind::Control), id_of(eos, Kind::Control));
    Ok(Vocabulary {
        dummy_prefix,
        byte_fallback,
        unknown,
        bos,
        eos,
        pieces,
    })
}

fn piece(message: &[u8]) -> Result<Piece, ModelError> {
    let (mut text, mut score, mut kind) = ("", 0f32, 1);
    for field in fields(message) {
        let field = field?;
        match (field.number, field.value) {
            (1, FieldValue::Bytes(bytes)) => {
                text = str::from_utf8(bytes).map_err(|_| damaged("a piece is not UTF-8"))?;
            }
            (2, FieldValue::Fixed32(bytes)) => score = f32::from_le_bytes(bytes),
            (3, FieldValue::Varint(value)) => kind = value,
            _ => {}
        }
    }
    if text.is_empty() {
        return Err(damaged("a piece is empty"));
    }
    if score.is_nan() {
        return Err(damaged(&format!("the score of piece {text:?} is no number")));
    }
    let kind = match kind {
        1 => Kind::Normal,
        2 => Kind::Unknown,
        3 => Kind::Control,
        6 => Kind::Byte(byte(text).ok_or_else(|| damaged(&format!("piece {text:?} is no byte")))?),
        4 => return Err(unsupported(&format!("user-defined piece {text:?}"))),
        5 => return Err(unsupported(&format!("unused piece {text:?}"))),
        other => return Err(damaged(&format!("piece type {other}"))),
    };
    // -0.0 becomes 0.0, so that equal scores compare equal.
    Ok(Piece {
        text: text.to_owned(),
        score: score + 0.0,
        kind,
    })
}

/// `<0x1F>` is 0x1F.
fn byte(text: &str) -> Option<u8> {
    let hex = text.strip_prefix("<0x")?.strip_suffix('>')?;
    let digits = hex.len() == 2 && hex.bytes().all(|c| c.is_ascii_digit() || (b'A'..=b'F').contains(&c));
    if digits { u8::from_str_radix(hex, 16).ok() } else { None }
}

fn unsupported(what: &str) -> ModelError {
    ModelError::Unsupported(format!("tokenizer.model: {what}"))
}
