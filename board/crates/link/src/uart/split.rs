//! Bytes of a serial line → segments between zeros, and what stands in them: a PDU, text, or damage.
//!
//! Memory is bounded by one segment. Surprising: a console may talk into the line at any moment. Printable text is handed
//! on, a terminal's cursor report is dropped, all else counts as damage.

use alloc::string::String;
use alloc::vec::Vec;

use super::pdu::{MAX_SEGMENT_BYTES, Unmasked};

/// What stood between two zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    /// It has the form of a PDU.
    Pdu(Unmasked, Vec<u8>),
    /// Text that something else wrote.
    Text(String),
    /// Neither.
    Damaged,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Overlong {
    #[default]
    No,
    /// Longer than every PDU, and text so far.
    Text,
    /// To be thrown away up to the next zero.
    Junk,
}

/// Cuts a byte stream into segments.
#[derive(Debug, Default)]
pub struct Splitter {
    segment: Vec<u8>,
    overlong: Overlong,
}

impl Splitter {
    /// Takes bytes from the front of `input` until a segment is over or the input is used up.
    pub fn feed(&mut self, input: &mut &[u8]) -> Option<Segment> {
        while let Some(&byte) = input.first() {
            if byte == 0 {
                *input = &input[1..];
                if let Some(segment) = self.end() {
                    return Some(segment);
                }
                continue;
            }
            let room = MAX_SEGMENT_BYTES - self.segment.len();
            if room == 0 {
                if let Some(segment) = self.overflow() {
                    return Some(segment);
                }
                continue;
            }
            let run = input
                .iter()
                .take(room)
                .position(|&b| b == 0)
                .unwrap_or(room.min(input.len()));
            self.segment.extend_from_slice(&input[..run]);
            *input = &input[run..];
        }
        None
    }

    fn overflow(&mut self) -> Option<Segment> {
        let text = text_of(&self.segment);
        self.segment.clear();
        if self.overlong == Overlong::Junk {
            return None;
        }
        self.overlong = if text.is_some() { Overlong::Text } else { Overlong::Junk };
        told(text)
    }

    fn end(&mut self) -> Option<Segment> {
        let bytes = core::mem::take(&mut self.segment);
        let overlong = core::mem::take(&mut self.overlong);
        if bytes.is_empty() || overlong == Overlong::Junk {
            return None;
        }
        if overlong == Overlong::No
            && let Some(pdu) = Unmasked::decode(&bytes)
        {
            return Some(Segment::Pdu(pdu, bytes));
        }
        told(text_of(&bytes))
    }
}

/// What a segment that was no PDU (or one of nobody's) is.
pub fn told(text: Option<String>) -> Option<Segment> {
    match text {
        None => Some(Segment::Damaged),
        Some(text) if text.is_empty() => None,
        Some(text) => Some(Segment::Text(text)),
    }
}

/// Printable UTF-8 without cursor reports (`ESC [ row ; column R`); `None` where it is none. Colours may stay.
pub fn text_of(bytes: &[u8]) -> Option<String> {
    let text = core::str::from_utf8(bytes).ok()?;
    let printable = |c: char| !c.is_ascii_control() || matches!(c, '\t' | '\n' | '\r' | '\x1b');
    if !text.chars().all(printable) {
        return None;
    }
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\x1b[") {
        let (before, report) = rest.split_at(at);
        kept.push_str(before);
        let length = cursor_report_bytes(report);
        kept.push_str(if length == 0 { &report[..2] } else { "" });
        rest = &report[length.max(2)..];
    }
    kept.push_str(rest);
    Some(kept)
}

/// Length of the cursor report that `text` begins with, else 0.
fn cursor_report_bytes(text: &str) -> usize {
    let digits = |from: usize| {
        text.as_bytes()
            .iter()
            .skip(from)
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    let row = digits(2);
    let column_at = 2 + row + 1;
    let column = digits(column_at);
    let marks = |at: usize, mark: u8| text.as_bytes().get(at) == Some(&mark);
    if row > 0 && column > 0 && marks(2 + row, b';') && marks(column_at + column, b'R') {
        column_at + column + 1
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(mut input: &[u8]) -> Vec<Segment> {
        let (mut splitter, mut out) = (Splitter::default(), Vec::new());
        while let Some(segment) = splitter.feed(&mut input) {
            out.push(segment);
        }
        out
    }

    #[test]
    fn text_between_zeros_is_told_and_a_cursor_report_is_not() {
        let expected = [Segment::Text("[ 1.2] npu: up\r\n".into()), Segment::Text("ab".into())];
        assert_eq!(all(b"\0[ 1.2] npu: up\r\n\0\0\x1b[1;1R\0a\x1b[24;80Rb\0"), expected);
        assert_eq!(all(b"\x1b[1;R\0"), [Segment::Text("\x1b[1;R".into())]);
    }

    #[test]
    fn what_is_neither_text_nor_a_pdu_is_damage() {
        assert_eq!(all(b"\x01\x02\0"), [Segment::Damaged]);
        assert_eq!(all(b"\xff\xfe\0"), [Segment::Damaged]);
    }

    #[test]
    fn a_segment_without_end_takes_no_memory_without_end() {
        let long = [b'x'; 5000];
        let told: usize = all(&[&long[..], b"\0"].concat())
            .iter()
            .map(|segment| match segment {
                Segment::Text(text) => text.len(),
                other => panic!("{other:?}"),
            })
            .sum();
        assert_eq!(told, 5000);
        assert_eq!(
            all(&[&[1u8; 5000][..], b"\0ok\0"].concat()),
            [Segment::Damaged, Segment::Text("ok".into())]
        );
    }
}
