//! Device memory: made visible to the other side, freed by itself, translated by the IOMMU.

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use common::case::{Results, case};
use common::maps::window;
use common::{LONG_NS, Random, board, naive, place, ready, run};
use npu_device::{
    BufferRange, CachePolicy, ConvolutionKind, DeviceError, DmaFault, DmaMem, DmaView, Hardware, NpuDevice, Operation,
    Platform, RawCommands, SyncDirection, TaskMeter,
};
use npu_regs::{Command, register_at, task};
use npu_sim::SimBoard;
use rknpu_driver::{Options, RK3568, Rknpu};

const LINE: u32 = 64;

/// The CPU's cache in front of the board's memory: what one side writes the other sees only after a sync.
struct Cache {
    memory: Arc<dyn DmaMem>,
    lines: Mutex<BTreeMap<u32, [u8; LINE as usize]>>,
    uncached: Mutex<BTreeMap<u32, u32>>,
    /// Ignores requests to sync, as a driver without them would.
    broken: AtomicBool,
}

impl Cache {
    fn is_cached(&self, address: u32) -> bool {
        let uncached = self.uncached.lock().unwrap();
        uncached
            .range(..=address)
            .next_back()
            .is_none_or(|(_, &end)| address >= end)
    }

    fn each_line(address: u32, bytes: usize, mut each: impl FnMut(u32, usize, std::ops::Range<usize>)) {
        let mut at = 0;
        while at < bytes {
            let byte = address + at as u32;
            let inside = (byte % LINE) as usize;
            let count = (LINE as usize - inside).min(bytes - at);
            each(byte - inside as u32, inside, at..at + count);
            at += count;
        }
    }

    fn line(&self, start: u32) -> [u8; LINE as usize] {
        *self.lines.lock().unwrap().entry(start).or_insert_with(|| {
            let mut line = [0; LINE as usize];
            self.memory.read(start, &mut line).unwrap();
            line
        })
    }

    fn clean(&self, address: u32, size_bytes: u64, forget: bool) {
        let mut lines = self.lines.lock().unwrap();
        let first = address / LINE * LINE;
        let inside: Vec<u32> = lines
            .range(first..)
            .map(|(&start, _)| start)
            .take_while(|&start| u64::from(start) < u64::from(address) + size_bytes)
            .collect();
        for start in inside {
            if forget {
                lines.remove(&start);
            } else {
                self.memory.write(start, &lines[&start]).unwrap();
            }
        }
    }
}

impl DmaMem for Cache {
    fn read(&self, address: u32, into: &mut [u8]) -> Result<(), DmaFault> {
        if !self.is_cached(address) {
            return self.memory.read(address, into);
        }
        Self::each_line(address, into.len(), |start, inside, range| {
            let count = range.len();
            into[range].copy_from_slice(&self.line(start)[inside..inside + count]);
        });
        Ok(())
    }
    fn write(&self, address: u32, bytes: &[u8]) -> Result<(), DmaFault> {
        if !self.is_cached(address) {
            return self.memory.write(address, bytes);
        }
        Self::each_line(address, bytes.len(), |start, inside, range| {
            let mut line = self.line(start);
            line[inside..inside + range.len()].copy_from_slice(&bytes[range]);
            self.lines.lock().unwrap().insert(start, line);
        });
        Ok(())
    }
    fn set_cache_policy(&self, address: u32, size_bytes: u64, policy: CachePolicy) -> Result<(), DmaFault> {
        self.clean(address, size_bytes, false);
        self.clean(address, size_bytes, true);
        let mut uncached = self.uncached.lock().unwrap();
        uncached.remove(&address);
        if policy != CachePolicy::Cached {
            uncached.insert(address, address + size_bytes as u32);
        }
        Ok(())
    }
    fn sync(&self, address: u32, size_bytes: u64, direction: SyncDirection) -> Result<(), DmaFault> {
        if !self.broken.load(Ordering::Relaxed) {
            if direction.to_device() {
                self.clean(address, size_bytes, false);
            }
            if direction.from_device() {
                self.clean(address, size_bytes, true);
            }
        }
        Ok(())
    }
    fn pin(&self, _: u32, _: usize) -> Result<Option<Box<dyn DmaView + '_>>, DmaFault> {
        Ok(None)
    }
}

fn cached(options: Options) -> (Rknpu, Arc<Cache>) {
    let hardware = board(32 << 20).hardware();
    let cache = Arc::new(Cache {
        memory: hardware.dma.clone(),
        lines: Mutex::new(BTreeMap::new()),
        uncached: Mutex::new(BTreeMap::new()),
        broken: AtomicBool::new(false),
    });
    let hardware = Hardware {
        dma: cache.clone(),
        ..hardware
    };
    (ready(Rknpu::new(hardware, &RK3568, options)), cache)
}

fn paged() -> Options {
    Options {
        paging: true,
        ..Options::default()
    }
}

fn product(npu: &mut Rknpu, random: &mut Random, (m, k, n): (usize, usize, usize)) -> bool {
    let (a, b) = (random.values(m * k), random.values(n * k));
    let placed = place(npu, &a, &b, m, k, n);
    run(npu, &[placed.operation]).unwrap();
    let equal = placed.result(npu) == naive(&a, &b, m, k, n);
    placed.free(npu);
    equal
}

#[test]
fn behind_a_cache_products_are_exact_because_of_the_syncs() {
    for options in [Options::default(), paged()] {
        let (mut npu, cache) = cached(options);
        let mut random = Random(31);
        for shape in [(3, 64, 32), (1, 32, 16), (9, 256, 48), (2, 10_272, 16)] {
            assert!(product(&mut npu, &mut random, shape), "{shape:?}");
        }
        // The model of the cache can fail: without syncs the device sees old bytes.
        cache.broken.store(true, Ordering::Relaxed);
        if !options.paging {
            assert!(!product(&mut npu, &mut random, (3, 64, 32)));
        }
    }
}

#[test]
fn uncached_buffers_need_no_sync() {
    let (mut npu, cache) = cached(Options::default());
    cache.broken.store(true, Ordering::Relaxed);
    let buffers = [CachePolicy::WriteCombined, CachePolicy::Uncached].map(|policy| {
        let buffer = npu.allocate_with_policy(100, policy).unwrap();
        npu.write_memory(BufferRange { buffer, offset: 10 }, &[7; 50]).unwrap();
        buffer
    });
    for buffer in buffers {
        let mut bytes = [0; 50];
        let address = npu.device_address(buffer).unwrap();
        cache.memory.read(address + 10, &mut bytes).unwrap();
        assert_eq!(bytes, [7; 50]);
    }
}

#[test]
fn memory_that_somebody_mapped_is_synced_on_request() {
    let (mut npu, cache) = cached(Options::default());
    let buffer = npu.allocate_memory(64).unwrap();
    let address = npu.device_address(buffer).unwrap();
    let at = BufferRange { buffer, offset: 0 };
    // As a mapping would: the cache changes, the driver is not told.
    cache.write(address, &[1; 64]).unwrap();
    let mut seen = [0; 64];
    cache.memory.read(address, &mut seen).unwrap();
    assert_eq!(seen, [0; 64]);
    npu.sync_memory(at, 64, SyncDirection::ToDevice).unwrap();
    cache.memory.read(address, &mut seen).unwrap();
    assert_eq!(seen, [1; 64]);
    cache.memory.write(address, &[2; 64]).unwrap();
    npu.sync_memory(at, 64, SyncDirection::FromDevice).unwrap();
    cache.read(address, &mut seen).unwrap();
    assert_eq!(seen, [2; 64]);
    assert!(matches!(
        npu.sync_memory(at, 65, SyncDirection::Both),
        Err(DeviceError::Invalid(_))
    ));
}

#[test]
fn a_dropped_buffer_frees_itself_but_never_under_a_job() {
    let mut npu = common::driver(16 << 20);
    let before = npu.free_bytes();
    let buffer = npu.allocate_buffer(5000, CachePolicy::Cached).unwrap();
    let clone = buffer.clone();
    drop(buffer);
    npu.write_memory(clone.at(100), &[1; 10]).unwrap();
    let id = clone.id();
    drop(clone);
    let next = npu.allocate_memory(1).unwrap();
    assert_eq!(npu.buffer_bytes(id), Err(DeviceError::NotFound));
    npu.free_memory(next).unwrap();
    assert_eq!(npu.free_bytes(), before);

    let placed = place(&mut npu, &[1; 32], &[1; 16 * 32], 1, 32, 16);
    let c = npu.allocate_buffer(64, CachePolicy::Cached).unwrap();
    let product = npu_device::MatmulInt8 {
        c: c.at(0),
        ..placed.operation
    };
    let job = npu.submit_task(&[product.into()]).unwrap();
    let id = c.id();
    drop(c);
    let other = npu.allocate_memory(1).unwrap();
    assert_eq!(npu.buffer_bytes(id), Ok(64));
    npu.wait_for_completion(job, LONG_NS).unwrap();
    npu.free_memory(other).unwrap();
    npu.allocate_memory(1).unwrap();
    assert_eq!(npu.buffer_bytes(id), Err(DeviceError::NotFound));
}

fn paged_board(board: &SimBoard) -> Rknpu {
    ready(Rknpu::new(board.hardware(), &RK3568, paged()))
}

#[test]
fn behind_the_iommu_everything_equals_the_reference() {
    let board = board(64 << 20);
    let mut npu = paged_board(&board);
    let mut random = Random(32);
    for _ in 0..10 {
        let shape = (1 + random.below(40), 1 + random.below(400), 1 + random.below(100));
        assert!(product(&mut npu, &mut random, shape), "{shape:?}");
        let window = window(&mut random, (9, 11), 3);
        let case = case(
            &mut npu,
            &mut random,
            ConvolutionKind::Dense,
            ((20, 9, 11), 33),
            window,
            Results::Full,
        );
        run(&mut npu, &[case.operation]).unwrap();
        case.check(&mut npu);
        case.free(&mut npu);
    }
}

#[test]
fn behind_the_iommu_a_buffer_may_lie_in_pieces() {
    // Without the IOMMU this memory has no 3 MiB in one piece.
    for paging in [false, true] {
        let board = board(8 << 20);
        let options = Options {
            paging,
            command_tasks: 16,
            ..Options::default()
        };
        let mut npu = ready(Rknpu::new(board.hardware(), &RK3568, options));
        let pieces: Vec<_> = std::iter::from_fn(|| npu.allocate_memory(1 << 20).ok()).collect();
        for piece in pieces.iter().step_by(2) {
            npu.free_memory(*piece).unwrap();
        }
        let large = npu.allocate_memory(3 << 20);
        assert_eq!(large.is_ok(), paging);
        let Ok(buffer) = large else { continue };
        let bytes: Vec<u8> = (0..3u32 << 20).map(|index| (index / 4093) as u8).collect();
        npu.write_memory(BufferRange { buffer, offset: 0 }, &bytes).unwrap();
        let mut back = vec![0; 3 << 20];
        npu.read_memory(BufferRange { buffer, offset: 0 }, &mut back).unwrap();
        assert_eq!(back, bytes);
    }
}

#[test]
fn after_a_timeout_the_iommu_is_attached_again() {
    let board = board(64 << 20);
    let mut npu = paged_board(&board);
    let directory = board.hardware().mmio.read32(npu_regs::iommu::DTE_ADDRESS);
    assert_ne!(directory, 0);
    let placed = common::shape(&mut npu, 61, 10240, 16);
    let job = npu.submit_task(&[placed.operation.into()]).unwrap();
    assert_eq!(
        npu.wait_for_completion(job, 1),
        Err(DeviceError::Timeout { tasks_done: 1 })
    );
    let mmio = board.hardware().mmio;
    assert_eq!(mmio.read32(npu_regs::iommu::DTE_ADDRESS), directory);
    assert_eq!(
        mmio.read32(npu_regs::iommu::STATUS) & npu_regs::iommu::STATUS_PAGING,
        npu_regs::iommu::STATUS_PAGING
    );
    assert!(product(&mut npu, &mut Random(33), (5, 96, 32)));
    // The power domain forgets it too.
    npu.power_off().unwrap();
    npu.init().unwrap();
    assert!(product(&mut npu, &mut Random(34), (5, 96, 32)));
}

/// A platform that, like silicon, explains nothing.
struct Silent(Arc<dyn Platform>);

impl Platform for Silent {
    fn pmu(&self) -> Option<&dyn npu_device::Mmio> {
        self.0.pmu()
    }
    fn set_npu_clock_hz(&self, wanted_hz: u64) -> Result<u64, DeviceError> {
        self.0.set_npu_clock_hz(wanted_hz)
    }
    fn set_resets(&self, asserted: bool) -> Result<(), DeviceError> {
        self.0.set_resets(asserted)
    }
    fn fault_text(&self) -> Option<String> {
        None
    }
    fn meter(&self) -> Option<&dyn TaskMeter> {
        None
    }
}

/// The words of one product, with the address of its features replaced.
fn foreign(npu: &mut Rknpu, placed: &common::Placed, features: u32) -> Operation {
    let listing = npu.disassemble_job(&[placed.operation.into()]).unwrap();
    let mut words = common::tasks(&listing).swap_remove(0);
    for word in &mut words {
        if let Ok(Command::Write { register, .. }) = Command::decode(*word)
            && register.offset == 0x1070
        {
            let register = register_at(0x1070).unwrap();
            *word = Command::Write {
                register,
                value: features,
            }
            .encode();
        }
    }
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let commands = common::maps::buffer(npu, &bytes);
    Operation::Raw(RawCommands {
        commands,
        words: words.len() as u32,
        tasks: 1,
        interrupt_mask: task::INTERRUPT_DPU,
        operands: vec![placed.operation.b.buffer, placed.operation.c.buffer],
    })
}

#[test]
fn a_freed_buffer_is_a_page_fault_that_names_the_address() {
    for silent in [false, true] {
        let board = board(32 << 20);
        let mut hardware = board.hardware();
        if silent {
            hardware.platform = Arc::new(Silent(hardware.platform));
        }
        let mut npu = ready(Rknpu::new(hardware, &RK3568, paged()));
        let placed = common::shape(&mut npu, 4, 64, 32);
        let gone = npu.allocate_memory(4096).unwrap();
        let address = npu.device_address(gone).unwrap();
        let raw = foreign(&mut npu, &placed, address);
        // Remembered by the IOMMU while it exists.
        let job = npu.submit_task(std::slice::from_ref(&raw)).unwrap();
        npu.wait_for_completion(job, LONG_NS).unwrap();
        npu.free_memory(gone).unwrap();
        let job = npu.submit_task(&[raw]).unwrap();
        let Err(DeviceError::Fault(text)) = npu.wait_for_completion(job, LONG_NS) else {
            panic!("no fault")
        };
        assert!(text.contains(&format!("0x{address:08X}")), "{text}");
        assert!(product(&mut npu, &mut Random(35), (5, 96, 32)));
    }
}
