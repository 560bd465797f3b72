//! What goes wrong ends in a typed error, and the next job runs.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use common::{LONG_NS, board, driver, place, ready, run, shape, works};
use npu_device::{DeviceError, DmaFault, DmaMem, DmaView, Hardware, Mmio, NpuDevice, Platform, TaskMeter, Wait};
use npu_sim::{SimBoard, SimConfig, Stepping};
use rknpu_driver::{CancelHandle, Options, RK3568, Rknpu};

#[test]
fn a_job_past_its_deadline_is_a_timeout_and_the_next_job_runs() {
    let mut npu = driver(64 << 20);
    let placed = shape(&mut npu, 61, 10240, 16);
    let job = npu.submit_task(&[placed.operation.into()]).unwrap();
    assert_eq!(
        npu.wait_for_completion(job, 1),
        Err(DeviceError::Timeout { tasks_done: 1 })
    );
    assert_eq!(npu.wait_for_completion(job, LONG_NS), Err(DeviceError::NotFound));
    works(&mut npu);
}

#[test]
fn a_timeout_of_an_earlier_job_ends_the_one_waited_for_too_and_spares_those_behind() {
    let mut npu = driver(64 << 20);
    let placed = shape(&mut npu, 61, 10240, 16);
    let jobs: Vec<_> = (0..3)
        .map(|_| npu.submit_task(&[placed.operation.into()]).unwrap())
        .collect();
    assert_eq!(
        npu.wait_for_completion(jobs[1], 1),
        Err(DeviceError::Timeout { tasks_done: 0 })
    );
    assert_eq!(
        npu.wait_for_completion(jobs[0], LONG_NS),
        Err(DeviceError::Timeout { tasks_done: 1 })
    );
    assert_eq!(
        npu.wait_for_completion(jobs[2], LONG_NS).unwrap().operations[0].tasks,
        8
    );
}

/// Lets the driver's command words through, but replaces values of one register from the second stream on.
struct Tamper {
    memory: Arc<dyn DmaMem>,
    register: u32,
    value: u32,
    armed: AtomicBool,
}

impl DmaMem for Tamper {
    fn read(&self, address: u32, into: &mut [u8]) -> Result<(), DmaFault> {
        self.memory.read(address, into)
    }
    fn write(&self, address: u32, bytes: &[u8]) -> Result<(), DmaFault> {
        if !self.armed.load(Ordering::Relaxed) {
            return self.memory.write(address, bytes);
        }
        let mut bytes = bytes.to_vec();
        for word in bytes.chunks_exact_mut(8).skip(120) {
            if u32::from(word[0]) | u32::from(word[1]) << 8 == self.register && word[7] != 0 {
                word[2..6].copy_from_slice(&self.value.to_le_bytes());
            }
        }
        self.memory.write(address, &bytes)
    }
    fn zero(&self, address: u32, size_bytes: u64) -> Result<(), DmaFault> {
        self.memory.zero(address, size_bytes)
    }
    fn pin(&self, address: u32, max_bytes: usize) -> Result<Option<Box<dyn DmaView + '_>>, DmaFault> {
        self.memory.pin(address, max_bytes)
    }
}

fn tampered(register: u32, value: u32) -> (Rknpu, Arc<Tamper>) {
    let hardware = board(16 << 20).hardware();
    let tamper = Arc::new(Tamper {
        memory: hardware.dma.clone(),
        register,
        value,
        armed: AtomicBool::new(false),
    });
    let hardware = Hardware {
        dma: tamper.clone(),
        ..hardware
    };
    (ready(Rknpu::new(hardware, &RK3568, Options::default())), tamper)
}

#[test]
fn a_foreign_address_is_a_fault_that_names_task_block_and_address_and_the_next_job_runs() {
    let cases = [
        (
            0x1070,
            200,
            "task 1: CNA feature read at 0xF0000000: no memory there [word 26: 0x1070 = 0xF0000000]",
        ),
        (
            0x1110,
            1,
            "task 1: CNA weight read at 0xF0000000: no memory there [word 35: 0x1110 = 0xF0000000]",
        ),
        (
            0x4020,
            200,
            "task 1: DPU output write at 0xF0000000: no memory there [word 68: 0x4020 = 0xF0000000]",
        ),
    ];
    for (register, m, text) in cases {
        let (mut npu, tamper) = tampered(register, 0xF000_0000);
        // Many rows are cut in bands, which load their features; one row is cut in kernels, which load their weights.
        let placed = shape(&mut npu, m, 2048, 32);
        tamper.armed.store(true, Ordering::Relaxed);
        assert_eq!(run(&mut npu, &[placed.operation]), Err(DeviceError::Fault(text.into())));
        tamper.armed.store(false, Ordering::Relaxed);
        works(&mut npu);
    }
}

#[test]
fn a_program_the_hardware_would_hang_on_is_a_fault_with_its_rule_and_the_next_job_runs() {
    let (mut npu, tamper) = tampered(0x1080, 6);
    let placed = shape(&mut npu, 200, 2048, 16);
    tamper.armed.store(true, Ordering::Relaxed);
    let Err(DeviceError::Fault(text)) = run(&mut npu, &[placed.operation]) else {
        panic!("no fault")
    };
    assert!(
        text.contains("CNA.DMA_CON2 (0x1080) SURF_STRIDE = 6") && text.contains("§8 erratum 11"),
        "{text}"
    );
    tamper.armed.store(false, Ordering::Relaxed);
    works(&mut npu);
}

/// A platform that, like silicon, has no meter and explains nothing.
struct Silent(Arc<dyn Platform>);

impl Platform for Silent {
    fn pmu(&self) -> Option<&dyn Mmio> {
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

#[test]
fn without_a_meter_each_operation_is_its_own_start_and_the_counters_tell_its_traffic() {
    let hardware = board(64 << 20).hardware();
    let silent = Hardware {
        platform: Arc::new(Silent(hardware.platform.clone())),
        ..hardware
    };
    let mut counted = ready(Rknpu::new(silent, &RK3568, Options::default()));
    let mut metered = driver(64 << 20);
    let reports = [&mut counted, &mut metered].map(|npu| {
        let placed = [(1, 64, 32), (4, 128, 64)].map(|(m, k, n)| shape(npu, m, k, n).operation);
        [
            run(npu, &placed[..1]).unwrap(),
            run(npu, &placed[1..]).unwrap(),
            run(npu, &placed).unwrap(),
        ]
    });
    let [counted, metered] = reports;
    assert_eq!((counted[2].hardware_starts, metered[2].hardware_starts), (2, 1));
    for index in 0..2 {
        assert_eq!(
            counted[index].operations[0].traffic,
            metered[index].operations[0].traffic
        );
        assert_eq!(
            counted[2].operations[index].traffic,
            counted[index].operations[0].traffic
        );
        assert_eq!(counted[2].operations[index].modelled_ns, None);
    }
    assert_eq!(counted[2].modelled_ns, None);
}

#[test]
fn a_hang_that_nobody_explains_is_a_timeout_at_the_deadline() {
    let board = board(16 << 20);
    let hardware = board.hardware();
    let tamper = Tamper {
        memory: hardware.dma.clone(),
        register: 0x1080,
        value: 6,
        armed: AtomicBool::new(true),
    };
    let platform = Arc::new(Silent(hardware.platform.clone()));
    let mut npu = ready(Rknpu::new(
        Hardware {
            dma: Arc::new(tamper),
            platform,
            ..hardware
        },
        &RK3568,
        Options::default(),
    ));
    let placed = shape(&mut npu, 1, 64, 32);
    let job = npu.submit_task(&[placed.operation.into()]).unwrap();
    let submitted = npu.now_ticks();
    assert_eq!(
        npu.wait_for_completion(job, 500_000_000),
        Err(DeviceError::Timeout { tasks_done: 1 })
    );
    assert_eq!(npu.now_ticks() - submitted, 500_000_000);
}

/// Cancels after some looks at the wait's condition, which is once per task.
struct CancelAfter {
    board: SimBoard,
    looks: AtomicU32,
    handle: std::sync::Mutex<Option<CancelHandle>>,
}

impl Wait for CancelAfter {
    fn wait_until(&self, timeout_ns: u64, done: &mut dyn FnMut() -> bool) -> bool {
        self.board.wait_until(timeout_ns, &mut || {
            if self.looks.fetch_add(1, Ordering::Relaxed) == 3 {
                self.handle
                    .lock()
                    .unwrap()
                    .take()
                    .into_iter()
                    .for_each(|handle| handle.cancel());
            }
            done()
        })
    }
}

#[test]
fn a_cancelled_job_stops_at_a_task_boundary_and_the_next_job_runs() {
    let board = board(64 << 20);
    let wait = CancelAfter {
        board: board.clone(),
        looks: AtomicU32::new(0),
        handle: std::sync::Mutex::new(None),
    };
    let wait = Arc::new(wait);
    let mut npu = ready(Rknpu::new(
        Hardware {
            wait: wait.clone(),
            ..board.hardware()
        },
        &RK3568,
        Options::default(),
    ));
    let placed = shape(&mut npu, 61, 10240, 16);
    wait.looks.store(0, Ordering::Relaxed);
    *wait.handle.lock().unwrap() = Some(npu.cancel_handle());
    assert_eq!(run(&mut npu, &[placed.operation]), Err(DeviceError::Cancelled));
    assert_eq!(wait.looks.load(Ordering::Relaxed), 4);
    works(&mut npu);
}

#[test]
fn a_request_to_cancel_while_nothing_runs_hits_nobody() {
    let mut npu = driver(16 << 20);
    let placed = shape(&mut npu, 1, 64, 32);
    npu.cancel_handle().cancel();
    let jobs = [0; 2].map(|_| npu.submit_task(&[placed.operation.into()]).unwrap());
    npu.wait_for_completion(jobs[1], LONG_NS).unwrap();
    npu.wait_for_completion(jobs[0], LONG_NS).unwrap();
}

#[test]
fn completion_by_interrupt_and_by_polling_is_the_same_code_with_the_same_outcome() {
    for stepping in [Stepping::PerTask, Stepping::RunToIdle] {
        let board = SimBoard::new(SimConfig {
            memory_bytes: 16 << 20,
            stepping,
            ..SimConfig::default()
        })
        .unwrap();
        let mut npu = ready(Rknpu::new(board.hardware(), &RK3568, Options::default()));
        let (interrupt, handled) = (npu.interrupt(), Arc::new(AtomicU32::new(0)));
        let count = handled.clone();
        board.connect_interrupt(move || {
            count.fetch_add(u32::from(interrupt.ack_irq()), Ordering::Relaxed);
        });
        (0..50).for_each(|_| works(&mut npu));
        assert_eq!((handled.load(Ordering::Relaxed), npu.interrupt().mismatches()), (50, 0));
        // The line is shared with the IOMMU: an interrupt that is not ours is left alone.
        assert!(!npu.interrupt().ack_irq());
    }
}

struct Dead;

impl Mmio for Dead {
    fn read32(&self, _: u32) -> u32 {
        u32::MAX
    }
    fn write32(&self, _: u32, _: u32) {}
}

#[test]
fn a_window_that_does_not_answer_is_lost_before_anything_runs() {
    let hardware = Hardware {
        mmio: Arc::new(Dead),
        ..board(16 << 20).hardware()
    };
    let mut npu = Rknpu::new(hardware, &RK3568, Options::default());
    assert_eq!(npu.init(), Err(DeviceError::Lost));
    assert_eq!(npu.submit_task(&[]), Err(DeviceError::Lost));
}

#[test]
fn buffers_survive_the_power_domain_and_the_driver_brings_it_back() {
    let mut npu = driver(16 << 20);
    let placed = place(&mut npu, &[1; 32], &[2; 16 * 32], 1, 32, 16);
    npu.power_off().unwrap();
    npu.init().unwrap();
    run(&mut npu, &[placed.operation]).unwrap();
    assert_eq!(placed.result(&mut npu), [64; 16]);
}
