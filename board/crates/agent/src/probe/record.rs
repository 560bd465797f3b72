//! Who listens on the bus while a session records: knows which accesses are ours and hands them to the recording.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use npu_regs::{Block, Register, pc};
use npu_sim::HostMemory;

use super::recording::{Captured, Recording, StartRegisters, TooLarge};

/// The listener.
pub(super) struct Recorder {
    memory: Arc<HostMemory>,
    active: AtomicBool,
    ours: AtomicBool,
    registers: StartRegisters,
    recording: Mutex<Option<Recording>>,
}

impl Recorder {
    pub(super) fn new(memory: Arc<HostMemory>) -> Self {
        Self {
            memory,
            active: AtomicBool::new(false),
            ours: AtomicBool::new(false),
            registers: StartRegisters::default(),
            recording: Mutex::new(None),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Recording>> {
        self.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs with the recording, where one is under way.
    fn with(&self, run: impl FnOnce(&mut Recording)) {
        if self.active.load(Ordering::Acquire)
            && let Some(recording) = &mut *self.lock()
        {
            run(recording);
        }
    }

    fn is_ours(&self) -> bool {
        self.ours.load(Ordering::Acquire)
    }

    pub(super) fn attend(&self, ours: bool) {
        self.ours.store(ours, Ordering::Release);
    }

    pub(super) fn begin(&self) {
        *self.lock() = Some(Recording::begun());
        self.active.store(true, Ordering::Release);
    }

    pub(super) fn end(&self) -> Option<Result<Captured, TooLarge>> {
        self.active.store(false, Ordering::Release);
        let recording = self.lock().take()?;
        Some(recording.finish())
    }

    pub(super) fn reset(&self) {
        self.with(Recording::reset);
    }

    /// A register is about to be written.
    pub(super) fn register(&self, offset: u32, value: u32) {
        let latest = &self.registers;
        match offset {
            // Bit 0 is slave mode and carries no address.
            o if o == pc::BASE_ADDRESS::INFO.offset && value & 1 == 0 => latest.address.store(value, Ordering::Release),
            o if o == pc::REGISTER_AMOUNTS::INFO.offset => latest.amount.store(value, Ordering::Release),
            o if o == pc::INTERRUPT_MASK::INFO.offset => latest.mask.store(value, Ordering::Release),
            o if o == pc::INTERRUPT_CLEAR::INFO.offset => latest.clear.store(value, Ordering::Release),
            o if o == pc::TASK_CON::INFO.offset => latest.task_con.store(value, Ordering::Release),
            o if o == pc::TASK_DMA_BASE_ADDR::INFO.offset => latest.dma_base.store(value, Ordering::Release),
            o if o == pc::OPERATION_ENABLE::INFO.offset && value & 1 == 1 => self.start(),
            o if Block::at(o).is_some_and(|block| block.enable_bit().is_some()) && self.is_ours() => {
                self.with(|recording| recording.set_up(offset, value));
            }
            _ => {}
        }
    }

    fn start(&self) {
        let ours = self.is_ours();
        self.with(|recording| {
            if ours {
                recording.start(&self.registers);
            } else {
                recording.disturb();
            }
        });
    }

    pub(super) fn device_reads(&self, address: u32, length: usize) {
        if self.is_ours() {
            self.with(|recording| recording.touch(&self.memory, address, length));
        }
    }

    pub(super) fn device_writes(&self, address: u32, bytes: &[u8]) {
        let ours = self.is_ours();
        self.with(|recording| {
            if ours {
                recording.touch(&self.memory, address, bytes.len());
                recording.apply(address, bytes);
                recording.note_written(u64::from(address), u64::from(address) + bytes.len() as u64);
            } else {
                // Somebody else's job: for this recording it is a change between two starts.
                recording.patch(address, bytes);
            }
        });
    }

    pub(super) fn cpu_writes(&self, address: u32, bytes: &[u8]) {
        self.with(|recording| recording.patch(address, bytes));
    }

    pub(super) fn cpu_zeroes(&self, address: u32, size_bytes: u64) {
        self.with(|recording| recording.zero(address, size_bytes));
    }
}

#[cfg(test)]
mod tests {
    use npu_device::DmaMem;
    use npu_tool::job::Job;

    use super::*;

    fn recorder() -> Recorder {
        let recorder = Recorder::new(Arc::new(HostMemory::new(1 << 20).unwrap()));
        recorder.attend(true);
        recorder.begin();
        recorder
    }

    const BASE: u32 = npu_sim::MEMORY_BASE;

    #[test]
    fn written_ranges_that_touch_become_one_expectation() {
        let recorder = recorder();
        for (offset, length) in [(0, 16), (32, 16), (16, 16), (100, 4), (40, 20)] {
            recorder.device_writes(BASE + offset, &vec![1; length]);
        }
        let recording = recorder.lock().take().unwrap();
        let base = u64::from(BASE);
        let ranges: Vec<_> = recording
            .written
            .iter()
            .map(|(start, end)| (start - base, end - base))
            .collect();
        assert_eq!(ranges, [(0, 60), (100, 104)]);
    }

    #[test]
    fn a_change_of_the_cpu_between_starts_is_a_patch_and_one_before_the_first_touch_is_not() {
        let recorder = recorder();
        let write = |offset: u32, byte: u8| {
            recorder.memory.write(BASE + offset, &[byte; 8]).unwrap();
            recorder.cpu_writes(BASE + offset, &[byte; 8]);
        };
        let start = || {
            recorder.register(pc::TASK_CON::INFO.offset, 0x7001);
            recorder.register(pc::OPERATION_ENABLE::INFO.offset, 1);
        };
        write(0, 5);
        start();
        recorder.device_reads(BASE, 8);
        write(4, 7);
        start();
        write(4, 9);
        let captured = recorder.end().unwrap().unwrap();
        let job = Job::parse(std::str::from_utf8(&captured.files[0].1).unwrap()).unwrap();
        assert_eq!((captured.submits, job.submits.len()), (2, 2));
        assert_eq!(job.submits[0].memory, []);
        assert_eq!(
            (job.submits[0].reset_before, job.submits[1].reset_before),
            (true, false)
        );
        let file = |name: &str| &captured.files.iter().find(|(known, _)| known == name).unwrap().1;
        assert_eq!(
            file(&format!("memory-{BASE:08x}.bin"))[..12],
            [5, 5, 5, 5, 5, 5, 5, 5, 0, 0, 0, 0]
        );
        let patch = job.submits[1].memory[0].file.clone().unwrap();
        assert_eq!(file(&patch)[..12], [5, 5, 5, 5, 7, 7, 7, 7, 7, 7, 7, 7]);
    }

    #[test]
    fn what_others_run_meanwhile_is_no_start_of_this_recording() {
        let recorder = recorder();
        recorder.device_reads(BASE, 8);
        recorder.attend(false);
        recorder.register(pc::OPERATION_ENABLE::INFO.offset, 1);
        recorder.device_writes(BASE, &[3; 4]);
        recorder.device_writes(BASE + 0x8000, &[3; 4]);
        recorder.attend(true);
        recorder.register(pc::OPERATION_ENABLE::INFO.offset, 1);
        let recording = recorder.lock().take().unwrap();
        assert_eq!((recording.submits.len(), recording.pages.len()), (1, 1));
        assert!(recording.submits[0].0.reset_before);
        assert_eq!(recording.submits[0].1[&BASE][..4], [3; 4]);
    }
}
