//! Products through the whole stack are exact, and cost what the formulas say.

mod common;

use common::{LONG_NS, Random, driver, naive, place, run, shape};
use npu_device::{Accelerator, Device, DeviceManager, DeviceType, Traffic};

#[test]
fn random_shapes_equal_the_schoolbook_product() {
    let mut npu = driver(64 << 20);
    let mut random = Random(2024);
    for _ in 0..60 {
        let (m, k, n) = (1 + random.below(40), 1 + random.below(400), 1 + random.below(150));
        let (a, b) = (random.values(m * k), random.values(n * k));
        let placed = place(&mut npu, &a, &b, m, k, n);
        run(&mut npu, &[placed.operation]).unwrap();
        assert_eq!(placed.result(&mut npu), naive(&a, &b, m, k, n), "m {m} k {k} n {n}");
        placed.free(&mut npu);
    }
}

#[test]
fn shapes_at_the_edges_of_the_tiling_equal_the_schoolbook_product() {
    let mut npu = driver(128 << 20);
    let mut random = Random(7);
    let shapes = [
        (1, 32, 16), // one kernel group, one row: the task is run twice
        (2, 32, 16), // halved along M
        (9, 32, 16),
        (1, 10240, 32),  // the largest K: five weight banks
        (10, 10240, 16), // bands of eight rows
        (23, 10240, 48),
        (113, 2048, 16), // one row more than seven banks hold
        (300, 2048, 64),
        (2045, 32, 16), // one row more than a band is wide
        (4100, 64, 16),
        (1, 64, 8192), // N split at 8176
        (3, 32, 16384),
        (130, 512, 8208), // both split
    ];
    for (m, k, n) in shapes {
        let (a, b) = (random.values(m * k), random.values(n * k));
        let placed = place(&mut npu, &a, &b, m, k, n);
        let report = run(&mut npu, &[placed.operation]).unwrap();
        assert_eq!(placed.result(&mut npu), naive(&a, &b, m, k, n), "m {m} k {k} n {n}");
        assert_eq!(report.operations[0].tasks % 2, 0, "m {m} k {k} n {n}");
        placed.free(&mut npu);
    }
}

#[test]
fn extreme_values_do_not_overflow_at_the_largest_k() {
    let mut npu = driver(16 << 20);
    let (m, k, n) = (2, 10240, 16);
    let placed = place(&mut npu, &vec![-128; m * k], &vec![-128; n * k], m, k, n);
    run(&mut npu, &[placed.operation]).unwrap();
    assert_eq!(placed.result(&mut npu), vec![128 * 128 * 10240; m * n]);
}

#[test]
fn a_decode_product_moves_its_weights_once_and_nothing_it_need_not() {
    let mut npu = driver(64 << 20);
    let placed = shape(&mut npu, 1, 2048, 5632);
    let report = run(&mut npu, &[placed.operation]).unwrap();
    let operation = report.operations[0];
    assert_eq!((operation.tasks, report.hardware_starts), (2, 1));
    assert_eq!(operation.macs, 2048 * 5632);
    assert_eq!(operation.cycles, 16 * 64 * 352);
    // Features once (the second half reuses them), two streams of 117 words, weights once, results once.
    let expected = Traffic {
        data_read_bytes: 2048 + 2 * 936,
        weight_read_bytes: 2048 * 5632,
        written_bytes: 4 * 5632,
    };
    assert_eq!(operation.traffic, expected);
}

#[test]
fn decode_never_beats_the_bus_or_the_memory() {
    let mut npu = driver(64 << 20);
    let bound = npu_device::NpuDevice::capabilities(&npu).bandwidth_bound_bytes_per_s;
    assert_eq!(bound, 8_000_000_000);
    for (k, n) in [
        (32, 16),
        (256, 256),
        (2048, 256),
        (2048, 2048),
        (2048, 5632),
        (5632, 2048),
    ] {
        let placed = shape(&mut npu, 1, k, n);
        let report = run(&mut npu, &[placed.operation]).unwrap();
        let traffic = report.operations[0].traffic;
        let bytes = traffic.data_read_bytes + traffic.weight_read_bytes;
        let modelled_ns = report.operations[0].modelled_ns.unwrap();
        assert!(
            u128::from(modelled_ns) * u128::from(bound) >= u128::from(bytes) * 1_000_000_000,
            "k {k} n {n}"
        );
        placed.free(&mut npu);
    }
}

#[test]
fn the_jobs_time_is_the_operations_time_plus_the_start_overhead() {
    let mut npu = driver(64 << 20);
    let placed = [(1, 64, 32), (5, 512, 256), (20, 2048, 48)].map(|(m, k, n)| shape(&mut npu, m, k, n));
    let report = run(&mut npu, &placed.each_ref().map(|placed| placed.operation)).unwrap();
    let sum: u64 = report
        .operations
        .iter()
        .map(|operation| operation.modelled_ns.unwrap())
        .sum();
    assert_eq!(report.hardware_starts, 1);
    assert_eq!(report.modelled_ns, Some(sum + 200_000));
    assert_eq!(report.end_ticks - report.start_ticks, sum + 200_000);
    let alone: Vec<u64> = placed
        .iter()
        .map(|p| run(&mut npu, &[p.operation]).unwrap().modelled_ns.unwrap())
        .collect();
    // Chained, the three save two start overheads (and a task that evened the count).
    assert!(alone.iter().sum::<u64>() >= report.modelled_ns.unwrap() + 400_000);
}

#[test]
fn larger_products_never_take_less_modelled_time() {
    let mut npu = driver(128 << 20);
    let mut time = |m, k, n| {
        let placed = shape(&mut npu, m, k, n);
        let report = run(&mut npu, &[placed.operation]).unwrap();
        placed.free(&mut npu);
        report.operations[0].modelled_ns.unwrap()
    };
    let rows: Vec<u64> = [1, 2, 4, 15, 16, 17, 64, 112, 128, 256]
        .map(|m| time(m, 2048, 256))
        .into();
    let depth: Vec<u64> = [32, 64, 256, 2048, 4096, 10240].map(|k| time(4, k, 256)).into();
    let width: Vec<u64> = [16, 32, 48, 1024, 8176, 8192, 16384].map(|n| time(4, 256, n)).into();
    for times in [rows, depth, width] {
        assert!(times.windows(2).all(|pair| pair[0] <= pair[1]), "{times:?}");
    }
}

#[test]
fn a_job_of_more_tasks_than_one_start_is_sliced_and_still_exact() {
    let board = common::board(64 << 20);
    let options = rknpu_driver::Options {
        command_tasks: 5,
        ..Default::default()
    };
    let mut npu = common::ready(rknpu_driver::Rknpu::new(
        board.hardware(),
        &rknpu_driver::RK3568,
        options,
    ));
    let mut random = Random(5);
    let (m, k, n) = (61, 10240, 16);
    let (a, b) = (random.values(m * k), random.values(n * k));
    let placed = place(&mut npu, &a, &b, m, k, n);
    let report = run(&mut npu, &[placed.operation]).unwrap();
    assert_eq!(placed.result(&mut npu), naive(&a, &b, m, k, n));
    // Eight bands of eight rows, four tasks a start: five is rounded down to even.
    assert_eq!((report.operations[0].tasks, report.hardware_starts), (8, 2));
}

#[test]
fn jobs_are_run_in_order_and_can_be_waited_for_in_any() {
    let mut npu = driver(64 << 20);
    let placed: Vec<_> = (1..=4).map(|n| shape(&mut npu, 1, 64, 16 * n)).collect();
    let tickets: Vec<_> = placed
        .iter()
        .map(|p| Accelerator::submit_task(&mut npu, &[p.operation.into()]).unwrap())
        .collect();
    let mut wait = |index: usize| Accelerator::wait_for_completion(&mut npu, tickets[index], LONG_NS).unwrap();
    let (third, first, fourth, second) = (wait(2), wait(0), wait(3), wait(1));
    let ends = [first, second, third, fourth].map(|report| (report.start_ticks, report.end_ticks));
    assert!(ends.windows(2).all(|pair| pair[0].1 == pair[1].0), "{ends:?}");
}

#[test]
fn a_registered_driver_is_found_by_its_type_and_runs() {
    let mut manager = DeviceManager::new();
    manager.register_device(Device::Serial {
        path: "/dev/ttyS2".into(),
        baud: 1_500_000,
    });
    let id = manager.register_device(Device::Npu(Box::new(driver(16 << 20))));
    let line = rknpu_driver::RK3568.interrupt_line;
    assert_eq!(manager.allocate_irq(id, line, true).unwrap().line, 151);
    let Ok((found, Device::Npu(npu))) = manager.get_device(DeviceType::Npu) else {
        panic!("no NPU")
    };
    assert_eq!(found, id);
    let npu: &mut dyn Accelerator = npu;
    let placed = place(npu, &[5; 32], &[1; 16 * 32], 1, 32, 16);
    run(npu, &[placed.operation]).unwrap();
    assert_eq!(placed.result(npu), [160; 16]);
}

#[test]
fn a_board_with_another_clock_says_so_and_is_slower_where_the_array_is_the_limit() {
    let cycles_bound = |npu_clock_hz| {
        let parameters = npu_sim::TimingParameters {
            npu_clock_hz,
            ..Default::default()
        };
        let config = npu_sim::SimConfig {
            memory_bytes: 16 << 20,
            parameters,
            ..Default::default()
        };
        let board = npu_sim::SimBoard::new(config).unwrap();
        let driver = rknpu_driver::Rknpu::new(board.hardware(), &rknpu_driver::RK3568, Default::default());
        let mut npu = common::ready(driver);
        assert_eq!(Accelerator::capabilities(&npu).npu_clock_hz, npu_clock_hz);
        let placed = shape(&mut npu, 448, 512, 512);
        run(&mut npu, &[placed.operation]).unwrap().operations[0]
            .modelled_ns
            .unwrap()
    };
    // 448 outputs x 16 slices x 32 groups of MAC cycles.
    let cycles = 448 * 16 * 32;
    assert_eq!(
        cycles_bound(200_000_000) - cycles_bound(250_000_000),
        cycles * 5 - cycles * 4
    );
}
