//! The NPU by hand: register names, words, listings, steps, counters; recordings that `npulab-npu run` replays to equal bytes.

mod support;

use agent::backend;
use link::cbor::Nothing;
use link::message::call::{Handle, HandleKind, OneHandle};
use link::message::infer::*;
use link::message::mem::OneDigest;
use link::message::model::LoadResult;
use link::message::npu::*;
use link::message::task::*;
use link::{ErrorCode, Method};
use npu_device::layout::{pack_a, pack_b, unpack_c};
use npu_tool::job::{Ending, Job, Outcome};
use support::*;

fn rig(name: &str) -> Rig {
    Rig::with(Setup {
        backend: backend::open(name).unwrap(),
        ..Setup::default()
    })
}

fn signed(bytes: &[u8]) -> Vec<i8> {
    bytes.iter().map(|&byte| byte as i8).collect()
}

const M: usize = 5;
const K: usize = 64;
const N: usize = 32;

/// Operands of a product in native layout, and what a plain loop makes of them.
struct Product {
    buffers: [Handle; 3],
    expected: Vec<i32>,
}

impl Product {
    fn new(peer: &mut Peer, seed: u64) -> Self {
        let (a, b) = (signed(&noise(M * K, seed)), signed(&noise(N * K, seed + 1)));
        let expected = (0..M * N)
            .map(|at| {
                (0..K)
                    .map(|i| i32::from(a[at / N * K + i]) * i32::from(b[at % N * K + i]))
                    .sum()
            })
            .collect();
        let (a, b) = (pack_a(&a, M, K), pack_b(&b, N, K));
        let buffers = [a.len(), b.len(), M * N * 4].map(|bytes| peer.alloc(bytes as u64));
        peer.write(buffers[0], 0, &a).unwrap();
        peer.write(buffers[1], 0, &b).unwrap();
        Self { buffers, expected }
    }

    fn operation(&self) -> Matmul {
        let [a, b, c] = self.buffers.map(|handle| Operand {
            handle,
            offset_bytes: 0,
        });
        Matmul {
            kind: OperationKind::MatmulInt8,
            m: M as u32,
            k: K as u32,
            n: N as u32,
            a,
            b,
            c,
            layout: Layout::Native,
        }
    }

    fn result(&self, peer: &mut Peer) -> Vec<i32> {
        let bytes = peer.read(self.buffers[2], 0, (M * N * 4) as u64).unwrap();
        unpack_c(&bytes, M, N)
    }

    fn addresses(&self, peer: &mut Peer) -> [u32; 3] {
        self.buffers.map(|handle| {
            let AddressResult { address } = peer.call(Method::NpuAddress, &OneHandle { handle }).unwrap();
            address
        })
    }
}

fn text(peer: &mut Peer, method: Method, args: &impl minicbor::Encode<()>) -> String {
    let (Nothing {}, body) = peer.call_body(method, args, &[]).unwrap();
    String::from_utf8(body).unwrap()
}

fn replay(peer: &mut Peer, folder: &str) -> (CapturedResult, Outcome) {
    let captured: CapturedResult = peer.call(Method::NpuCaptured, &Nothing {}).unwrap();
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(folder);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    for file in &captured.files {
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < file.size_bytes {
            let args = CaptureFileArgs {
                name: file.name.clone(),
                offset_bytes: bytes.len() as u64,
                length_bytes: (file.size_bytes - bytes.len() as u64).min(900_000),
            };
            let (CaptureFileResult { digest }, part) = peer.call_body(Method::NpuCaptureFile, &args, &[]).unwrap();
            assert_eq!(digest, file.digest);
            bytes.extend(part);
        }
        assert_eq!(sha(&bytes), file.digest);
        std::fs::write(folder.join(&file.name), bytes).unwrap();
    }
    let job = std::fs::read_to_string(folder.join("JOB.json")).unwrap();
    let outcome = npu_tool::job::run(&Job::parse(&job).unwrap(), &folder).unwrap();
    (captured, outcome)
}

fn assert_equal(outcome: &Outcome) {
    assert_eq!(outcome.ending, Ending::Finished);
    assert!(!outcome.comparisons.is_empty());
    for comparison in &outcome.comparisons {
        assert!(comparison.equal && comparison.differing == 0, "{comparison:?}");
    }
}

#[test]
fn the_register_map_and_the_order_of_a_full_task_come_from_npu_regs() {
    let mut peer = rig("cpu").peer();
    let cna: RegisterBlock = peer.call(Method::NpuRegisters, &RegistersArgs { block: 1 }).unwrap();
    assert_eq!((cna.name.as_str(), cna.target.0, cna.blocks), ("CNA", Some(0x0201), 11));
    let banks = cna.registers.iter().find(|register| register.offset == 0x1040).unwrap();
    assert_eq!(banks.name, "CBUF_CON0");
    let bank = banks.fields.iter().find(|field| field.name == "DATA_BANK").unwrap();
    assert_eq!((bank.msb, bank.lsb), (3, 0));
    for block in 0..cna.blocks {
        let block: RegisterBlock = peer.call(Method::NpuRegisters, &RegistersArgs { block }).unwrap();
        assert!(
            block
                .registers
                .iter()
                .all(|register| register.offset & 0xF000 == block.base)
        );
    }
    let mixes: MixesResult = peer.call(Method::NpuMixes, &Nothing {}).unwrap();
    let lengths: Vec<_> = mixes.mixes.iter().map(|mix| (mix.mask, mix.writes.len())).collect();
    assert_eq!(lengths, [(0x0F, 113), (0x1F, 133), (0x18, 69), (0x60, 29)]);
    let beyond = peer.call::<RegisterBlock>(Method::NpuRegisters, &RegistersArgs { block: 11 });
    assert_eq!(code(beyond), ErrorCode::BadArgument);
}

#[test]
fn a_job_is_listed_word_by_word_before_it_runs() {
    let mut peer = rig("sim:rk3568").peer();
    let product = Product::new(&mut peer, 1);
    let listing = text(
        &mut peer,
        Method::NpuListing,
        &ListingArgs {
            operations: vec![product.operation()],
        },
    );
    let [a, b, c] = product.addresses(&mut peer);
    for line in [
        format!("CNA.FEATURE_DATA_ADDR 0x{a:08X}"),
        format!("CNA.DCOMP_ADDR0 0x{b:08X}"),
        format!("DPU.DST_BASE_ADDR 0x{c:08X}"),
        "enable 0x0000000F ; CNA CMAC CORE DPU".into(),
    ] {
        assert!(listing.contains(&line), "{line}\n{listing}");
    }
}

#[test]
fn a_recorded_product_replays_to_equal_bytes() {
    let mut peer = rig("sim:rk3568").peer();
    let products = [Product::new(&mut peer, 1), Product::new(&mut peer, 3)];
    let Nothing {} = peer.call(Method::NpuCapture, &Nothing {}).unwrap();
    for product in &products {
        let operations = vec![product.operation()];
        let job: OneHandle = peer.call(Method::TaskSubmit, &SubmitArgs { operations }).unwrap();
        let _: JobReport = peer.call(Method::TaskWait, &job).unwrap();
    }
    let (captured, outcome) = replay(&mut peer, "capture-product");
    assert_eq!((captured.submits, captured.files[0].name.as_str()), (2, "JOB.json"));
    assert_equal(&outcome);
    let bytes: u64 = outcome.comparisons.iter().map(|comparison| comparison.compared).sum();
    assert_eq!(bytes, 2 * (M * N * 4) as u64);
    for product in &products {
        assert_eq!(product.result(&mut peer), product.expected);
    }
    // What others did before or after is not in it.
    assert_eq!(
        code(peer.call::<CapturedResult>(Method::NpuCaptured, &Nothing {})),
        ErrorCode::NotFound
    );
}

#[test]
fn a_recorded_layer_of_the_default_model_replays_to_equal_bytes() {
    // The store lives as long as the rig.
    let rig = rig("sim:rk3568");
    let mut peer = rig.peer();
    let digest = upload_tiny_model(&mut peer);
    let id = peer.begin(Method::ModelLoad, &OneDigest { digest }, None, &[]);
    let end = peer.end_of(id, |_, _| {});
    let (loaded, _): (LoadResult, _) = answer(&end).unwrap();
    let open = OpenArgs {
        model: loaded.handle,
        prompt: Prompt::Text("Once upon a time".into()),
        sampling: None,
    };
    let opened: OpenResult = peer.call(Method::InferOpen, &open).unwrap();
    let step = |peer: &mut Peer, until: Until| {
        let args = StepArgs {
            handle: opened.handle,
            until,
            name: None,
        };
        let (StateResult { .. }, _) = peer.call_body(Method::InferStep, &args, &[]).unwrap();
    };
    step(&mut peer, Until::Token);
    // The first stop of a token is after the embedding; the second is a whole layer.
    step(&mut peer, Until::Layer);
    let Nothing {} = peer.call(Method::NpuCapture, &Nothing {}).unwrap();
    step(&mut peer, Until::Layer);
    let (captured, outcome) = replay(&mut peer, "capture-layer");
    // q with k and v, o, gate with up, down.
    assert_eq!(captured.submits, 4);
    assert_equal(&outcome);
    let compared: u64 = outcome.comparisons.iter().map(|comparison| comparison.compared).sum();
    // The products of a layer share their result buffers, so this is what the last ones left.
    assert_eq!(compared, 3072);
}

#[test]
fn words_of_the_caller_run_disassemble_and_step_task_by_task() {
    let mut peer = rig("sim:rk3568").peer();
    let product = Product::new(&mut peer, 5);
    let listing = text(
        &mut peer,
        Method::NpuListing,
        &ListingArgs {
            operations: vec![product.operation()],
        },
    );
    // The driver's own words, assembled from its listing, each task made to name the next.
    let streams: Vec<Vec<u64>> = listing
        .split("; start")
        .skip(1)
        .map(|task| {
            task.lines()
                .skip(1)
                .map(|line| npu_regs::assemble(line).unwrap())
                .collect()
        })
        .collect();
    let commands = peer.alloc(8192);
    let AddressResult { address } = peer.call(Method::NpuAddress, &OneHandle { handle: commands }).unwrap();
    let chain: Vec<u8> = (0..2)
        .flat_map(|index| {
            let mut words = streams[index].clone();
            let tail = words.len() - 4;
            let next = if index == 0 { address + 960 } else { 0 };
            words[tail] = 0x0101 << 48 | u64::from(next) << 16 | 0x10;
            words[tail + 1] = 0x0101 << 48 | 116 << 16 | 0x14;
            words.resize(120, 0);
            words
        })
        .flat_map(u64::to_le_bytes)
        .collect();
    peer.write(commands, 0, &chain).unwrap();
    let shown = text(
        &mut peer,
        Method::NpuDisassemble,
        &DisassembleArgs {
            handle: commands,
            offset_bytes: 0,
            words: 117,
        },
    );
    assert_eq!(shown.lines().count(), 117);
    assert!(shown.starts_with("CNA.S_POINTER 0x0000000E"));
    let mut args = SubmitWordsArgs {
        handle: commands,
        offset_bytes: 0,
        words: 117,
        tasks: 2,
        interrupt_mask: 0x300,
        operands: product.buffers.to_vec(),
        stepped: true,
    };
    let job: OneHandle = peer.call(Method::NpuSubmit, &args).unwrap();
    assert_eq!(product.result(&mut peer), vec![0; M * N]);
    let first: StepResult = peer.call(Method::NpuStep, &job).unwrap();
    assert_eq!((first.task, first.tasks, first.counters.tasks_done), (0, 2, 1));
    // The driver cut the product in two tasks of 16 columns (even counts, erratum 7).
    let half = product.result(&mut peer);
    let first_columns = |c: &[i32]| -> Vec<i32> { c.chunks(N).flat_map(|row| row[..16].to_vec()).collect() };
    assert_eq!(first_columns(&half), first_columns(&product.expected));
    assert!(half.chunks(N).all(|row| row[16..] == [0; 16]));
    assert_eq!(first.weight_read_bytes, (N * K / 2) as u64);
    assert_eq!(u64::from(first.counters.weights_read) * 8, first.weight_read_bytes);
    assert!(first.modelled_ns > 0 && first.counters.interrupts_raw == 0);
    let second: StepResult = peer.call(Method::NpuStep, &job).unwrap();
    assert_eq!((second.task, second.counters.tasks_done), (1, 2));
    assert_eq!(second.counters.weights_read, 2 * first.counters.weights_read);
    assert_eq!(product.result(&mut peer), product.expected);
    let report: JobReport = peer.call(Method::TaskWait, &job).unwrap();
    assert_eq!(
        (report.operations[0].tasks, report.operations[0].cycles),
        (2, first.cycles + second.cycles)
    );
    assert_eq!(
        code(peer.call::<StepResult>(Method::NpuStep, &job)),
        ErrorCode::BadArgument
    );
    let counters: CountersResult = peer.call(Method::NpuCounters, &Nothing {}).unwrap();
    assert_eq!(counters.weights_read, second.counters.weights_read);
    // The same words at once.
    args.stepped = false;
    let job: OneHandle = peer.call(Method::NpuSubmit, &args).unwrap();
    let again: JobReport = peer.call(Method::TaskWait, &job).unwrap();
    assert_eq!(again.operations, report.operations);
}

#[test]
fn a_wrong_word_stops_the_step_with_register_and_rule_and_the_next_job_runs() {
    let mut peer = rig("sim:rk3568").peer();
    let product = Product::new(&mut peer, 7);
    let commands = peer.alloc(4096);
    // A start word alone: no block has registers.
    peer.write(commands, 0, &0x0081_0000_000F_0008u64.to_le_bytes())
        .unwrap();
    let args = SubmitWordsArgs {
        handle: commands,
        offset_bytes: 0,
        words: 1,
        tasks: 1,
        interrupt_mask: 0x300,
        operands: vec![commands],
        stepped: true,
    };
    let job: OneHandle = peer.call(Method::NpuSubmit, &args).unwrap();
    let fail = peer.call::<StepResult>(Method::NpuStep, &job).unwrap_err();
    assert_eq!(fail.code, ErrorCode::NpuFault);
    assert!(fail.cause.contains("task 0: CNA."), "{}", fail.cause);
    let operations = vec![product.operation()];
    let job: OneHandle = peer.call(Method::TaskSubmit, &SubmitArgs { operations }).unwrap();
    let _: JobReport = peer.call(Method::TaskWait, &job).unwrap();
    assert_eq!(product.result(&mut peer), product.expected);
}

#[test]
fn a_back_end_without_a_probe_says_what_it_cannot_do() {
    let mut peer = rig("cpu").peer();
    let buffer = peer.alloc(64);
    assert_eq!(
        code(peer.call::<Nothing>(Method::NpuCapture, &Nothing {})),
        ErrorCode::Unsupported
    );
    assert_eq!(
        code(peer.call::<CountersResult>(Method::NpuCounters, &Nothing {})),
        ErrorCode::Unsupported
    );
    let address = peer.call::<AddressResult>(Method::NpuAddress, &OneHandle { handle: buffer });
    assert_eq!(code(address), ErrorCode::Unsupported);
    let job = Handle {
        kind: HandleKind::Job,
        ..buffer
    };
    assert_eq!(
        code(peer.call::<StepResult>(Method::NpuStep, &OneHandle { handle: job })),
        ErrorCode::StaleHandle
    );
}

#[test]
fn one_session_records_at_a_time_and_a_session_that_ends_gives_the_recorder_back() {
    let rig = rig("sim:rk3568");
    let (mut first, mut second) = (rig.peer(), rig.peer());
    let Nothing {} = first.call(Method::NpuCapture, &Nothing {}).unwrap();
    assert_eq!(
        code(second.call::<Nothing>(Method::NpuCapture, &Nothing {})),
        ErrorCode::Busy
    );
    let product = Product::new(&mut second, 9);
    let operations = vec![product.operation()];
    let job: OneHandle = second.call(Method::TaskSubmit, &SubmitArgs { operations }).unwrap();
    let _: JobReport = second.call(Method::TaskWait, &job).unwrap();
    let captured: CapturedResult = first.call(Method::NpuCaptured, &Nothing {}).unwrap();
    assert_eq!((captured.submits, captured.files.len()), (0, 1));
    let Nothing {} = first.call(Method::NpuCapture, &Nothing {}).unwrap();
    first.bye();
    rig.until(|_| second.call::<Nothing>(Method::NpuCapture, &Nothing {}).is_ok());
}
