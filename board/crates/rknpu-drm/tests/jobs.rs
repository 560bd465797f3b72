//! The driver's jobs through the in-process kernel: right where it behaves, a typed error where it does not.

mod support;

use std::sync::Arc;

use npu_device::{Accelerator, BufferId, BufferRange, DeviceError, JobReport, MatmulInt8, layout};
use rknpu_driver::RknpuDriver;
use support::{Fault, Kernel, open};

const SECOND_NS: u64 = 1_000_000_000;

fn noise(length: usize, seed: u32) -> Vec<i8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8 as i8
    };
    (0..length).map(|_| next()).collect()
}

/// A product in device memory.
struct Placed {
    product: MatmulInt8,
    wanted: Vec<i32>,
    buffers: [BufferId; 3],
}

fn place(npu: &mut dyn Accelerator, m: usize, k: usize, n: usize) -> Placed {
    let (a, b) = (noise(m * k, 3), noise(n * k, 5));
    let mut put = |bytes: Vec<u8>| {
        let buffer = npu.allocate_memory(bytes.len() as u64).unwrap();
        let at = BufferRange { buffer, offset: 0 };
        npu.write_memory(at, &bytes).unwrap();
        at
    };
    let product = MatmulInt8 {
        m: m as u32,
        k: k as u32,
        n: n as u32,
        a: put(layout::pack_a(&a, m, k)),
        b: put(layout::pack_b(&b, n, k)),
        c: put(vec![0; layout::c_bytes(m, n)]),
    };
    let dot = |row: usize, column: usize| {
        let pair = |index: usize| i32::from(a[row * k + index]) * i32::from(b[column * k + index]);
        (0..k).map(pair).sum()
    };
    Placed {
        wanted: (0..m)
            .flat_map(|row| (0..n).map(move |column| (row, column)))
            .map(|(r, c)| dot(r, c))
            .collect(),
        buffers: [product.a.buffer, product.b.buffer, product.c.buffer],
        product,
    }
}

fn run(npu: &mut RknpuDriver, placed: &Placed, timeout_ns: u64) -> Result<JobReport, DeviceError> {
    let job = Accelerator::submit_task(npu, &[placed.product.into()])?;
    Accelerator::wait_for_completion(npu, job, timeout_ns)
}

fn result(npu: &mut RknpuDriver, placed: &Placed) -> Vec<i32> {
    let (m, n) = (placed.product.m as usize, placed.product.n as usize);
    let mut bytes = vec![0; layout::c_bytes(m, n)];
    Accelerator::read_memory(npu, placed.product.c, &mut bytes).unwrap();
    layout::unpack_c(&bytes, m, n)
}

fn ready() -> (Arc<Kernel>, RknpuDriver) {
    let kernel = Kernel::new(64 << 20);
    let driver = open(&kernel).unwrap().driver;
    (kernel, driver)
}

#[test]
fn products_are_the_plain_loop_and_the_report_is_measured() {
    let (kernel, mut npu) = ready();
    for (m, k, n) in [(1, 32, 16), (1, 2048, 256), (37, 512, 128), (300, 1024, 64)] {
        let placed = place(&mut npu, m, k, n);
        let report = run(&mut npu, &placed, 60 * SECOND_NS).unwrap();
        assert_eq!(result(&mut npu, &placed), placed.wanted, "{m} {k} {n}");
        let operation = &report.operations[0];
        assert_eq!((report.modelled_ns, operation.modelled_ns), (None, None));
        assert_eq!(operation.macs, (m * k * n) as u64);
        assert!(operation.traffic.weight_read_bytes >= (k * n) as u64, "{operation:?}");
        for buffer in placed.buffers {
            Accelerator::free_memory(&mut npu, buffer).unwrap();
        }
    }
    let capabilities = Accelerator::capabilities(&npu);
    assert_eq!((capabilities.backend, capabilities.modelled), ("drm", false));
    assert_eq!(
        (capabilities.npu_clock_hz, capabilities.memory_bytes),
        (1_000_000_000, 32 << 20)
    );
    drop(npu);
    assert_eq!((kernel.objects(), kernel.violations()), (0, vec![]));
}

#[test]
fn a_kernel_that_limits_objects_gets_smaller_wishes() {
    let kernel = Kernel::new(8 << 20);
    let npu = open(&kernel).unwrap().driver;
    assert_eq!(Accelerator::capabilities(&npu).memory_bytes, 8 << 20);
    let scarce = Kernel::new(1 << 20);
    assert!(matches!(open(&scarce).err(), Some(DeviceError::Fault(text)) if text.starts_with("MEM_CREATE")));
    assert_eq!((kernel.violations(), scarce.violations()), (vec![], vec![]));
}

#[test]
fn success_that_is_none_is_found_out_and_the_next_job_runs() {
    for (fault, words) in [
        (Fault::SubmitSaysSuccess, "SUBMIT says success, but 0 of 2 tasks ended"),
        (
            Fault::SubmitCounts,
            "SUBMIT says success, but the last task's interrupts are 0x0 and none of 0x300",
        ),
    ] {
        let (kernel, mut npu) = ready();
        let placed = place(&mut npu, 4, 64, 32);
        kernel.set_fault(Some(fault));
        assert_eq!(run(&mut npu, &placed, SECOND_NS), Err(DeviceError::Fault(words.into())));
        kernel.set_fault(None);
        run(&mut npu, &placed, SECOND_NS).unwrap();
        assert_eq!(result(&mut npu, &placed), placed.wanted);
        assert_eq!(kernel.violations(), Vec::<String>::new());
    }
}

#[test]
fn a_kernel_that_lies_in_every_field_is_found_out_by_the_known_product() {
    let kernel = Kernel::new(64 << 20);
    kernel.set_fault(Some(Fault::SubmitLies));
    let Some(DeviceError::Fault(text)) = open(&kernel).err() else {
        panic!("it was trusted")
    };
    assert_eq!(
        text,
        "the kernel says success, but 128 of 128 results of a known product are wrong (nothing was written)"
    );
    assert_eq!((kernel.objects(), kernel.violations()), (0, vec![]));
}

#[test]
fn a_submit_that_never_returns_is_lost_and_memory_calls_are_refused_at_once() {
    let (kernel, mut npu) = ready();
    let placed = place(&mut npu, 4, 64, 32);
    kernel.set_fault(Some(Fault::SubmitHangs));
    assert_eq!(run(&mut npu, &placed, 20_000_000), Err(DeviceError::Lost));
    assert_eq!(run(&mut npu, &placed, 3600 * SECOND_NS), Err(DeviceError::Lost));
    let mut bytes = [0; 16];
    let refused = Accelerator::read_memory(&mut npu, placed.product.a, &mut bytes);
    assert_eq!(refused, Err(DeviceError::Lost));
    // The kernel comes back, and so does the device.
    kernel.set_fault(None);
    kernel.wait_for_calls();
    run(&mut npu, &placed, SECOND_NS).unwrap();
    assert_eq!(result(&mut npu, &placed), placed.wanted);
    assert_eq!(kernel.violations(), Vec::<String>::new());
}

#[test]
fn a_submit_that_is_slow_but_returns_is_a_timeout_and_the_next_job_runs() {
    let (kernel, mut npu) = ready();
    let placed = place(&mut npu, 4, 64, 32);
    kernel.set_fault(Some(Fault::SubmitHangs));
    let job = Accelerator::submit_task(&mut npu, &[placed.product.into()]).unwrap();
    std::thread::scope(|scope| {
        // Let go while the reset gives it time.
        scope.spawn(|| {
            while !kernel.calls().ends_with(&["SUBMIT"]) {
                std::thread::yield_now();
            }
            kernel.set_fault(None);
        });
        // Where it is let go before the deadline, the job is simply done.
        let outcome = Accelerator::wait_for_completion(&mut npu, job, 1);
        assert!(
            matches!(outcome, Ok(_) | Err(DeviceError::Timeout { .. })),
            "{outcome:?}"
        );
    });
    run(&mut npu, &placed, SECOND_NS).unwrap();
    assert_eq!(result(&mut npu, &placed), placed.wanted);
    assert_eq!(kernel.violations(), Vec::<String>::new());
}

#[test]
fn another_caller_inside_is_busy_and_is_not_reset() {
    let (kernel, mut npu) = ready();
    let placed = place(&mut npu, 4, 64, 32);
    kernel.set_fault(Some(Fault::SubmitBusy));
    assert_eq!(run(&mut npu, &placed, SECOND_NS), Err(DeviceError::Busy));
    let calls = kernel.calls();
    let after = calls.iter().rposition(|name| *name == "SUBMIT").unwrap();
    assert_eq!(calls[after + 1..].iter().filter(|name| **name == "ACTION").count(), 0);
    kernel.set_fault(None);
    run(&mut npu, &placed, SECOND_NS).unwrap();
    assert_eq!(kernel.violations(), Vec::<String>::new());
}

#[test]
fn a_deadline_of_the_kernel_is_a_fault_that_names_the_call() {
    let (kernel, mut npu) = ready();
    let placed = place(&mut npu, 4, 64, 32);
    kernel.set_fault(Some(Fault::SubmitTimesOut));
    let outcome = run(&mut npu, &placed, SECOND_NS);
    assert!(
        matches!(&outcome, Err(DeviceError::Fault(text)) if text.starts_with("SUBMIT: ")),
        "{outcome:?}"
    );
    kernel.set_fault(None);
    run(&mut npu, &placed, SECOND_NS).unwrap();
}

#[test]
fn what_memory_calls_get_wrong_is_found_out_and_given_back() {
    for (fault, matches) in [
        (Fault::CreateHandleZero, "device memory exhausted"),
        (Fault::CreateNoAddress, "device address 0x0"),
        (Fault::CreateTooHigh, "device address 0x200000000"),
        (Fault::MapFails, "mmap: "),
    ] {
        let kernel = Kernel::new(64 << 20);
        kernel.set_fault(Some(fault));
        let text = open(&kernel).err().unwrap().to_string();
        assert!(text.contains(matches), "{fault:?}: {text}");
        assert_eq!((kernel.objects(), kernel.violations()), (0, vec![]), "{fault:?}");
    }
}

#[test]
fn a_memory_call_that_never_returns_is_lost() {
    let (kernel, mut npu) = ready();
    let placed = place(&mut npu, 1, 32, 16);
    kernel.set_fault(Some(Fault::SyncHangs));
    let lost = Accelerator::write_memory(&mut npu, placed.product.a, &[1; 32]);
    assert_eq!(lost, Err(DeviceError::Lost));
    assert_eq!(run(&mut npu, &placed, SECOND_NS), Err(DeviceError::Lost));
    kernel.set_fault(None);
    kernel.wait_for_calls();
    run(&mut npu, &placed, SECOND_NS).unwrap();
}

#[test]
fn a_node_without_an_npu_is_unsupported_and_a_taken_one_is_busy() {
    for (fault, wanted) in [
        (Fault::NoDevice, "there is no NPU behind this node (ENOENT)"),
        (Fault::ActionStub, "ACTION gives no driver version"),
        (Fault::Taken, "busy"),
    ] {
        let kernel = Kernel::new(64 << 20);
        kernel.set_fault(Some(fault));
        let why = open(&kernel).err().unwrap();
        assert!(why.to_string().contains(wanted), "{why}");
        assert_eq!(kernel.calls(), ["ACTION"], "nothing else is tried");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_cards_says_what_is_missing() {
    let nowhere = std::path::Path::new("/proc/self/no-dri");
    let why = rknpu_drm::open_card(nowhere).err().unwrap().to_string();
    assert!(why.contains("there is no /proc/self/no-dri/cardN"), "{why}");
    // A file that is no DRM device answers VERSION with an error, and gets no other call.
    let folder = std::env::temp_dir().join(format!("npulab-drm-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("card1"), "").unwrap();
    let why = rknpu_drm::open_card(&folder).err().unwrap().to_string();
    std::fs::remove_dir_all(&folder).unwrap();
    assert!(why.contains("card1: VERSION: "), "{why}");
}
