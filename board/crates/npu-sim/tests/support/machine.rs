//! A simulated board with a bump allocator and the start sequence of §3.3 and §11.

use std::cell::Cell;

use npu_device::Hardware;
use npu_sim::{SimBoard, SimConfig, Stepping};

use super::program::Program;
use super::style::{Style, tail};

pub struct Machine {
    pub board: SimBoard,
    pub hardware: Hardware,
    next: Cell<u32>,
}

/// Where most tests begin to allocate.
pub const FIRST: u32 = 0x0020_0000;

/// What silence after a run means.
pub const NO_FAULT: &str = "";

impl Machine {
    /// A powered board whose allocations begin at `first`.
    pub fn new(first: u32) -> Self {
        let board = SimBoard::new(SimConfig {
            memory_bytes: 24 << 20,
            stepping: Stepping::RunToIdle,
            ..SimConfig::default()
        })
        .unwrap();
        let hardware = board.hardware();
        let pmu = hardware.platform.pmu().unwrap();
        pmu.write32(0xA0, 0x0002_0000);
        pmu.write32(0x50, 0x0004_0000);
        Self {
            board,
            hardware,
            next: Cell::new(first),
        }
    }

    /// Where the next allocation begins.
    pub fn mark(&self) -> u32 {
        self.next.get()
    }

    /// Forgets every allocation since a mark.
    pub fn rewind(&self, mark: u32) {
        self.next.set(mark);
    }

    /// Reserves zeroed memory.
    pub fn reserve(&self, bytes: usize, alignment: u32) -> u32 {
        let address = self.next.get().next_multiple_of(alignment);
        self.next.set(address + bytes.next_multiple_of(64) as u32);
        address
    }

    /// Reserves memory and fills it.
    pub fn place(&self, bytes: &[u8]) -> u32 {
        let address = self.reserve(bytes.len(), 64);
        self.hardware.dma.write(address, bytes).unwrap();
        address
    }

    pub fn read(&self, address: u32, bytes: usize) -> Vec<u8> {
        let mut into = vec![0; bytes];
        self.hardware.dma.read(address, &mut into).unwrap();
        into
    }

    pub fn poke(&self, writes: &[(u32, u32)]) {
        for &(offset, value) in writes {
            self.hardware.mmio.write32(offset, value);
        }
    }

    pub fn peek(&self, offset: u32) -> u32 {
        self.hardware.mmio.read32(offset)
    }

    pub fn fault(&self) -> String {
        self.hardware.platform.fault_text().unwrap_or_default()
    }

    pub fn reset(&self) {
        self.hardware.platform.set_resets(true).unwrap();
        self.hardware.platform.set_resets(false).unwrap();
    }

    /// Fills a table from the CPU, as the open generator's host does (§11): 515 words.
    pub fn load_table(&self, table: u32, entries: &[i16]) {
        self.poke(&[(0x10, 1), (0x4100, 0x2_0000 | table << 16)]);
        for index in 0..515 {
            let entry = entries.get(index).copied().unwrap_or(0);
            self.poke(&[(0x4104, u32::from(entry as u16))]);
        }
    }

    /// Writes the chain of a style into memory: addresses and amounts of every stream.
    pub fn chain(&self, programs: &[Program], style: Style) -> (u32, u32) {
        let bodies = style.bodies(programs);
        let address: Vec<u32> = bodies
            .iter()
            .map(|body| self.reserve((body.len() + 4) * 8, style.alignment()))
            .collect();
        let amount = |index: usize| bodies.get(index).map_or(0, |body| body.len() as u32 + 3);
        for (index, (body, program)) in bodies.iter().zip(programs).enumerate() {
            let next = address.get(index + 1).copied().unwrap_or(0);
            let words = body
                .iter()
                .copied()
                .chain(tail(next, amount(index + 1), program.mix.mask()));
            let bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
            self.hardware.dma.write(address[index], &bytes).unwrap();
        }
        (address[0], amount(0))
    }

    /// Starts a chain (§11 for the open style, §3.3 for the vendor's).
    pub fn start(&self, (address, amount): (u32, u32), tasks: usize, interrupt: u32, style: Style) {
        let clear = if style == Style::Open { 0x1FFFF } else { interrupt };
        self.poke(&[
            (0x10, 1),
            (0x10, address),
            (0x14, amount),
            (0x20, interrupt),
            (0x24, clear),
            (0x30, 0x7000 + tasks as u32),
            (0x34, 0),
            (0x08, 1),
            (0x08, 0),
        ]);
    }

    /// Runs programs as one hardware start from a fresh core and says why it stopped, or [`NO_FAULT`].
    pub fn run(&self, programs: &[Program], style: Style) -> String {
        let chain = self.chain(programs, style);
        let pooling = programs
            .last()
            .is_some_and(|last| last.mix == npu_regs::task::Mix::Pooling);
        self.start(chain, programs.len(), if pooling { 0xC00 } else { 0x300 }, style);
        let fault = self.fault();
        if fault.is_empty() {
            assert_eq!(self.peek(0x3C) & 0xFFF, programs.len() as u32, "every task finished");
        }
        fault
    }
}
