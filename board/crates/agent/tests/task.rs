//! Jobs: products equal a plain loop on every back end, and a device that hangs is a state, not a silence.

mod support;

use agent::backend;
use link::cbor::{Nothing, from_slice};
use link::message::call::{Handle, OneHandle};
use link::message::mem::Alloc;
use link::message::stream::*;
use link::message::sys::BoardInfo;
use link::message::task::*;
use link::{ErrorCode, FrameType, Method};
use npu_device::layout::{half, pack_a, pack_b, unpack_c};
use support::*;

fn naive(a: &[i8], b: &[i8], m: usize, k: usize, n: usize) -> Vec<i32> {
    let dot = |row: usize, column: usize| {
        (0..k)
            .map(|i| i32::from(a[row * k + i]) * i32::from(b[column * k + i]))
            .sum()
    };
    (0..m * n).map(|at| dot(at / n, at % n)).collect()
}

fn signed(bytes: &[u8]) -> Vec<i8> {
    bytes.iter().map(|&b| b as i8).collect()
}

fn words(bytes: &[u8]) -> Vec<i32> {
    bytes
        .chunks_exact(4)
        .map(|b| i32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect()
}

fn operation(shape: [u32; 3], operands: [Handle; 3], layout: Layout) -> Matmul {
    product(OperationKind::MatmulInt8, shape, operands, layout)
}

fn product(kind: OperationKind, shape: [u32; 3], operands: [Handle; 3], layout: Layout) -> Matmul {
    let [a, b, c] = operands.map(|handle| Operand {
        handle,
        offset_bytes: 0,
    });
    let [m, k, n] = shape;
    Matmul {
        kind,
        m,
        k,
        n,
        a,
        b,
        c,
        layout,
    }
}

fn run(peer: &mut Peer, operations: Vec<Matmul>) -> JobReport {
    let job = peer
        .call::<OneHandle>(Method::TaskSubmit, &SubmitArgs { operations })
        .unwrap();
    peer.call(Method::TaskWait, &job).unwrap()
}

fn product_is_the_plain_loop(name: &str) {
    let rig = Rig::with(Setup {
        backend: backend::open(name).unwrap(),
        ..Setup::default()
    });
    let mut peer = rig.peer();
    // The last three pass what one hardware task takes: 10240 deep, 8176 columns, 2044 rows.
    let shapes = [
        (1, 1, 1),
        (3, 33, 17),
        (5, 64, 40),
        (4, 96, 16),
        (2, 20_001, 17),
        (1, 33, 8200),
        (2050, 5, 3),
    ];
    for (m, k, n) in shapes {
        let (a, b) = (noise(m * k, 1), noise(n * k, 2));
        let buffers = [
            peer.alloc((m * k) as u64),
            peer.alloc((n * k) as u64),
            peer.alloc((m * n * 4) as u64),
        ];
        peer.write(buffers[0], 0, &a).unwrap();
        peer.write(buffers[1], 0, &b).unwrap();
        let report = run(
            &mut peer,
            vec![operation([m as u32, k as u32, n as u32], buffers, Layout::RowMajor)],
        );
        let expected = naive(&signed(&a), &signed(&b), m, k, n);
        assert_eq!(
            words(&peer.read(buffers[2], 0, (m * n * 4) as u64).unwrap()),
            expected,
            "{m} {k} {n}"
        );
        assert_eq!(report.operations.len(), 1);
        assert!(report.operations[0].macs >= (m * k * n) as u64);
        let info: BoardInfo = peer.call(Method::SysInfo, &Nothing {}).unwrap();
        assert_eq!(report.modelled_ns.0.is_some(), info.modelled);
    }
    let (m, k, n) = (2, 32, 16);
    let (a, b) = (signed(&noise(m * k, 3)), signed(&noise(n * k, 4)));
    let (native_a, native_b) = (pack_a(&a, m, k), pack_b(&b, n, k));
    let buffers = [native_a.len(), native_b.len(), m * n * 4].map(|bytes| peer.alloc(bytes as u64));
    peer.write(buffers[0], 0, &native_a).unwrap();
    peer.write(buffers[1], 0, &native_b).unwrap();
    run(&mut peer, vec![operation([2, 32, 16], buffers, Layout::Native)]);
    let c = peer.read(buffers[2], 0, (m * n * 4) as u64).unwrap();
    assert_eq!(unpack_c(&c, m, n), naive(&a, &b, m, k, n));
    let before = rig.agent.free_bytes();
    peer.bye();
    rig.until(|agent| agent.free_bytes() > before && agent.free_bytes() == agent.capabilities.memory_bytes);
}

#[test]
fn a_product_on_the_cpu_is_the_plain_loop() {
    product_is_the_plain_loop("cpu");
}

#[test]
fn a_product_on_the_simulated_npu_is_the_plain_loop() {
    product_is_the_plain_loop("sim:rk3568");
}

/// Small whole numbers as fp16: their sums of products are exact in fp32, in any order.
fn whole_halves(count: usize, seed: u64) -> Vec<u16> {
    // 0 to 4 and their negatives.
    const HALVES: [u16; 5] = [0x0000, 0x3C00, 0x4000, 0x4200, 0x4400];
    let bits = |byte: u8| HALVES[usize::from(byte) % 5] | u16::from(byte >> 7) << 15;
    noise(count, seed).into_iter().map(bits).collect()
}

fn value(half: u16) -> f32 {
    let magnitude = if half & 0x7C00 == 0 {
        0.0
    } else {
        f32::from_bits((u32::from(half & 0x7FFF) << 13) + (112 << 23))
    };
    if half >> 15 == 1 { -magnitude } else { magnitude }
}

fn halves_product(a: &[u16], b: &[u16], [m, k, n]: [usize; 3]) -> Vec<f32> {
    let dot = |row: usize, column: usize| (0..k).map(|i| value(a[row * k + i]) * value(b[column * k + i])).sum();
    (0..m * n).map(|at| dot(at / n, at % n)).collect()
}

fn bytes_of(halves: &[u16]) -> Vec<u8> {
    halves.iter().flat_map(|half| half.to_le_bytes()).collect()
}

#[test]
fn an_fp16_product_of_whole_numbers_is_the_plain_loop_in_both_layouts() {
    let rig = Rig::with(Setup {
        backend: backend::open("sim:rk3568").unwrap(),
        ..Setup::default()
    });
    let mut peer = rig.peer();
    // The last ones pass what one hardware task takes: 10240 deep, and 8176 columns.
    for shape in [[1, 1, 1], [3, 33, 17], [5, 64, 40], [2, 10_500, 9], [1, 17, 8200]] {
        let [m, k, n] = shape;
        let (a, b) = (whole_halves(m * k, 1), whole_halves(n * k, 2));
        let expected = halves_product(&a, &b, shape);
        let run_in = |peer: &mut Peer, layout, a: &[u8], b: &[u8], c: usize, wire: [usize; 3]| {
            let buffers = [a.len(), b.len(), c].map(|bytes| peer.alloc(bytes as u64));
            peer.write(buffers[0], 0, a).unwrap();
            peer.write(buffers[1], 0, b).unwrap();
            let wire = wire.map(|size| size as u32);
            let report = run(peer, vec![product(OperationKind::MatmulFp16, wire, buffers, layout)]);
            assert!(report.operations[0].macs >= (m * k * n) as u64);
            peer.read(buffers[2], 0, c as u64).unwrap()
        };
        let rows = run_in(
            &mut peer,
            Layout::RowMajor,
            &bytes_of(&a),
            &bytes_of(&b),
            m * n * 4,
            shape,
        );
        let floats = |words: Vec<u32>| words.into_iter().map(f32::from_bits).collect::<Vec<_>>();
        let rows = words(&rows).into_iter().map(|word| word as u32).collect();
        assert_eq!(floats(rows), expected, "{shape:?}");
        let (packed_a, packed_b) = (half::pack_a(&a, m, k), half::pack_b(&b, n, k));
        let padded = [m, half::padded_k(k), half::padded_n(n)];
        let native = run_in(
            &mut peer,
            Layout::Native,
            &packed_a,
            &packed_b,
            half::c_bytes(m, n),
            padded,
        );
        assert_eq!(floats(half::unpack_c(&native, m, n)), expected, "{shape:?}");
    }
}

#[test]
fn a_back_end_without_fp16_and_sizes_between_the_steps_are_refused_by_name() {
    let on = |name: &str, shape: [u32; 3]| {
        let rig = Rig::with(Setup {
            backend: backend::open(name).unwrap(),
            ..Setup::default()
        });
        let mut peer = rig.peer();
        let buffers = [4096; 3].map(|bytes| peer.alloc(bytes));
        let operations = vec![product(OperationKind::MatmulFp16, shape, buffers, Layout::Native)];
        peer.call::<OneHandle>(Method::TaskSubmit, &SubmitArgs { operations })
    };
    assert_eq!(on("cpu", [1, 16, 8]).unwrap_err().code, ErrorCode::Unsupported);
    let between = on("sim:rk3568", [1, 24, 8]).unwrap_err();
    assert_eq!(between.code, ErrorCode::BadArgument);
    assert_eq!(
        between.cause,
        "native layout: k 24 is no multiple of 16 or n 8 none of 8"
    );
    assert!(on("sim:rk3568", [1, 16, 8]).is_ok());
}

#[test]
fn the_simulated_board_names_its_interrupt_and_every_timing_parameter_with_a_source() {
    let rig = Rig::with(Setup {
        backend: backend::open("sim:rk3568").unwrap(),
        ..Setup::default()
    });
    let mut peer = rig.peer();
    let info: BoardInfo = peer.call(Method::SysInfo, &Nothing {}).unwrap();
    assert_eq!(
        (info.soc.as_str(), info.backend.as_str(), info.modelled),
        ("rk3568", "sim:rk3568", true)
    );
    assert_eq!(info.bandwidth_bound_bytes_per_s, 8_000_000_000);
    assert!(
        !info.parameters.is_empty()
            && info
                .parameters
                .iter()
                .all(|p| !p.source.is_empty() && !p.unit.is_empty())
    );
    let devices: Vec<link::message::sys::Device> = peer.call(Method::SysDevices, &Nothing {}).unwrap();
    assert_eq!(devices[0].irq.0, Some(151));
}

#[test]
fn an_operation_may_use_the_result_of_the_one_before_it() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    // C of the first product, read as int8, is A of the second.
    let (a, b) = (noise(4 * 8, 5), noise(4 * 8, 6));
    let [x, y, c, d] = [32, 32, 64, 64].map(|bytes| peer.alloc(bytes));
    peer.write(x, 0, &a).unwrap();
    peer.write(y, 0, &b).unwrap();
    let second = operation([4, 8, 4], [c, y, d], Layout::RowMajor);
    let report = run(
        &mut peer,
        vec![operation([4, 8, 4], [x, y, c], Layout::RowMajor), second],
    );
    assert_eq!(report.operations.len(), 2);
    let first: Vec<u8> = naive(&signed(&a), &signed(&b), 4, 8, 4)
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let expected = naive(&signed(&first[..32]), &signed(&b), 4, 8, 4);
    assert_eq!(words(&peer.read(d, 0, 64).unwrap()), expected);
}

#[test]
fn operands_that_leave_their_buffers_are_refused_before_anything_runs() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let [a, b, c] = [32, 32, 63].map(|bytes| peer.alloc(bytes));
    for shape in [
        [4, 8, 4],
        [0, 8, 4],
        [u32::MAX, u32::MAX, u32::MAX],
        [u32::MAX, 8, u32::MAX],
    ] {
        let operations = vec![operation(shape, [a, b, c], Layout::RowMajor)];
        let refused = peer
            .call::<OneHandle>(Method::TaskSubmit, &SubmitArgs { operations })
            .unwrap_err();
        assert!(
            matches!(refused.code, ErrorCode::BadArgument | ErrorCode::TooLarge),
            "{shape:?} {refused:?}"
        );
        if shape == [4, 8, 4] {
            let said = "c: 64 bytes at offset 0 pass the end of a buffer of 63";
            assert!(refused.cause.contains(said), "{refused:?}");
        }
    }
}

#[test]
fn a_wait_passes_its_deadline_and_the_job_goes_on() {
    let (rig, gate) = hung_rig();
    let mut peer = rig.peer();
    let job = submit_any(&mut peer);
    let waiting = peer.begin(Method::TaskWait, &OneHandle { handle: job }, Some(1000), &[]);
    // Answered in order by the reader thread: the wait is registered once this is.
    let _: BoardInfo = peer.call(Method::SysInfo, &Nothing {}).unwrap();
    rig.clock.advance_ms(1000);
    rig.agent.tick();
    assert_eq!(
        code(answer::<JobReport>(&peer.end_of(waiting, |_, _| {}))),
        ErrorCode::Deadline
    );
    gate.send(()).unwrap();
    let report: JobReport = peer.call(Method::TaskWait, &OneHandle { handle: job }).unwrap();
    assert_eq!(report.operations.len(), 1);
}

#[test]
fn a_call_that_waits_for_the_device_is_cancelled_at_once() {
    let (rig, gate) = hung_rig();
    let mut peer = rig.peer();
    submit_any(&mut peer);
    let queued = peer.begin(Method::MemAlloc, &Alloc { size_bytes: 4096 }, None, &[]);
    peer.send(&frame(FrameType::Cancel, Method::MemAlloc as u16, queued, &[0xa0], &[]));
    assert_eq!(
        code(answer::<OneHandle>(&peer.end_of(queued, |_, _| {}))),
        ErrorCode::Cancelled
    );
    drop(gate);
    drop(rig);
}

#[test]
fn a_device_that_hangs_is_announced_and_refuses_work_while_the_rest_goes_on() {
    let (rig, gate) = hung_rig();
    let mut peer = rig.peer();
    let job = submit_any(&mut peer);
    let waiting = peer.begin(Method::TaskWait, &OneHandle { handle: job }, None, &[]);
    let queued = peer.begin(Method::MemAlloc, &Alloc { size_bytes: 1 }, None, &[]);
    let _: BoardInfo = peer.call(Method::SysInfo, &Nothing {}).unwrap();
    rig.until(|agent| agent.device_busy());
    rig.clock.advance_ms(60_000);
    rig.agent.tick();
    let mut states = Vec::new();
    let mut collect = |frame: link::Frame| {
        if frame.view().head.method == TOPIC_DEVICE_STATE {
            states.push(
                from_slice::<Event<DeviceStateEvent>>(frame.view().meta)
                    .unwrap()
                    .payload
                    .state,
            );
        }
    };
    let mut failed = Vec::new();
    while failed.len() < 2 {
        let frame = peer.receive().unwrap();
        match frame.view().head.kind {
            FrameType::Fail => failed.push((frame.view().head.call_id, code(answer::<Nothing>(&frame)))),
            _ => collect(frame),
        }
    }
    failed.sort_by_key(|(id, _)| *id);
    assert_eq!(
        failed,
        [(waiting, ErrorCode::DeviceStuck), (queued, ErrorCode::DeviceStuck)]
    );
    let id = peer.begin(Method::MemAlloc, &Alloc { size_bytes: 1 }, None, &[]);
    let refused = peer.end_of(id, |_, frame| collect(frame));
    assert_eq!(code(answer::<OneHandle>(&refused)), ErrorCode::DeviceStuck);
    let blob = peer.upload(b"storage does not care");
    assert_eq!(blob, sha(b"storage does not care"));
    assert_eq!(states, [DeviceState::Stuck]);
    drop(gate);
    rig.until(|agent| !agent.device_busy());
    rig.agent.tick();
    peer.alloc(1);
}
