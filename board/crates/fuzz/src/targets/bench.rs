//! A small simulated board in a known state: 1 MiB of memory that holds a pattern and a program known to be good.

use std::sync::LazyLock;

use npu_device::{DmaMem, Hardware, Mmio};
use npu_sim::{MEMORY_BASE, SimBoard, SimConfig, Stepping};

use crate::Random;

/// Bytes of memory. Small, so that wild addresses fault and runs stay short.
pub(super) const MEMORY_BYTES: usize = 1 << 20;

/// What every memory holds before a run.
static PATTERN: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut random = Random(0);
    (0..MEMORY_BYTES / 8)
        .flat_map(|_| random.draw().to_le_bytes())
        .collect()
});

/// A start: a memory image of command words and the registers that launch it. The format of the `streams` corpus.
pub(super) struct Start<'a> {
    load: u32,
    address: u32,
    amount: u32,
    tasks: u32,
    interrupts: u32,
    words: &'a [u8],
}

impl<'a> Start<'a> {
    /// Two header words (load address and stream address; amount, task count and interrupt mask), then command words.
    pub(super) fn parse(input: &'a [u8]) -> Self {
        let mut header = [0; 16];
        let length = input.len().min(16);
        header[..length].copy_from_slice(&input[..length]);
        let word = |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        let half = |at: usize| u32::from(u16::from_le_bytes([header[at], header[at + 1]]));
        Self {
            load: word(0),
            address: word(4),
            amount: half(8),
            tasks: half(10),
            interrupts: word(12),
            words: &input[length..],
        }
    }
}

/// A powered board.
pub(super) struct Bench {
    pub(super) hardware: Hardware,
}

impl Bench {
    pub(super) fn new() -> Self {
        let config = SimConfig {
            memory_bytes: MEMORY_BYTES as u64,
            stepping: Stepping::RunToIdle,
            ..SimConfig::default()
        };
        let hardware = SimBoard::new(config).expect("a board of 1 MiB").hardware();
        let pmu = hardware.platform.pmu().expect("the simulator has a PMU");
        pmu.write32(0xA0, 0x0002_0000);
        pmu.write32(0x50, 0x0004_0000);
        hardware.dma.write(MEMORY_BASE, &PATTERN).expect("the pattern fits");
        Self { hardware }
    }

    pub(super) fn memory(&self) -> &dyn DmaMem {
        &*self.hardware.dma
    }

    pub(super) fn mmio(&self) -> &dyn Mmio {
        &*self.hardware.mmio
    }

    /// Loads and starts; the write that starts returns when the job is over or hangs.
    pub(super) fn start(&self, start: &Start<'_>) {
        let room = (MEMORY_BASE as usize + MEMORY_BYTES).saturating_sub(start.load as usize);
        // A load address without memory leaves the pattern in place of a stream.
        let _ = self
            .memory()
            .write(start.load, &start.words[..start.words.len().min(room)]);
        for (offset, value) in [
            (0x10, 1),
            (0x10, start.address),
            (0x14, start.amount),
            (0x20, start.interrupts),
            (0x24, 0x1FFFF),
            (0x30, 0x7000 | (start.tasks & 0xFFF)),
            (0x34, 0),
            (0x08, 1),
            (0x08, 0),
        ] {
            self.mmio().write32(offset, value);
        }
    }

    /// Silence, or why the board hangs. A fault must name something.
    pub(super) fn fault(&self) -> Option<String> {
        let text = self.hardware.platform.fault_text();
        assert_ne!(text.as_deref(), Some(""), "a fault without words");
        text
    }

    pub(super) fn reset(&self) {
        self.hardware.platform.set_resets(true).expect("reset lines work");
        self.hardware.platform.set_resets(false).expect("reset lines work");
    }

    /// The next job runs, whatever happened before: a known program gives the result of a fresh board.
    pub(super) fn still_works(&self) {
        self.reset();
        self.memory()
            .write(MEMORY_BASE, &PATTERN)
            .expect("memory is still there");
        assert_eq!(
            self.good(),
            *GOOD,
            "after a reset a good program no longer gives its result"
        );
    }

    /// Runs the good program on a fresh memory and returns its first results.
    fn good(&self) -> [u8; 64] {
        self.start(&Start::parse(GOOD_INPUT));
        assert_eq!(self.fault(), None);
        let mut results = [0; 64];
        self.memory()
            .read(GOOD_OUTPUT, &mut results)
            .expect("its output lies in memory");
        results
    }
}

/// The start that runs on every healthy board, and where its results go.
const GOOD_INPUT: &[u8] = include_bytes!("../../corpus/streams/product.bin");
const GOOD_OUTPUT: u32 = 0x001F_0000;
static GOOD: LazyLock<[u8; 64]> = LazyLock::new(|| Bench::new().good());
