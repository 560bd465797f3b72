//! sys.info, sys.devices.

use alloc::string::String;
use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use crate::cbor::Nullable;

/// board-info.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct BoardInfo {
    /// SoC, "rk3568".
    #[n(0)]
    pub soc: String,
    /// Back end, "sim:rk3568".
    #[n(1)]
    pub backend: String,
    /// Times come from a model.
    #[n(2)]
    pub modelled: bool,
    /// NPU clock, Hz.
    #[n(3)]
    pub npu_clock_hz: u64,
    /// DDR clock, Hz (0 unknown).
    #[n(4)]
    pub ddr_clock_hz: u64,
    /// Bandwidth bound, bytes/s (0 unknown).
    #[n(5)]
    pub bandwidth_bound_bytes_per_s: u64,
    /// Device memory, bytes.
    #[n(6)]
    pub memory_bytes: u64,
    /// Free device memory, bytes.
    #[n(7)]
    pub free_bytes: u64,
    /// Agent version.
    #[n(8)]
    pub agent_version: String,
    /// Driver version.
    #[n(9)]
    pub driver_version: String,
    /// Operating system and kernel.
    #[n(10)]
    pub os: String,
    /// npu-kernels instruction set in use.
    #[n(11)]
    pub kernel_isa: String,
    /// Timing parameters behind modelled times.
    #[n(12)]
    pub parameters: Vec<Parameter>,
    /// Log file on the board.
    #[n(13)]
    pub log_file: String,
}

/// One timing parameter.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Parameter {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Value.
    #[n(1)]
    pub value: u64,
    /// Unit.
    #[n(2)]
    pub unit: String,
    /// Source, "unfitted" where none.
    #[n(3)]
    pub source: String,
}

/// One device.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Device {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Type.
    #[n(1)]
    pub kind: String,
    /// Interrupt, where it has one.
    #[n(2)]
    pub irq: Nullable<u32>,
}

/// sys.echo: the body is the pattern that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EchoArgs {
    /// Size of the pattern wanted back: its byte i is (7·i + ⌊i / 256⌋) mod 256.
    #[n(0)]
    pub reply_bytes: u32,
}

/// The pattern of sys.echo.
pub fn echo_pattern(size_bytes: usize) -> Vec<u8> {
    (0..size_bytes)
        .map(|i| (i.wrapping_mul(7).wrapping_add(i / 256)) as u8)
        .collect()
}

/// link-counts: the answer of sys.link, as this end of the connection sees it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LinkCounts {
    /// "tcp" or "serial".
    #[n(0)]
    pub transport: String,
    /// Noise is in use.
    #[n(1)]
    pub secured: bool,
    /// PDUs sent, repeats included (0 on TCP, as all further numbers).
    #[n(2)]
    pub sent_pdus: u64,
    /// PDUs sent again.
    #[n(3)]
    pub repeated_pdus: u64,
    /// PDUs whose sum was right.
    #[n(4)]
    pub received_pdus: u64,
    /// Segments that were neither a PDU nor text.
    #[n(5)]
    pub damaged_segments: u64,
    /// Payload of the next PDU, bytes.
    #[n(6)]
    pub payload_bytes: u32,
    /// Payload bytes that may be in flight.
    #[n(7)]
    pub window_bytes: u32,
    /// Smoothed round trip, µs.
    #[n(8)]
    pub round_trip_us: Nullable<u64>,
}
