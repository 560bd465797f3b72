//! What one operator cost, and its 72 bytes on the wire (board/link/link.cddl, "trace records").
//!
//! | | NPU operator (matrix product) | CPU operator |
//! |---|---|---|
//! | ticks | device clock of its part of the job; parts of a fused job split it in proportion to their cost | clock before and after |
//! | modelled ns, cycles | from the device's model | none, 0 |
//! | bytes | the device's traffic counters | operands and results, each counted once |
//! | MACs | from the device's report | multiply-accumulates of reductions (norm, rope, attention); element-wise work is 0 |
//!
//! The host's share of an NPU operator (copying A in and C out, scaling int32 to f32) is in no column.
//! A job costs more than its operations together; this overhead is added to the job's first record, so that the
//! records of a job sum to the job's modelled time exactly. `job_overhead_ns` says how much that was.

use crate::RunsOn;

/// Bytes of one encoded record.
pub const TRACE_RECORD_BYTES: usize = 72;

/// One executed operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceRecord {
    /// Index into `Model::operators`.
    pub operator: u32,
    /// Position of the first row.
    pub position: u32,
    /// Rows computed (1 in decode; `norm` and later run on the last row alone).
    pub rows: u32,
    /// Where it ran.
    pub runs_on: RunsOn,
    /// Device clock at its start, in ticks of the accelerator.
    pub start_ticks: u64,
    /// Device clock at its end.
    pub end_ticks: u64,
    /// Modelled nanoseconds; `None` where no model covers the operator.
    pub modelled_ns: Option<u64>,
    /// Modelled cycles of the MAC array; 0 where there are none.
    pub cycles: u64,
    /// Bytes read.
    pub bytes_read: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// Multiply-accumulates.
    pub macs: u64,
    /// Part of `modelled_ns` that is the overhead of the job this operator opened. Not on the wire.
    pub job_overhead_ns: u64,
}

impl TraceRecord {
    /// The record as link.cddl lays it out.
    pub fn encode(&self) -> [u8; TRACE_RECORD_BYTES] {
        let mut bytes = [0u8; TRACE_RECORD_BYTES];
        let runs_on = match self.runs_on {
            RunsOn::Cpu => 0,
            RunsOn::Npu => 1,
        };
        for (index, word) in [self.operator, self.position, self.rows, runs_on]
            .into_iter()
            .enumerate()
        {
            bytes[index * 4..][..4].copy_from_slice(&word.to_le_bytes());
        }
        let long = [
            self.start_ticks,
            self.end_ticks,
            self.modelled_ns.unwrap_or(u64::MAX),
            self.cycles,
            self.bytes_read,
            self.bytes_written,
            self.macs,
        ];
        for (index, word) in long.into_iter().enumerate() {
            bytes[16 + index * 8..][..8].copy_from_slice(&word.to_le_bytes());
        }
        bytes
    }
}

/// Records one after the other: the body of `infer.step`.
pub fn encode_records(records: &[TraceRecord]) -> Vec<u8> {
    records.iter().flat_map(TraceRecord::encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_seventy_two_little_endian_bytes_and_null_is_all_ones() {
        let record = TraceRecord {
            operator: 0x0102_0304,
            position: 5,
            rows: 6,
            runs_on: RunsOn::Npu,
            start_ticks: 7,
            end_ticks: 8,
            modelled_ns: None,
            cycles: 9,
            bytes_read: 10,
            bytes_written: 11,
            macs: 12,
            job_overhead_ns: 13,
        };
        let bytes = encode_records(&[record, record]);
        assert_eq!(bytes.len(), 144);
        assert_eq!(bytes[..8], [4, 3, 2, 1, 5, 0, 0, 0]);
        assert_eq!(bytes[8..16], [6, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(bytes[32..40], [255; 8]);
        let long: Vec<u64> = [16, 24, 40, 48, 56, 64].map(|at| u64::from(bytes[at])).to_vec();
        assert_eq!(long, [7, 8, 9, 10, 11, 12]);
        assert_eq!(bytes[..72], bytes[72..]);
    }
}
