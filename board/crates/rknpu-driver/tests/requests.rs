//! What the driver accepts: sizes and places, memory within its quota, a bounded queue, lists of jobs.

mod common;

use common::{LONG_NS, board, driver, place, ready, shape, works};
use npu_device::{BufferRange, DeviceError, MatmulInt8, NpuDevice};
use rknpu_driver::{Options, RK3568, Rknpu};

#[test]
fn requests_that_break_a_rule_are_refused_by_argument() {
    let mut npu = driver(16 << 20);
    let good = shape(&mut npu, 4, 64, 32).operation;
    let shifted = |offset| BufferRange { offset, ..good.a };
    let cases = [
        (MatmulInt8 { m: 0, ..good }, "m = 0: 1 to 33554432 rows"),
        (
            MatmulInt8 { k: 33, ..good },
            "k = 33: a positive multiple of 32 (pad with zeros)",
        ),
        (
            MatmulInt8 { n: 8, ..good },
            "n = 8: a positive multiple of 16 (pad with zeros)",
        ),
        (
            MatmulInt8 { a: shifted(32), ..good },
            "A: offset 32 is no multiple of 64",
        ),
        (
            MatmulInt8 { n: 48, ..good },
            "B: 3072 bytes at offset 0 leave the buffer of 2048 bytes",
        ),
        (
            MatmulInt8 {
                a: shifted(u64::MAX - 63),
                ..good
            },
            "A: 256 bytes at offset 18446744073709551552 leave the buffer of 256 bytes",
        ),
        (
            MatmulInt8 { c: good.b, ..good },
            "C: overlaps an operand of the same operation",
        ),
    ];
    for (operation, text) in cases {
        assert_eq!(
            npu.submit_task(&[operation.into()]),
            Err(DeviceError::Invalid(text.into()))
        );
    }
    // Its partial results would fill the memory many times, but B is too small in the first place.
    let wide = MatmulInt8 {
        m: 1,
        k: 65_536,
        n: 1 << 20,
        a: npu_device::BufferRange {
            buffer: npu.allocate_memory(4 * 65_536).unwrap(),
            offset: 0,
        },
        ..good
    };
    let text = "B: 68719476736 bytes at offset 0 leave the buffer of 2048 bytes";
    assert_eq!(npu.submit_task(&[wide.into()]), Err(DeviceError::Invalid(text.into())));
    let long = MatmulInt8 { k: 131_072, ..good };
    let text = "k = 131072: at most 131040, beyond which int8 sums can leave int32";
    assert_eq!(
        npu.submit_task(&[long.into()]),
        Err(DeviceError::Unsupported(text.into()))
    );
    assert!(matches!(npu.submit_task(&[]), Err(DeviceError::Invalid(_))));
    works(&mut npu);
}

#[test]
fn memory_is_zeroed_bounded_and_never_freed_under_a_running_job() {
    let options = Options {
        quota_bytes: 1 << 20,
        ..Options::default()
    };
    let mut npu = ready(Rknpu::new(board(16 << 20).hardware(), &RK3568, options));
    let at = |buffer| BufferRange { buffer, offset: 0 };
    let first = npu.allocate_memory(100).unwrap();
    npu.write_memory(at(first), &[7; 100]).unwrap();
    npu.free_memory(first).unwrap();
    assert_eq!(npu.free_memory(first), Err(DeviceError::NotFound));
    let second = npu.allocate_memory(100).unwrap();
    let mut bytes = [1; 100];
    npu.read_memory(at(second), &mut bytes).unwrap();
    assert_eq!(bytes, [0; 100]);
    assert!(matches!(
        npu.read_memory(at(first), &mut bytes),
        Err(DeviceError::NotFound)
    ));
    let wanted_bytes = 1 << 20;
    assert_eq!(
        npu.allocate_memory(wanted_bytes),
        Err(DeviceError::OutOfMemory {
            wanted_bytes,
            free_bytes: wanted_bytes - 100
        })
    );
    let placed = shape(&mut npu, 1, 64, 32);
    let job = npu.submit_task(&[placed.operation.into()]).unwrap();
    assert_eq!(npu.free_memory(placed.operation.b.buffer), Err(DeviceError::Busy));
    npu.wait_for_completion(job, LONG_NS).unwrap();
    placed.free(&mut npu);
}

#[test]
fn the_queue_is_bounded_and_a_job_is_waited_for_once() {
    let mut npu = driver(16 << 20);
    let placed = shape(&mut npu, 1, 64, 32);
    let jobs: Vec<_> = (0..64)
        .map(|_| npu.submit_task(&[placed.operation.into()]).unwrap())
        .collect();
    assert_eq!(npu.submit_task(&[placed.operation.into()]), Err(DeviceError::Busy));
    npu.wait_for_completion(jobs[0], LONG_NS).unwrap();
    assert_eq!(npu.wait_for_completion(jobs[0], LONG_NS), Err(DeviceError::NotFound));
    npu.submit_task(&[placed.operation.into()]).unwrap();
}

#[test]
fn a_loaded_job_list_runs_in_order() {
    let mut npu = driver(16 << 20);
    let placed = place(&mut npu, &[3; 32], &[2; 16 * 32], 1, 32, 16);
    let model = npu.load_model(vec![vec![placed.operation.into()]; 2]).unwrap();
    assert_eq!(npu.run_inference(model, LONG_NS).unwrap().len(), 2);
    assert_eq!(placed.result(&mut npu), [192; 16]);
    let broken = MatmulInt8 {
        k: 31,
        ..placed.operation
    };
    assert!(matches!(
        npu.load_model(vec![vec![broken.into()]]),
        Err(DeviceError::Invalid(_))
    ));
}
