//! From the start of a chain of command streams to the descriptors that SUBMIT wants: follows the tails as the program
//! controller does (sheet §3.2, §3.3). Streams may come from anybody, so everything is checked.

use npu_device::DmaMem;
use npu_regs::task::{INTERRUPT_DPU, MAX_TASKS_PER_START};
use npu_regs::{Block, Command, MAX_STREAM_WORDS, Register, pc};

use crate::abi::Task;

/// PPU's two interrupts (sheet §3.4).
const INTERRUPT_PPU: u32 = 0xC00;

/// Descriptors of `tasks` tasks whose first stream of `amount + 1` words lies at `address`.
pub(crate) fn descriptors(memory: &dyn DmaMem, address: u32, amount: u32, tasks: u32) -> Result<Vec<Task>, String> {
    if tasks == 0 || tasks > MAX_TASKS_PER_START {
        return Err(format!("{tasks} tasks in one start: 1 to {MAX_TASKS_PER_START}"));
    }
    let mut found = Vec::with_capacity(tasks as usize);
    let mut next = (address, amount);
    for index in 0..tasks {
        let (task, tail) = one(memory, next.0, next.1).map_err(|why| format!("task {index}: {why}"))?;
        found.push(task);
        next = tail;
    }
    Ok(found)
}

fn one(memory: &dyn DmaMem, address: u32, amount: u32) -> Result<(Task, (u32, u32)), String> {
    let words = amount as usize + 1;
    if words > MAX_STREAM_WORDS || words <= Task::TAIL_WORDS as usize {
        return Err(format!("{words} command words: 5 to {MAX_STREAM_WORDS} (erratum 6)"));
    }
    let mut bytes = vec![0; words * 8];
    memory
        .read(address, &mut bytes)
        .map_err(|fault| format!("its stream leaves the memory at 0x{:08X}", fault.address))?;
    let mut next = (0, 0);
    for (index, word) in bytes.chunks_exact(8).enumerate() {
        let word = word.iter().rev().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        match Command::decode(word).map_err(|why| format!("word {index}: {why}"))? {
            Command::Write { register, value } if register.block == Block::Pc => {
                if register.offset == pc::BASE_ADDRESS::INFO.offset {
                    next.0 = value & !0xF;
                } else if register.offset == pc::REGISTER_AMOUNTS::INFO.offset {
                    next.1 = value & 0xFFFF;
                }
            }
            Command::Enable { mask } if index + 1 == words => {
                let bit = |block: Block| block.enable_bit().is_some_and(|bit| mask >> bit & 1 == 1);
                let int_mask = if bit(Block::Dpu) { INTERRUPT_DPU } else { INTERRUPT_PPU };
                let task = Task {
                    enable_mask: mask,
                    int_mask,
                    int_status: 0,
                    regcfg_amount: words as u32 - Task::TAIL_WORDS,
                    regcmd_addr: u64::from(address),
                };
                return Ok((task, next));
            }
            Command::Enable { .. } => return Err(format!("word {index}: words follow the start")),
            _ => {}
        }
    }
    Err("its last word starts nothing".into())
}
