//! Collects register values of one task and emits its command words in the vendor's order (sheet §3.2, §12.26).
//!
//! Every task is full: all registers of its blocks are written, unset ones with 0, so nothing is inherited.

use alloc::boxed::Box;
use alloc::vec::Vec;

use npu_device::DeviceError;
use npu_regs::{Bits, Block, Command, Register, RegisterInfo, cmac, cna, core, dpu, pc, task};

const WORDS: usize = 256;

/// Values of one task, and the first field that overflowed.
pub(crate) struct TaskValues {
    values: Box<[[u32; WORDS]; 4]>,
    overflow: Option<npu_regs::FieldOverflow>,
}

fn slot(register: &RegisterInfo) -> Option<(usize, usize)> {
    let block = register.block.enable_bit()? as usize;
    (block < 4).then_some((block, ((register.offset - register.block.base()) / 4) as usize % WORDS))
}

impl TaskValues {
    pub(crate) fn new() -> Self {
        Self {
            values: Box::new([[0; WORDS]; 4]),
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
    pub(crate) fn emit(&self, words: &mut Vec<u64>, next: Option<(u32, usize)>) -> Result<(), DeviceError> {
        if let Some(overflow) = &self.overflow {
            return Err(DeviceError::Invalid(alloc::format!("{overflow}")));
        }
        let mut write = |register: &'static RegisterInfo, value: u32| {
            words.push(Command::Write { register, value }.encode());
        };
        for register in [cna::S_POINTER::INFO, cmac::S_POINTER::INFO, core::S_POINTER::INFO] {
            write(register, task::S_POINTER_PING_PONG);
        }
        write(cna::CBUF_CON0::INFO, self.get(cna::CBUF_CON0::INFO));
        write(dpu::S_POINTER::INFO, task::S_POINTER_PING_PONG);
        for block in [Block::Cna, Block::Cmac, Block::Core, Block::Dpu] {
            task::body(block).for_each(|register| write(register, self.get(register)));
        }
        let (address, count) = next.unwrap_or((0, 1));
        write(pc::BASE_ADDRESS::INFO, address);
        write(pc::REGISTER_AMOUNTS::INFO, count as u32 - 1);
        words.push(Command::Barrier.encode());
        words.push(
            Command::Enable {
                mask: task::MASK_CONVOLUTION,
            }
            .encode(),
        );
        Ok(())
    }
}
