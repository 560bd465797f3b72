//! The per-channel parameter streams of BS and BN (sheet §2.6, §2.8, §12.15): groups of four channels, each holding what
//! the use bits name, in their order: int32 ALU operands, int16 compensation factors, uint16 multipliers.

use alloc::vec::Vec;

use npu_device::{DmaFault, DmaMem};
use npu_regs::{Register, RegisterInfo, dpu_rdma};

use crate::dpu::{Dpu, Parameters};
use crate::fault::FaultKind;
use crate::file::{View, broken, not_modelled};
use crate::rules;
use crate::span::Span;

/// Channels of a group.
const GROUP: usize = 4;

/// What a stream holds for each channel, in the order in which it lies in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Use {
    alu: bool,
    compensation: bool,
    multiplier: bool,
}

impl Use {
    /// Of the use bits of `BRDMA_CFG` and `NRDMA_CFG`.
    const fn of(code: u32) -> Self {
        Self {
            alu: code & 1 != 0,
            compensation: code & 2 != 0,
            multiplier: code & 4 != 0,
        }
    }

    /// Bytes of a channel.
    const fn bytes(self) -> usize {
        4 * self.alu as usize + 2 * self.compensation as usize + 2 * self.multiplier as usize
    }

    /// Whether it holds everything that is wanted.
    const fn serves(self, [alu, compensation, multiplier]: [bool; 3]) -> bool {
        (self.alu || !alu) && (self.compensation || !compensation) && (self.multiplier || !multiplier)
    }
}

/// A stream of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    address: u32,
    channels: usize,
    holds: Use,
}

/// What a reader's configuration register says.
struct Configuration {
    register: &'static RegisterInfo,
    /// Name and value of the disabling field.
    disable: (&'static str, bool),
    /// Name and value of the use field.
    code: (&'static str, u32),
    /// Use codes with a known form.
    known: &'static [u32],
    modelled: &'static str,
}

impl Configuration {
    /// The use of the stream held against what the stages take from it; `None` where it is off.
    fn holds(&self, wanted: [bool; 3]) -> Result<Option<Use>, FaultKind> {
        let missing = |(field, value)| Err(broken(self.register, field, value, rules::STREAM_MISSING));
        let (field, off) = self.disable;
        if off {
            return match wanted {
                [false, false, false] => Ok(None),
                _ => missing((field, 1)),
            };
        }
        if !self.known.contains(&self.code.1) {
            return Err(not_modelled(self.register, self.code.0, self.code.1, self.modelled));
        }
        let holds = Use::of(self.code.1);
        if holds.serves(wanted) {
            Ok(Some(holds))
        } else {
            missing(self.code)
        }
    }
}

impl Stream {
    /// The stream of BS, and of the compensation factors.
    pub(crate) fn first(view: &View<'_>, dpu: &Dpu, dma_base: u32) -> Result<Option<Self>, FaultKind> {
        use dpu_rdma::{BRDMA_CFG as B, BRDMA_LENGTH as L};
        let configuration = Configuration {
            register: B::INFO,
            disable: (B::BRDMA_DISABLE.name, view.set(B::BRDMA_DISABLE)),
            code: (B::BRDMA_DATA_USE.name, view.get(B::BRDMA_DATA_USE)),
            known: &[1, 7],
            modelled: "ALU alone (1) or ALU, compensation and multiplier (7)",
        };
        let Some(holds) = configuration.holds(dpu.streams())? else {
            return Ok(None);
        };
        let stream = Self {
            address: view.raw::<dpu_rdma::BS_BASE_ADDR>().wrapping_add(dma_base),
            channels: dpu.input.channels,
            holds,
        };
        let words = |v: u32| (v as usize).saturating_add(1).saturating_mul(8) == stream.bytes();
        view.held(L::WORDS, words, rules::STREAM_LENGTH)?;
        Ok(Some(stream))
    }

    /// The stream of BN. No known task reads one; its form is that of the first without compensation. The register after
    /// its base is 0 in every known task; where BRDMA has its length there.
    pub(crate) fn second(view: &View<'_>, dpu: &Dpu, dma_base: u32) -> Result<Option<Self>, FaultKind> {
        use dpu_rdma::{NRDMA_CFG as N, REG_5030 as L};
        let configuration = Configuration {
            register: N::INFO,
            disable: (N::NRDMA_DISABLE.name, view.set(N::NRDMA_DISABLE)),
            code: (N::NRDMA_DATA_USE.name, view.get(N::NRDMA_DATA_USE)),
            known: &[1, 4, 5],
            modelled: "ALU (1), multiplier (4) or both (5)",
        };
        let Some(holds) = configuration.holds(dpu.second_streams())? else {
            view.whole::<L>(0, "only 0")?;
            return Ok(None);
        };
        let stream = Self {
            address: view.raw::<dpu_rdma::BN_BASE_ADDR>().wrapping_add(dma_base),
            channels: dpu.input.channels,
            holds,
        };
        let words = |v: u32| v == 0 || (v as usize).saturating_add(1).saturating_mul(8) == stream.bytes();
        view.held(L::VALUE, words, rules::SECOND_LENGTH)?;
        Ok(Some(stream))
    }

    /// Bytes that are read.
    pub(crate) const fn bytes(&self) -> usize {
        self.channels * self.holds.bytes()
    }

    /// Where they lie.
    pub(crate) fn span(&self) -> Span {
        Span {
            address: self.address,
            bytes: self.bytes() as u64,
        }
    }

    /// Reads it and sorts it by use.
    pub(crate) fn read(
        &self,
        memory: &dyn DmaMem,
        bytes: &mut Vec<u8>,
        parameters: &mut Parameters,
    ) -> Result<(), DmaFault> {
        bytes.clear();
        bytes.resize(self.bytes(), 0);
        memory.read(self.address, bytes)?;
        let Parameters {
            alu,
            compensation,
            multipliers,
        } = parameters;
        for values in [&mut *alu, &mut *compensation, &mut *multipliers] {
            values.clear();
        }
        for mut group in bytes.chunks_exact(self.holds.bytes() * GROUP) {
            if self.holds.alu {
                let words = group.split_off(..4 * GROUP).unwrap_or_default();
                alu.extend(words.as_chunks::<4>().0.iter().map(|four| i32::from_le_bytes(*four)));
            }
            if self.holds.compensation {
                let halves = group.split_off(..2 * GROUP).unwrap_or_default();
                let signed = |two: &[u8; 2]| i32::from(i16::from_le_bytes(*two));
                compensation.extend(halves.as_chunks::<2>().0.iter().map(signed));
            }
            if self.holds.multiplier {
                let halves = group.split_off(..2 * GROUP).unwrap_or_default();
                let unsigned = |two: &[u8; 2]| i32::from(u16::from_le_bytes(*two));
                multipliers.extend(halves.as_chunks::<2>().0.iter().map(unsigned));
            }
        }
        Ok(())
    }
}
