//! The per-channel parameter stream of BS (sheet §2.6, §12.15): groups of four channels, either all of four int32 ALU
//! operands, four int16 compensation factors and four uint16 multipliers, or the ALU operands alone.

use alloc::vec::Vec;

use npu_device::{DmaFault, DmaMem};
use npu_regs::{Register, dpu_rdma};

use crate::dpu::{Dpu, Feeds};
use crate::fault::FaultKind;
use crate::file::{View, broken, not_modelled};
use crate::rules;
use crate::span::Span;

/// Channels of a group.
const GROUP: usize = 4;
/// `BRDMA_DATA_USE` of the bias-only form.
const ALU: u32 = 1;
/// `BRDMA_DATA_USE` of the full form: ALU, compensation, multiplier.
const ALL: u32 = 7;

/// The stream of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    address: u32,
    channels: usize,
    full: bool,
}

impl Stream {
    /// The stream that the reader's registers describe, held against what the stages take from it.
    pub(crate) fn decode(view: &View<'_>, dpu: &Dpu, dma_base: u32) -> Result<Option<Self>, FaultKind> {
        use dpu_rdma::{BRDMA_CFG as B, BRDMA_LENGTH as L};
        let wanted = dpu.streams();
        let register = B::INFO;
        if view.set(B::BRDMA_DISABLE) {
            return match wanted {
                [false, false, false] => Ok(None),
                _ => Err(broken(register, B::BRDMA_DISABLE.name, 1, rules::STREAM_MISSING)),
            };
        }
        let code = view.get(B::BRDMA_DATA_USE);
        let full = match code {
            ALU => false,
            ALL => true,
            _ => {
                let modelled = "ALU alone (1) or ALU, compensation and multiplier (7)";
                return Err(not_modelled(register, B::BRDMA_DATA_USE.name, code, modelled));
            }
        };
        if !full && (wanted[1] || wanted[2]) {
            return Err(broken(register, B::BRDMA_DATA_USE.name, code, rules::STREAM_MISSING));
        }
        let stream = Self {
            address: view.raw::<dpu_rdma::BS_BASE_ADDR>().wrapping_add(dma_base),
            channels: dpu.input.channels,
            full,
        };
        view.held(
            L::WORDS,
            |v| (v as usize + 1) * 8 == stream.bytes(),
            rules::STREAM_LENGTH,
        )?;
        Ok(Some(stream))
    }

    /// Bytes that are read.
    pub(crate) const fn bytes(&self) -> usize {
        self.channels * if self.full { 8 } else { 4 }
    }

    /// Where they lie.
    pub(crate) fn span(&self) -> Span {
        Span {
            address: self.address,
            bytes: self.bytes() as u64,
        }
    }

    /// Reads it and sorts it by use.
    pub(crate) fn read(&self, memory: &dyn DmaMem, bytes: &mut Vec<u8>, feeds: &mut Feeds) -> Result<(), DmaFault> {
        bytes.clear();
        bytes.resize(self.bytes(), 0);
        memory.read(self.address, bytes)?;
        let Feeds {
            alu,
            compensation,
            multipliers,
            ..
        } = feeds;
        for values in [&mut *alu, compensation, multipliers] {
            values.clear();
        }
        let words = |bytes: &[u8]| {
            let word = |four: &[u8]| i32::from_le_bytes([four[0], four[1], four[2], four[3]]);
            bytes.chunks_exact(4).map(word).collect::<Vec<i32>>()
        };
        if !self.full {
            alu.extend(words(bytes));
            return Ok(());
        }
        for group in bytes.chunks_exact(8 * GROUP) {
            let (operands, rest) = group.split_at(4 * GROUP);
            let (factors, products) = rest.split_at(2 * GROUP);
            alu.extend(words(operands));
            let half = |two: &[u8]| u16::from_le_bytes([two[0], two[1]]);
            compensation.extend(factors.chunks_exact(2).map(|two| i32::from(half(two) as i16)));
            multipliers.extend(products.chunks_exact(2).map(|two| i32::from(half(two))));
        }
        Ok(())
    }
}
