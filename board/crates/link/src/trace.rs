//! Trace records: what one operator cost, 72 bytes each, little-endian. The table stands in `link.cddl`.

use alloc::vec::Vec;

/// Bytes of one record.
pub const TRACE_RECORD_BYTES: usize = 72;

/// What one operator cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceRecord {
    /// Index into `model.operators`.
    pub operator: u32,
    /// Position of the first row.
    pub position: u32,
    /// Rows worked on.
    pub rows: u32,
    /// 0 CPU, 1 NPU.
    pub runs_on: u32,
    /// Board ticks at the start.
    pub start_ticks: u64,
    /// Board ticks at the end.
    pub end_ticks: u64,
    /// Modelled nanoseconds; `None` where nothing models them.
    pub modelled_ns: Option<u64>,
    /// Modelled cycles.
    pub cycles: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Multiply-accumulates.
    pub macs: u64,
}

impl TraceRecord {
    /// Appends the record's 72 bytes.
    pub fn encode_to(&self, out: &mut Vec<u8>) {
        for word in [self.operator, self.position, self.rows, self.runs_on] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        let modelled = self.modelled_ns.unwrap_or(u64::MAX);
        for long in [
            self.start_ticks,
            self.end_ticks,
            modelled,
            self.cycles,
            self.bytes_read,
            self.bytes_written,
            self.macs,
        ] {
            out.extend_from_slice(&long.to_le_bytes());
        }
    }

    /// Reads records; `None` where the bytes are no whole number of them.
    pub fn decode_all(bytes: &[u8]) -> Option<Vec<Self>> {
        if !bytes.len().is_multiple_of(TRACE_RECORD_BYTES) {
            return None;
        }
        Some(bytes.chunks_exact(TRACE_RECORD_BYTES).map(Self::decode).collect())
    }

    fn decode(bytes: &[u8]) -> Self {
        let word = |at: usize| bytes[at..at + 4].iter().rev().fold(0u32, |v, &b| v << 8 | u32::from(b));
        let long = |at: usize| bytes[at..at + 8].iter().rev().fold(0u64, |v, &b| v << 8 | u64::from(b));
        Self {
            operator: word(0),
            position: word(4),
            rows: word(8),
            runs_on: word(12),
            start_ticks: long(16),
            end_ticks: long(24),
            modelled_ns: Some(long(32)).filter(|&ns| ns != u64::MAX),
            cycles: long(40),
            bytes_read: long(48),
            bytes_written: long(56),
            macs: long(64),
        }
    }
}
