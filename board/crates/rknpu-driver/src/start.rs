//! The registers around a start: commit, traffic counters, progress (sheet §3.3, §3.6). Allocates nothing.

use npu_device::{Mmio, Traffic};
use npu_regs::{Bits, Register, ddma, pc, ppu, task};

/// A chain of command streams ready to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) address: u32,
    pub(crate) words: u32,
    pub(crate) tasks: u32,
    /// Interrupt mask of the last task.
    pub(crate) mask: u32,
}

/// Clears the counters, then starts the chain in the vendor driver's order.
pub(crate) fn commit(mmio: &dyn Mmio, chain: Chain) {
    let write = |register: u32, value: u32| mmio.write32(register, value);
    write(pc::BASE_ADDRESS::INFO.offset, 1);
    write(ddma::COUNTER_CONTROL::INFO.offset, 0x8000_0101);
    write(ddma::COUNTER_CONTROL::INFO.offset, 0x0000_0101);
    write(pc::BASE_ADDRESS::INFO.offset, chain.address);
    write(pc::REGISTER_AMOUNTS::INFO.offset, chain.words - 1);
    write(pc::INTERRUPT_MASK::INFO.offset, chain.mask);
    write(pc::INTERRUPT_CLEAR::INFO.offset, task::INTERRUPT_CLEAR_ALL);
    let count = Bits::<pc::TASK_CON>::raw(0x7000).with(pc::TASK_CON::TASK_NUMBER, chain.tasks);
    // Starts have at most 4095 tasks, which the field holds.
    write(pc::TASK_CON::INFO.offset, count.finish().unwrap_or(0));
    write(pc::TASK_DMA_BASE_ADDR::INFO.offset, 0);
    write(pc::OPERATION_ENABLE::INFO.offset, 1);
    write(pc::OPERATION_ENABLE::INFO.offset, 0);
}

/// Bytes moved since the last commit.
pub(crate) fn traffic(mmio: &dyn Mmio) -> Traffic {
    let bytes = |register: u32| u64::from(mmio.read32(register)) * 8;
    Traffic {
        data_read_bytes: bytes(ddma::DT_RD::INFO.offset),
        weight_read_bytes: bytes(ddma::WT_RD::INFO.offset),
        written_bytes: bytes(ddma::DT_WR::INFO.offset),
    }
}

/// Tasks the running start has finished.
pub(crate) fn tasks_done(mmio: &dyn Mmio) -> u32 {
    pc::TASK_STATUS::TASKS_DONE.get(mmio.read32(pc::TASK_STATUS::INFO.offset))
}

/// Whether a chain that ends in the pooling unit is over: no interrupt says so (erratum 10), but the counter and the unit's
/// state do (§12.3).
pub(crate) fn pooling_done(mmio: &dyn Mmio, chain: Chain) -> bool {
    let status = mmio.read32(ppu::S_STATUS::INFO.offset);
    let idle = ppu::S_STATUS::STATUS_0.get(status) == 0 && ppu::S_STATUS::STATUS_1.get(status) == 0;
    tasks_done(mmio) == chain.tasks && idle
}

/// Whether the window answers: a mask written in slave mode reads back.
pub(crate) fn answers(mmio: &dyn Mmio) -> bool {
    mmio.write32(pc::BASE_ADDRESS::INFO.offset, 1);
    let reads_back = |mask: u32| {
        mmio.write32(pc::INTERRUPT_MASK::INFO.offset, mask);
        mmio.read32(pc::INTERRUPT_MASK::INFO.offset) == mask
    };
    let alive = reads_back(0) && reads_back(task::INTERRUPT_DPU);
    mmio.write32(pc::INTERRUPT_CLEAR::INFO.offset, task::INTERRUPT_CLEAR_ALL);
    alive
}
