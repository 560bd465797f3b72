//! What plans promise, over many shapes: everything is written once, banks hold what they are given, counts are even.

use alloc::vec;
use alloc::vec::Vec;

use npu_device::Precision;

use super::matmul::{Product, cut};
use super::*;
use crate::soc::RK3568;
use crate::task::ConvolutionTask;
use npu_device::{BufferEntry, BufferId, CachePolicy, MatmulInt8};

fn table() -> (BufferTable, BufferId) {
    let mut table = BufferTable::new(u64::MAX);
    let entry = BufferEntry {
        address: 0,
        size_bytes: 1 << 32,
        policy: CachePolicy::Cached,
    };
    let id = table.insert(entry).unwrap();
    (table, id)
}

/// A product with A at 256 MiB, B at 512 MiB and C at 2 GiB.
fn product(buffer: BufferId, m: u32, k: u32, n: u32) -> Operation {
    let at = |offset| BufferRange { buffer, offset };
    Operation::MatmulInt8(MatmulInt8 {
        m,
        k,
        n,
        a: at(0x1000_0000),
        b: at(0x2000_0000),
        c: at(0x8000_0000),
    })
}

fn planned(operations: &[Operation]) -> Plan {
    let (table, _) = table();
    plan(operations, &table, &RK3568, 0xF000_0000).unwrap()
}

fn limits(tasks: usize, per_operation: bool) -> Limits {
    Limits {
        tasks,
        bytes: usize::MAX,
        per_operation,
    }
}

fn convolutions(tasks: &[TaskPlan]) -> Vec<ConvolutionTask> {
    tasks
        .iter()
        .filter_map(|task| match task.work {
            Work::Convolution(task) => Some(task),
            _ => None,
        })
        .collect()
}

#[test]
fn every_start_of_products_is_even_within_its_limit_and_opens_without_reuse() {
    let (_, buffer) = table();
    for (m, n) in [(1, 16), (1, 32), (3, 16), (113, 48), (300, 64), (5000, 16)] {
        for k in [32, 2048, 10240] {
            for most in [2, 4, 10, 4094] {
                let jobs = [
                    product(buffer, m, k, n),
                    product(buffer, 1, 32, 16),
                    product(buffer, m, k, n),
                ];
                let (tasks, starts) = starts(planned(&jobs).tasks, &limits(most, most == 10));
                assert_eq!(starts.iter().map(|start| start.count).sum::<usize>(), tasks.len());
                for start in starts {
                    assert!(start.count.is_multiple_of(2) && start.count <= most && start.count > 0);
                    assert!(!start.odd);
                    let Work::Convolution(opening) = tasks[start.first].work else {
                        panic!("a product")
                    };
                    assert!(!opening.data_reuse && !opening.weight_reuse);
                }
            }
        }
    }
}

#[test]
fn the_tasks_of_a_product_write_each_result_once() {
    let (_, buffer) = table();
    for (m, k, n) in [(7, 64, 32), (113, 2048, 80), (61, 10240, 48), (130, 512, 16 * 513)] {
        let (tasks, _) = starts(planned(&[product(buffer, m, k, n)]).tasks, &limits(4094, false));
        let m = m as usize;
        let mut written = vec![0u8; m * n as usize / 16];
        for task in convolutions(&tasks) {
            let first = (task.output - 0x8000_0000) as usize;
            let (group, row) = (first / (64 * m), first % (64 * m) / 16);
            for (group, row) in
                (group..group + task.kernels / 16).flat_map(|g| (row..row + task.width).map(move |r| (g, r)))
            {
                written[group * m + row] += 1;
            }
        }
        assert!(written.iter().all(|&times| times == 1), "m {m} k {k} n {n}");
    }
}

#[test]
fn every_depth_up_to_the_chips_limit_has_a_cut_in_both_precisions() {
    for precision in [Precision::Int8, Precision::Fp16] {
        for k in (32..=10240).step_by(32) {
            let product = Product {
                precision,
                m: 1000,
                k,
                n: 5632,
                a: 0,
                b: 0,
                c: 0,
            };
            let cut = cut(&product, 5632, &RK3568).unwrap();
            let bytes = k * precision.bytes() as usize;
            assert!(cut.band_rows * bytes <= cut.data_banks * RK3568.bank_bytes);
            assert!(precision.kernel_group() as usize * bytes <= cut.weight_banks * RK3568.bank_bytes);
        }
    }
}

#[test]
fn rows_that_fit_the_buffer_stream_their_weights_once() {
    let cut = |m: usize| {
        let product = Product {
            precision: Precision::Int8,
            m,
            k: 2048,
            n: 5632,
            a: 0,
            b: 0,
            c: 0,
        };
        cut(&product, 5632, &RK3568).unwrap()
    };
    assert_eq!((cut(1).tasks(), cut(1).bands), (1, 1));
    // 300 rows of K = 2048 need three bands whatever the banks; streaming beats reading features 352 times.
    assert_eq!((cut(300).bands, cut(300).slices, cut(300).weights_fit), (3, 1, false));
}

#[test]
fn a_deep_product_is_cut_in_parts_that_cover_every_weight_once() {
    let (_, buffer) = table();
    let (m, k, n) = (5u32, 25_600u32, 48u32);
    let operations = [product(buffer, m, k, n)];
    assert_eq!(scratch_bytes(&operations, &RK3568), 2 * 4 * u64::from(m * n));
    let plan = planned(&operations);
    let mut weights = vec![0u8; (n * k) as usize / 512];
    for task in convolutions(&plan.tasks) {
        let first = (task.weights - 0x2000_0000) as usize / 512;
        weights[first..first + task.kernel_bytes * 16 / 512]
            .iter_mut()
            .for_each(|times| *times += 1);
        assert!(task.channels as u32 <= RK3568.max_k);
    }
    assert!(weights.iter().all(|&times| times == 1));
    let [sum] = plan.sums[..] else { panic!("one sum") };
    assert_eq!(
        (sum.parts, sum.into, sum.from, sum.bytes),
        (3, 0x8000_0000, 0xF000_0000, 4 * u64::from(m * n))
    );
}

#[test]
fn a_product_of_two_million_rows_is_cut_and_built_within_its_registers() {
    let (_, buffer) = table();
    let m = 1 << 21;
    let plan = planned(&[product(buffer, m, 32, 16)]);
    let rows: usize = convolutions(&plan.tasks).iter().map(|task| task.width).sum();
    assert_eq!(rows, m as usize);
    let last = plan.tasks.last().unwrap();
    let mut words = Vec::new();
    crate::words::emit(&mut crate::words::program::TaskValues::new(), &mut words, last, None, 0).unwrap();
    let value = |offset: u64| words.iter().find(|&&word| word & 0xFFFF == offset).unwrap() >> 16 & 0xFFFF_FFFF;
    assert_eq!((value(0x1080), value(0x4024)), (u64::from(m), 16 * u64::from(m)));
    assert_eq!(value(0x40C0), 64 * u64::from(m));
}

#[test]
fn a_chain_never_ends_in_the_pooling_unit() {
    use npu_device::{FeatureMap, Pool, PoolMethod, Window};
    let (_, buffer) = table();
    let at = |offset| BufferRange { buffer, offset };
    let pool = Operation::Pool(Pool {
        precision: Precision::Int8,
        input: FeatureMap {
            at: at(0),
            width: 4,
            height: 4,
            channels: 8,
        },
        method: PoolMethod::Maximum,
        window: Window::of(2, 2).stride(2),
        pad_value: 0,
        output: at(4096),
    });
    for count in 1..4 {
        let jobs = vec![pool.clone(); count];
        let (tasks, starts) = starts(planned(&jobs).tasks, &limits(100, false));
        assert_eq!(tasks.last().map(|task| &task.work), Some(&Work::Idle));
        // One task of the DPU follows, so its count is odd and the core is reset before the next start.
        assert_eq!((starts.len(), starts[0].count, starts[0].odd), (1, count + 1, true));
    }
}
