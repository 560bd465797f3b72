//! Right programs, written word by word, run right: results, interrupt, counters, time.

mod common;

use common::{A, B, Bench, C, COMMANDS, Random, Task, reference, word};
use npu_device::{Clock, DmaFault, DmaMem, DmaView, Mmio, TaskCost};
use npu_sim::{HostMemory, Npu, Progress, Stepping, TimingParameters, VirtualClock};

fn fill(bench: &Bench, seed: u64, m: usize, k: usize, n: usize) -> Vec<i32> {
    let mut random = Random(seed);
    let (a, b) = (random.bytes(k * m.div_ceil(4) * 4), random.bytes(n * k));
    bench.write(A, &a);
    bench.write(B, &b);
    reference(&a, &b, m, k, n)
}

fn halves(task: &Task) -> [Task; 2] {
    let half = task.n / 2;
    let m = task.width * task.height;
    let second = Task {
        n: half,
        b: task.b + half * task.k,
        c: task.c + half * m * 4,
        ..task.clone()
    };
    [
        Task {
            n: half,
            ..task.clone()
        },
        second,
    ]
}

#[test]
fn a_chain_of_two_tasks_gives_the_exact_product_and_one_interrupt() {
    let bench = Bench::new();
    let expected = fill(&bench, 1, 5, 64, 64);
    bench.run(&halves(&Task::new(5, 64, 64)));
    assert_eq!(bench.fault(), "");
    assert_eq!(bench.read_i32(C, 5 * 64), expected);
    assert_eq!(bench.mmio.read32(0x3C), 2);
    // The second task ran in group 1, so the DPU's bit 9 is raised, once.
    assert_eq!((bench.mmio.read32(0x2C), bench.mmio.read32(0x28)), (0x200, 0x200));
    assert!(bench.board.interrupt_level());
    bench.mmio.write32(0x24, 0x1FFFF);
    assert_eq!((bench.mmio.read32(0x2C), bench.board.interrupt_level()), (0, false));
}

#[test]
fn the_counters_are_features_commands_weights_and_results_in_eight_byte_units() {
    let bench = Bench::new();
    fill(&bench, 2, 5, 64, 64);
    bench.run(&halves(&Task::new(5, 64, 64)));
    // §3.6: two tasks load 5 x 64 features each and 117 command words each.
    assert_eq!(bench.mmio.read32(0x8038), 2 * (5 * 64 / 8 + 117));
    assert_eq!(bench.mmio.read32(0x803C), 64 * 64 / 8);
    assert_eq!(bench.mmio.read32(0x8034), 5 * 64 * 4 / 8);
    bench.mmio.write32(0x10, 1);
    bench.mmio.write32(0x8010, 0x8000_0101);
    assert_eq!(
        [0x8034, 0x8038, 0x803C].map(|offset| bench.mmio.read32(offset)),
        [0, 0, 0]
    );
}

#[test]
fn the_same_pixels_as_rows_of_four_give_the_same_product() {
    let bench = Bench::new();
    let expected = fill(&bench, 3, 24, 96, 32);
    bench.run(&halves(&Task {
        width: 4,
        height: 6,
        ..Task::new(24, 96, 32)
    }));
    assert_eq!(bench.fault(), "");
    assert_eq!(bench.read_i32(C, 24 * 32), expected);
}

#[test]
fn a_window_of_a_wider_map_is_gathered_by_line_and_surface_stride() {
    let bench = Bench::new();
    let (k, n) = (64usize, 32usize);
    let mut random = Random(4);
    // A map of 8 x 4 pixels, of which columns 2 to 4 and rows 1 to 2 are multiplied.
    let (map, b) = (random.bytes(k * 32), random.bytes(n * k));
    bench.write(A, &map);
    bench.write(B, &b);
    let mut window = vec![0; k * 8];
    for (surface, row, column) in (0..k / 8).flat_map(|s| (0..2).flat_map(move |y| (0..3).map(move |x| (s, y, x)))) {
        let from = (surface * 32 + (row + 1) * 8 + column + 2) * 8;
        let to = (surface * 8 + row * 3 + column) * 8;
        window[to..to + 8].copy_from_slice(&map[from..from + 8]);
    }
    let start = A + (8 + 2) * 8;
    let task = Task {
        width: 3,
        height: 2,
        a: start,
        ..Task::new(6, 64, 32)
    }
    .with(0x107C, 8)
    .with(0x1080, 32);
    bench.run(&halves(&task));
    assert_eq!(bench.fault(), "");
    assert_eq!(bench.read_i32(C, 6 * n), reference(&window, &b, 6, k, n));
}

#[test]
fn results_can_be_a_band_of_a_taller_matrix() {
    let bench = Bench::new();
    let expected = fill(&bench, 5, 8, 32, 32);
    let band = |first: u32| {
        let task = Task {
            a: A + first * 8,
            c: C + first * 16,
            ..Task::new(4, 32, 32)
        };
        task.with(0x1080, 8).with(0x4024, 16 * 8).with(0x40C0, 64 * 8)
    };
    bench.run(&[band(0), band(4).with(0x1040, 0x2044)]);
    assert_eq!(bench.fault(), "");
    assert_eq!(bench.read_i32(C, 8 * 32), expected);
    // The second band's weights were still in their banks.
    assert_eq!(bench.mmio.read32(0x803C), 32 * 32 / 8);
}

#[test]
fn reused_features_are_not_read_again() {
    let bench = Bench::new();
    let expected = fill(&bench, 6, 3, 32, 32);
    let [first, second] = halves(&Task::new(3, 32, 32));
    bench.run(&[first, second.with(0x1040, 0x1044)]);
    assert_eq!(bench.fault(), "");
    assert_eq!(bench.read_i32(C, 3 * 32), expected);
    assert_eq!(bench.mmio.read32(0x8038), 3 * 32 / 8 + 2 * 117);
}

#[test]
fn registers_a_task_leaves_out_come_from_two_tasks_before() {
    let bench = Bench::new();
    let expected = fill(&bench, 7, 1, 32, 64);
    let quarter = |i: u32| Task {
        n: 16,
        b: B + i * 16 * 32,
        c: C + i * 64,
        ..Task::new(1, 32, 64)
    };
    let next = |i: u32, amount: u32| Some((COMMANDS + 960 * i, amount));
    // The third and fourth task write their addresses only; everything else is in their group already.
    let delta = |i: u32, next: Option<(u32, u32)>| {
        let full = quarter(i).words(next);
        [
            &[word(0x0201, 0x1110, B + i * 512), word(0x1001, 0x4020, C + i * 64)],
            &full[full.len() - 4..],
        ]
        .concat()
    };
    let streams = [
        quarter(0).words(next(1, 116)),
        quarter(1).words(next(2, 5)),
        delta(2, next(3, 5)),
        delta(3, None),
    ];
    let amount = bench.place(&streams);
    bench.commit(amount, 4);
    assert_eq!(bench.fault(), "");
    assert_eq!(bench.read_i32(C, 64), expected);
}

#[test]
fn words_with_target_zero_do_nothing_but_are_counted() {
    let bench = Bench::new();
    let expected = fill(&bench, 8, 1, 32, 16);
    let padded = [vec![0; 3], Task::new(1, 32, 16).words(Some((COMMANDS + 960, 116)))].concat();
    let amount = bench.place(&[padded, Task::new(1, 32, 16).words(None)]);
    assert_eq!(amount, 119);
    bench.commit(amount, 2);
    assert_eq!(bench.read_i32(C, 16), expected);
    assert_eq!(bench.mmio.read32(0x8038), 2 * 32 / 8 + 120 + 117);
}

#[test]
fn stepping_and_running_to_idle_end_in_the_same_state_at_the_same_time() {
    let outcome = |stepping: Stepping| {
        let bench = Bench::stepping(stepping);
        fill(&bench, 9, 7, 64, 64);
        bench.run(&halves(&Task::new(7, 64, 64)));
        let mut steps = 0;
        while bench.board.npu().advance(1) == Progress::Busy {
            steps += 1;
        }
        (
            bench.read_i32(C, 7 * 64),
            bench.hardware.clock.now_ns(),
            bench.mmio.read32(0x2C),
            steps,
        )
    };
    let (idle, stepped) = (outcome(Stepping::RunToIdle), outcome(Stepping::PerTask));
    assert_eq!((idle.0, idle.1, idle.2), (stepped.0, stepped.1, stepped.2));
    assert_eq!((idle.3, stepped.3), (0, 1));
}

#[test]
fn the_clock_moves_by_the_start_overhead_and_the_tasks_costs_exactly() {
    let bench = Bench::new();
    fill(&bench, 10, 7, 64, 64);
    let before = bench.hardware.clock.now_ns();
    bench.run(&halves(&Task::new(7, 64, 64)));
    let mut costs: Vec<TaskCost> = Vec::new();
    bench
        .hardware
        .platform
        .meter()
        .unwrap()
        .drain(&mut |cost| costs.push(cost));
    let sum: u64 = costs.iter().map(|cost| cost.modelled_ns).sum();
    assert_eq!(costs.len(), 2);
    assert_eq!(bench.hardware.clock.now_ns() - before, 200_000 + sum);
    assert_eq!(costs[0].cycles, 16 * 2 * 2);
}

/// Memory as a kernel offers it: no views.
struct NoViews(HostMemory);

impl DmaMem for NoViews {
    fn read(&self, address: u32, into: &mut [u8]) -> Result<(), DmaFault> {
        self.0.read(address, into)
    }
    fn write(&self, address: u32, bytes: &[u8]) -> Result<(), DmaFault> {
        self.0.write(address, bytes)
    }
    fn pin(&self, _: u32, _: usize) -> Result<Option<Box<dyn DmaView + '_>>, DmaFault> {
        Ok(None)
    }
}

struct NoLine;

impl npu_device::IrqLine for NoLine {
    fn set(&self, _: bool) {}
}

#[test]
fn memory_without_views_gives_the_same_product() {
    let memory = std::sync::Arc::new(NoViews(HostMemory::new(8 << 20).unwrap()));
    let clock = std::sync::Arc::new(VirtualClock::default());
    let line = std::sync::Arc::new(NoLine);
    let npu = Npu::new(
        memory.clone(),
        line,
        clock.clone(),
        None,
        TimingParameters::RK3568_DEFAULT,
    );
    npu.set_power(true);
    let mut random = Random(11);
    let (a, b) = (random.bytes(64 * 4), random.bytes(48 * 64));
    memory.write(A, &a).unwrap();
    memory.write(B, &b).unwrap();
    let words: Vec<u8> = Task::new(3, 64, 48)
        .words(None)
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    memory.write(COMMANDS, &words).unwrap();
    for (offset, value) in [(0x10, COMMANDS), (0x14, 116), (0x30, 0x7001), (0x08, 1)] {
        npu.write32(offset, value);
    }
    let mut c = vec![0; 3 * 48 * 4];
    memory.read(C, &mut c).unwrap();
    let c: Vec<i32> = c
        .chunks_exact(4)
        .map(|four| i32::from_le_bytes(four.try_into().unwrap()))
        .collect();
    assert_eq!(npu.fault(), None);
    assert_eq!(c, reference(&a, &b, 3, 64, 48));
    assert!(clock.now_ns() > 200_000);
}
