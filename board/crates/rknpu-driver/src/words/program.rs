//! Collects register values of one task and emits its command words in the vendor's order (sheet §3.2, §12.26).
//!
//! Every task is full: all registers of its blocks are written, unset ones with 0, so nothing is inherited.

use alloc::boxed::Box;
use alloc::vec::Vec;

use npu_device::DeviceError;
use npu_regs::task::{self, Mix};
use npu_regs::{Bits, Command, Register, RegisterInfo, cna, dpu, pc};

const WORDS: usize = 256;
const BLOCKS: usize = 7;

/// Values of one task, and the first field that overflowed.
pub(crate) struct TaskValues {
    values: Box<[[u32; WORDS]; BLOCKS]>,
    overflow: Option<npu_regs::FieldOverflow>,
}

/// Entries of one activation table, to be written before the registers that use it.
#[derive(Clone, Copy)]
pub(crate) struct TableWords<'a> {
    /// LO instead of LE.
    pub(crate) upper: bool,
    pub(crate) entries: &'a [i16],
}

fn slot(register: &RegisterInfo) -> Option<(usize, usize)> {
    let block = register.block.enable_bit()? as usize;
    let word = ((register.offset - register.block.base()) / 4) as usize;
    (word < WORDS).then_some((block, word))
}

impl TaskValues {
    pub(crate) fn new() -> Self {
        Self {
            values: Box::new([[0; WORDS]; BLOCKS]),
            overflow: None,
        }
    }

    /// Forgets the previous task.
    pub(crate) fn clear(&mut self) {
        self.values.iter_mut().for_each(|block| block.fill(0));
        self.overflow = None;
    }

    /// Sets a register.
    pub(crate) fn set<R: Register>(&mut self, bits: Bits<R>) {
        match (bits.finish(), slot(R::INFO)) {
            (Ok(value), Some((block, word))) => self.values[block][word] = value,
            (Err(overflow), _) => {
                self.overflow.get_or_insert(overflow);
            }
            (Ok(_), None) => {}
        }
    }

    fn get(&self, register: &RegisterInfo) -> u32 {
        slot(register).map_or(0, |(block, word)| self.values[block][word])
    }

    /// Appends the words of the task. `next` is address and word count of the stream that follows, if one does.
    pub(crate) fn emit(
        &self,
        words: &mut Vec<u64>,
        mix: Mix,
        next: Option<(u32, usize)>,
        table: Option<TableWords<'_>>,
    ) -> Result<(), DeviceError> {
        if let Some(overflow) = &self.overflow {
            return Err(DeviceError::Invalid(alloc::format!("{overflow}")));
        }
        let mut write = |register: &'static RegisterInfo, value: u32| {
            words.push(Command::Write { register, value }.encode());
        };
        for register in mix.preamble() {
            let pointer = register.offset != cna::CBUF_CON0::INFO.offset;
            let value = if pointer {
                task::S_POINTER_PING_PONG
            } else {
                self.get(register)
            };
            write(register, value);
        }
        for &block in mix.blocks() {
            for register in task::body(block) {
                let table = table.filter(|_| register.offset == dpu::LUT_ACCESS_CFG::INFO.offset);
                if let Some(TableWords { upper, entries }) = table {
                    let access = Bits::<dpu::LUT_ACCESS_CFG>::new().with(dpu::LUT_ACCESS_CFG::LUT_ACCESS_TYPE, 1);
                    let access = access.with(dpu::LUT_ACCESS_CFG::LUT_TABLE_ID, u32::from(upper));
                    write(register, access.finish().unwrap_or(0));
                    // The vendor writes one word more than there are entries (§2.6).
                    let trailing = entries.last().copied();
                    for entry in entries.iter().copied().chain(trailing) {
                        write(dpu::LUT_ACCESS_DATA::INFO, u32::from(entry as u16));
                    }
                }
                write(register, self.get(register));
            }
        }
        let (address, count) = next.unwrap_or((0, 1));
        write(pc::BASE_ADDRESS::INFO, address);
        write(pc::REGISTER_AMOUNTS::INFO, count as u32 - 1);
        words.push(Command::Barrier.encode());
        words.push(Command::Enable { mask: mix.mask() }.encode());
        Ok(())
    }
}
