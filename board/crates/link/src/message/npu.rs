//! npu.*: the NPU by hand: register names, device addresses, command words, single steps, counters, captured jobs.

use alloc::string::String;
use alloc::vec::Vec;
use minicbor::{Decode, Encode};

use super::call::Handle;
use super::mem::OneDigest;
use super::task::Matmul;
use crate::cbor::{Digest, Nullable};

/// npu.registers: a block by its position in rising order of offsets, PC 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RegistersArgs {
    /// Block.
    #[n(0)]
    pub block: u32,
}

/// register-block.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RegisterBlock {
    /// Name, "CNA".
    #[n(0)]
    pub name: String,
    /// Target of command words, where they reach the block.
    #[n(1)]
    pub target: Nullable<u32>,
    /// Offset of its page.
    #[n(2)]
    pub base: u32,
    /// Registers by rising offset.
    #[n(3)]
    pub registers: Vec<RegisterLine>,
    /// Blocks there are.
    #[n(4)]
    pub blocks: u32,
}

/// register.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RegisterLine {
    /// Offset from the window's base.
    #[n(0)]
    pub offset: u32,
    /// Name inside its block.
    #[n(1)]
    pub name: String,
    /// What it is.
    #[n(2)]
    pub doc: String,
    /// Section of the hardware sheet.
    #[n(3)]
    pub source: String,
    /// Fields, highest first.
    #[n(4)]
    pub fields: Vec<FieldLine>,
}

/// field.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FieldLine {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Highest bit.
    #[n(1)]
    pub msb: u32,
    /// Lowest bit.
    #[n(2)]
    pub lsb: u32,
    /// What it means.
    #[n(3)]
    pub doc: String,
}

/// npu.mixes.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MixesResult {
    /// Known block mixes.
    #[n(0)]
    pub mixes: Vec<MixLine>,
}

/// mix.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct MixLine {
    /// Name, "convolution".
    #[n(0)]
    pub name: String,
    /// Start mask.
    #[n(1)]
    pub mask: u32,
    /// Offsets of the registers that a full task writes, in order, tail excluded.
    #[n(2)]
    pub writes: Vec<u32>,
}

/// npu.address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct AddressResult {
    /// Device address of the buffer's first byte.
    #[n(0)]
    pub address: u32,
}

/// npu.submit.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SubmitWordsArgs {
    /// Buffer of the command words.
    #[n(0)]
    pub handle: Handle,
    /// First byte of the first task.
    #[n(1)]
    pub offset_bytes: u64,
    /// Words of the first task; each tail says the length of the next one.
    #[n(2)]
    pub words: u32,
    /// Tasks of the chain.
    #[n(3)]
    pub tasks: u32,
    /// Interrupt mask of the last task.
    #[n(4)]
    pub interrupt_mask: u32,
    /// Buffers that the words name by address.
    #[n(5)]
    pub operands: Vec<Handle>,
    /// Run by npu.step, not by itself.
    #[n(6)]
    pub stepped: bool,
}

/// npu.step: what one task did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct StepResult {
    /// Task that ran, from 0.
    #[n(0)]
    pub task: u32,
    /// Tasks of the job.
    #[n(1)]
    pub tasks: u32,
    /// Modelled cycles.
    #[n(2)]
    pub cycles: u64,
    /// Modelled ns.
    #[n(3)]
    pub modelled_ns: u64,
    /// Data read, bytes.
    #[n(4)]
    pub data_read_bytes: u64,
    /// Weights read, bytes.
    #[n(5)]
    pub weight_read_bytes: u64,
    /// Written, bytes.
    #[n(6)]
    pub written_bytes: u64,
    /// Registers after the task.
    #[n(7)]
    pub counters: CountersResult,
}

/// npu-counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CountersResult {
    /// DT_WR, units of 8 bytes.
    #[n(0)]
    pub data_written: u32,
    /// DT_RD, units of 8 bytes.
    #[n(1)]
    pub data_read: u32,
    /// WT_RD, units of 8 bytes.
    #[n(2)]
    pub weights_read: u32,
    /// Task counter.
    #[n(3)]
    pub tasks_done: u32,
    /// INTERRUPT_RAW_STATUS.
    #[n(4)]
    pub interrupts_raw: u32,
    /// INTERRUPT_STATUS.
    #[n(5)]
    pub interrupts: u32,
}

/// npu.disassemble.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DisassembleArgs {
    /// Buffer.
    #[n(0)]
    pub handle: Handle,
    /// First byte.
    #[n(1)]
    pub offset_bytes: u64,
    /// Words.
    #[n(2)]
    pub words: u32,
}

/// npu.listing: the words that a job of these operations would run.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ListingArgs {
    /// Operations, native layout.
    #[n(0)]
    pub operations: Vec<Matmul>,
}

/// npu.captured.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CapturedResult {
    /// Hardware starts recorded.
    #[n(0)]
    pub submits: u32,
    /// Files, JOB.json first.
    #[n(1)]
    pub files: Vec<CapturedFile>,
}

/// captured-file.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CapturedFile {
    /// Name.
    #[n(0)]
    pub name: String,
    /// Size.
    #[n(1)]
    pub size_bytes: u64,
    /// Digest.
    #[n(2)]
    pub digest: Digest,
}

/// npu.captureFile: part of a file of the session's last capture.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CaptureFileArgs {
    /// Name.
    #[n(0)]
    pub name: String,
    /// First byte.
    #[n(1)]
    pub offset_bytes: u64,
    /// Bytes.
    #[n(2)]
    pub length_bytes: u64,
}

/// The answer to a part: the digest of the whole file.
pub type CaptureFileResult = OneDigest;
