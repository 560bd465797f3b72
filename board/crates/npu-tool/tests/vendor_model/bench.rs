//! A simulated board with a region for each register that holds an address, and the chain of a file patched for them.

use npu_device::Hardware;
use npu_sim::{SimBoard, SimConfig, Stepping};

use crate::output::Expected;
use crate::support::Random;

const STREAMS: u32 = 0x0100_0000;
const REGION: usize = 16 << 20;
/// What no task wrote.
const GUARD: u8 = 0xA7;
/// Bytes before the output's region that must stay as they are.
const BEFORE: u32 = 4096;

/// Where the tensors of a register lie.
pub fn region(register: u32) -> u32 {
    let index = match register {
        0x1070 | 0x701C => 0,
        0x1110 => 1,
        0x5020 => 2,
        0x502C => 3,
        0x5038 => 4,
        0x5018 => 5,
        0x4020 | 0x6070 => 6,
        other => panic!("0x{other:X} holds no address"),
    };
    0x0200_0000 + index * REGION as u32 + if index == 6 { BEFORE } else { 0 }
}

pub struct Bench {
    board: SimBoard,
    hardware: Hardware,
    /// What the features and operands hold, for the reference.
    features: Vec<u8>,
    operands: Vec<u8>,
    modelled_ns: std::cell::Cell<u64>,
}

impl Bench {
    pub fn new() -> Self {
        let board = SimBoard::new(SimConfig {
            memory_bytes: 0x0A00_0000,
            stepping: Stepping::PerTask,
            ..SimConfig::default()
        })
        .unwrap();
        let hardware = board.hardware();
        let pmu = hardware.platform.pmu().unwrap();
        pmu.write32(0xA0, 0x0002_0000);
        pmu.write32(0x50, 0x0004_0000);
        let mut random = Random(0x5EED);
        let (features, operands) = (random.bytes(REGION), random.bytes(REGION));
        hardware.dma.write(region(0x1070), &features).unwrap();
        hardware.dma.write(region(0x5038), &operands).unwrap();
        let guard = vec![GUARD; REGION];
        hardware.dma.write(region(0x4020) - BEFORE, &guard).unwrap();
        Self {
            board,
            hardware,
            features,
            operands,
            modelled_ns: std::cell::Cell::new(0),
        }
    }

    /// Resets the core, writes the streams one after the other and starts all as one hardware start (§3.3). Each tail names
    /// the next.
    pub fn start(&self, streams: &[Vec<u64>]) {
        let limit = npu_regs::task::MAX_TASKS_PER_START as usize;
        assert!(streams.len() <= limit, "a chain of {} tasks", streams.len());
        self.hardware.platform.set_resets(true).unwrap();
        self.hardware.platform.set_resets(false).unwrap();
        let mut address = STREAMS;
        for (index, words) in streams.iter().enumerate() {
            let next = address + (words.len() as u32 * 8).next_multiple_of(64);
            let amount = streams.get(index + 1).map_or(0, |words| words.len() as u64 - 1);
            let mut words = words.clone();
            for word in &mut words {
                match (*word >> 48, *word & 0xFFFF) {
                    (0x0101, 0x10) => *word = 0x0101 << 48 | u64::from(next) << 16 | 0x10,
                    (0x0101, 0x14) => *word = 0x0101 << 48 | amount << 16 | 0x14,
                    _ => {}
                }
            }
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            self.hardware.dma.write(address, &bytes).unwrap();
            address = next;
        }
        let start = [
            (0x10, 1),
            (0x10, STREAMS),
            (0x14, streams[0].len() as u32 - 1),
            (0x20, 0x300),
            (0x24, 0x300),
            (0x30, 0x7000 | streams.len() as u32),
            (0x34, 0),
            (0x08, 1),
            (0x08, 0),
        ];
        for (offset, value) in start {
            self.hardware.mmio.write32(offset, value);
        }
    }

    /// Runs the next task of the chain.
    pub fn step(&self) -> Result<(), String> {
        self.board.npu().advance(1);
        self.board.npu().drain_costs(&mut |cost| {
            self.modelled_ns.set(self.modelled_ns.get() + cost.modelled_ns);
        });
        match self.hardware.platform.fault_text() {
            Some(fault) => Err(fault),
            None => Ok(()),
        }
    }

    /// Modelled time of every task so far.
    pub fn modelled_ns(&self) -> u64 {
        self.modelled_ns.get()
    }

    /// Tasks that ended in the current start.
    pub fn finished(&self) -> u32 {
        self.hardware.mmio.read32(0x3C) & 0xFFF
    }

    pub fn write(&self, address: u32, bytes: &[u8]) {
        self.hardware.dma.write(address, bytes).unwrap();
    }

    /// Features from an address on.
    pub fn features(&self, address: u32) -> &[u8] {
        &self.features[(address - region(0x1070)) as usize..]
    }

    /// Element-wise operands from an address on.
    pub fn operands(&self, address: u32) -> &[u8] {
        &self.operands[(address - region(0x5038)) as usize..]
    }

    /// Holds what a task wrote from `address` on against what it must write, and puts the guard back.
    pub fn compare(&self, address: u32, expected: &Expected) -> Result<(), String> {
        let ends = expected.free.iter().map(|range| range.end);
        let end = ends
            .chain(expected.bytes.iter().map(|(at, _)| at + 1))
            .max()
            .unwrap_or(0);
        let mut got = vec![0; end];
        self.hardware.dma.read(address, &mut got).unwrap();
        let mut wanted = vec![GUARD; end];
        for range in &expected.free {
            wanted[range.clone()].copy_from_slice(&got[range.clone()]);
        }
        expected.bytes.iter().for_each(|&(at, byte)| wanted[at] = byte);
        self.hardware.dma.write(address, &vec![GUARD; end]).unwrap();
        if got == wanted {
            return Ok(());
        }
        let wrong: Vec<usize> = (0..end).filter(|&at| got[at] != wanted[at]).collect();
        let (at, count) = (wrong[0], wrong.len());
        let (is, not) = (got[at], wanted[at]);
        Err(format!(
            "{count} of {end} bytes differ, the first at {at}: {is}, not {not}"
        ))
    }

    /// Whether anything beside what was compared was written.
    pub fn untouched(&self) -> bool {
        let mut bytes = vec![0; REGION];
        self.hardware.dma.read(region(0x4020) - BEFORE, &mut bytes).unwrap();
        bytes.iter().all(|&byte| byte == GUARD)
    }
}
