//! Jobs: order, progress, streams of the caller, and counts that leave an executer in the wrong group.

mod common;

use common::maps::{buffer, empty, read};
use common::{LONG_NS, Random, driver, naive, place, shape};
use npu_device::{
    Activation, ActivationTable, BufferRange, DeviceError, FeatureMap, JobState, NpuDevice, Operation,
    OutputConversion, Pool, PoolMethod, Precision, Priority, RawCommands, Rescale, TaskProgress, Window, layout,
};
use npu_regs::{Command, task};
use rknpu_driver::Rknpu;

#[test]
fn jobs_of_higher_priority_run_first_and_equal_ones_in_order() {
    let mut npu = driver(16 << 20);
    let placed = shape(&mut npu, 1, 64, 32);
    let operations = [placed.operation.into()];
    let order = [
        Priority::Normal, // runs at once
        Priority::Low,
        Priority::Normal,
        Priority::High,
        Priority::Normal,
        Priority::High,
    ];
    let jobs = order.map(|priority| npu.submit_with_priority(&operations, priority).unwrap());
    let starts: Vec<u64> = jobs
        .iter()
        .map(|&job| npu.wait_for_completion(job, LONG_NS).unwrap().start_ticks)
        .collect();
    let mut by_start: Vec<usize> = (0..6).collect();
    by_start.sort_by_key(|&index| starts[index]);
    assert_eq!(by_start, [0, 3, 5, 2, 4, 1]);
}

#[test]
fn a_jobs_status_tells_its_place_and_the_progress_of_each_operation() {
    let mut npu = driver(64 << 20);
    let small = shape(&mut npu, 1, 64, 32).operation;
    let large = shape(&mut npu, 61, 10240, 16).operation;
    let first = npu.submit_task(&[small.into(), large.into()]).unwrap();
    let second = npu.submit_task(&[small.into()]).unwrap();
    let status = npu.job_status(first).unwrap();
    assert_eq!(status.state, JobState::Running);
    let progress = |planned, finished| TaskProgress { planned, finished };
    assert_eq!(status.operations, [progress(1, 0), progress(9, 0)]);
    let status = npu.job_status(second).unwrap();
    assert_eq!(status.state, JobState::Queued { ahead: 1 });
    assert_eq!(status.operations, [progress(2, 0)]);
    npu.wait_for_completion(second, LONG_NS).unwrap();
    assert_eq!(npu.job_status(second), Err(DeviceError::NotFound));
    assert_eq!(npu.job_status(first).unwrap().state, JobState::Ended);
    npu.wait_for_completion(first, LONG_NS).unwrap();
}

#[test]
fn products_deeper_than_one_task_are_summed_on_the_cpu_and_say_so() {
    let mut npu = driver(64 << 20);
    let free = npu.free_bytes();
    let mut random = Random(41);
    for (m, k, n, parts) in [(1, 10_272, 16, 2), (3, 20_480, 33, 2), (9, 33_000, 20, 4)] {
        let (a, b) = (random.values(m * k), random.values(n * k));
        let placed = place(&mut npu, &a, &b, m, k, n);
        let other = shape(&mut npu, 2, 64, 32);
        let report = common::run(&mut npu, &[placed.operation, other.operation]).unwrap();
        assert_eq!(placed.result(&mut npu), naive(&a, &b, m, k, n), "m {m} k {k} n {n}");
        let summed = report.operations.iter().map(|report| report.cpu_summed_parts);
        assert_eq!(summed.collect::<Vec<_>>(), [parts, 0]);
        placed.free(&mut npu);
        other.free(&mut npu);
    }
    // The memory of the parts comes back with the next call.
    let last = npu.allocate_memory(1).unwrap();
    npu.free_memory(last).unwrap();
    assert_eq!(npu.free_bytes(), free);
}

/// A stream of one product as the driver would write it.
fn words_of(npu: &Rknpu, operation: Operation) -> Vec<Vec<u64>> {
    common::tasks(&npu.disassemble_job(&[operation]).unwrap())
}

fn raw(npu: &mut Rknpu, words: &[u64], interrupt_mask: u32, operands: &[BufferRange]) -> RawCommands {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    RawCommands {
        commands: buffer(npu, &bytes),
        words: words.len() as u32,
        tasks: 1,
        interrupt_mask,
        operands: operands.iter().map(|range| range.buffer).collect(),
    }
}

#[test]
fn words_of_the_caller_run_and_an_odd_count_does_not_hang_the_next_job() {
    let mut npu = driver(16 << 20);
    let (a, b) = (Random(42).values(4 * 64), Random(43).values(32 * 64));
    let placed = place(&mut npu, &a, &b, 4, 64, 32);
    let words = words_of(&npu, placed.operation.into());
    let operands = [placed.operation.a, placed.operation.b, placed.operation.c];
    let raws: Vec<Operation> = words
        .iter()
        .map(|words| {
            // The first of two tasks would go on to the second: here each is a chain of its own.
            let own: Vec<u64> = words
                .iter()
                .map(|&word| {
                    match Command::decode(word) {
                        Ok(Command::Write { register, .. }) if register.offset == 0x10 => {
                            Command::Write { register, value: 0 }.encode()
                        }
                        // Each start loads its own features.
                        Ok(Command::Write { register, value }) if register.offset == 0x1040 => Command::Write {
                            register,
                            value: value & !0x3000,
                        }
                        .encode(),
                        _ => word,
                    }
                })
                .collect();
            raw(&mut npu, &own, task::INTERRUPT_DPU, &operands).into()
        })
        .collect();
    for _ in 0..3 {
        npu.write_memory(placed.operation.c, &[0; 16]).unwrap();
        let report = common::run(&mut npu, &raws).unwrap();
        assert_eq!(placed.result(&mut npu), naive(&a, &b, 4, 64, 32));
        assert_eq!((report.hardware_starts, report.operations[1].tasks), (2, 1));
    }
    // A buffer that the words name cannot be freed under them.
    let job = npu.submit_task(&raws).unwrap();
    assert_eq!(npu.free_memory(placed.operation.b.buffer), Err(DeviceError::Busy));
    npu.wait_for_completion(job, LONG_NS).unwrap();
}

fn pooling(npu: &mut Rknpu) -> Pool {
    let values: Vec<i8> = Random(44).values(8 * 6 * 8);
    Pool {
        precision: Precision::Int8,
        input: FeatureMap {
            at: buffer(npu, &layout::features::pack(&values, 8, 6, 8, 8)),
            width: 8,
            height: 6,
            channels: 8,
        },
        method: PoolMethod::Maximum,
        window: Window::of(2, 2).stride(2),
        pad_value: -128,
        output: empty(npu, layout::features::bytes(Precision::Int8, 4, 3, 8, 8)),
    }
}

#[test]
fn a_chain_of_the_caller_that_ends_in_the_pooling_unit_is_done_without_an_interrupt() {
    let mut npu = driver(16 << 20);
    let pool = pooling(&mut npu);
    common::run(&mut npu, &[pool]).unwrap();
    let expected = read(&mut npu, pool.output);
    npu.write_memory(pool.output, &vec![0; expected.len()]).unwrap();
    let mut words = words_of(&npu, pool.into()).swap_remove(0);
    assert_eq!(words.len(), task::POOLING_WORDS);
    let tail = words.len() - 4;
    words[tail] &= !(0xFFFF_FFFF << 16);
    let raw = raw(&mut npu, &words, task::INTERRUPT_PPU, &[pool.input.at, pool.output]);
    for _ in 0..2 {
        let job = npu.submit_task(&[raw.clone().into()]).unwrap();
        npu.wait_for_completion(job, LONG_NS).unwrap();
        assert_eq!(read(&mut npu, pool.output), expected);
    }
}

#[test]
fn every_kind_of_job_leaves_a_device_that_runs_every_other() {
    let mut npu = driver(16 << 20);
    let pool = pooling(&mut npu);
    let product = shape(&mut npu, 1, 64, 16).operation;
    let activation = Activation {
        input: pool.input,
        rescale: Rescale {
            offset: 0,
            multiplier: 32,
            shift: 0,
        },
        table: std::sync::Arc::new(ActivationTable {
            lower: [-3; 513],
            upper: [4; 513],
            step_shift: 5,
        }),
        conversion: OutputConversion::IDENTITY,
        output: empty(&mut npu, layout::features::bytes(Precision::Int8, 8, 6, 8, 8)),
    };
    let kinds: [Operation; 3] = [pool.into(), product.into(), activation.into()];
    let mut random = Random(45);
    for _ in 0..30 {
        let job: Vec<Operation> = (0..1 + random.below(4))
            .map(|_| kinds[random.below(3)].clone())
            .collect();
        common::run(&mut npu, &job).unwrap();
    }
}

#[test]
fn words_that_mean_nothing_are_a_fault_that_names_the_word() {
    let mut npu = driver(16 << 20);
    let placed = shape(&mut npu, 1, 64, 16);
    let mut words = words_of(&npu, placed.operation.into()).swap_remove(0);
    words[7] = 0x1234_0000_0000_0000;
    let bad = raw(&mut npu, &words, task::INTERRUPT_DPU, &[]);
    let Err(DeviceError::Fault(text)) = common::run(&mut npu, &[bad]) else {
        panic!("no fault")
    };
    assert!(
        text.contains("word 7") && text.contains("no block has target 0x1234"),
        "{text}"
    );
    common::run(&mut npu, &[placed.operation]).unwrap();
}

#[test]
fn streams_that_cannot_be_started_are_refused_by_argument() {
    let mut npu = driver(16 << 20);
    let good = raw(&mut npu, &[0; 8], task::INTERRUPT_DPU, &[]);
    let cases = [
        (
            RawCommands {
                words: 0,
                ..good.clone()
            },
            "words = 0: 1 to 1024, longer streams hang the fetch unit (erratum 6)",
        ),
        (
            RawCommands {
                words: 1025,
                ..good.clone()
            },
            "words = 1025: 1 to 1024, longer streams hang the fetch unit (erratum 6)",
        ),
        (
            RawCommands {
                tasks: 4096,
                ..good.clone()
            },
            "tasks = 4096: 1 to 4095",
        ),
        (
            RawCommands {
                interrupt_mask: 0x10000,
                ..good.clone()
            },
            "interrupt mask 0x10000: 0x300 or 0xC00 (sheet §3.4)",
        ),
        (
            RawCommands {
                words: 9,
                ..good.clone()
            },
            "commands: 72 bytes at offset 0 leave the buffer of 64 bytes",
        ),
    ];
    for (operation, text) in cases {
        let refused = npu.submit_task(&[operation.into()]);
        assert_eq!(refused, Err(DeviceError::Invalid(text.into())));
    }
}
