//! Vectors of npu.*.

use link::cbor::{Nothing, Nullable};
use link::message::call::{HandleKind, OneHandle};
use link::message::npu::*;
use link::message::task::{Layout, Matmul, Operand, OperationKind};

use super::{Case, call, digest, handle, reply};

pub fn cases() -> Vec<Case> {
    let buffer = handle(0, 1, HandleKind::Buffer);
    let job = handle(3, 1, HandleKind::Job);
    let at = |slot: u32| Operand {
        handle: handle(slot, 1, HandleKind::Buffer),
        offset_bytes: 64,
    };
    let counters = CountersResult {
        data_written: 0x6400,
        data_read: 0x32C9,
        weights_read: 0x1900,
        tasks_done: 1,
        interrupts_raw: 0x100,
        interrupts: 0x100,
    };
    let block = RegisterBlock {
        name: "CNA".into(),
        target: Nullable(Some(0x0201)),
        base: 0x1000,
        registers: vec![RegisterLine {
            offset: 0x1040,
            name: "CBUF_CON0".into(),
            doc: "Banks.".into(),
            source: "§2.4".into(),
            fields: vec![FieldLine {
                name: "DATA_BANK".into(),
                msb: 3,
                lsb: 0,
                doc: "Data banks.".into(),
            }],
        }],
        blocks: 11,
    };
    let words = SubmitWordsArgs {
        handle: buffer,
        offset_bytes: 64,
        words: 117,
        tasks: 2,
        interrupt_mask: 0x300,
        operands: vec![handle(1, 1, HandleKind::Buffer)],
        stepped: true,
    };
    let product = Matmul {
        kind: OperationKind::MatmulInt8,
        m: 4,
        k: 64,
        n: 32,
        a: at(0),
        b: at(1),
        c: at(2),
        layout: Layout::Native,
    };
    let step = StepResult {
        task: 1,
        tasks: 2,
        cycles: 48_000,
        modelled_ns: 51_200,
        data_read_bytes: 936,
        weight_read_bytes: 4096,
        written_bytes: 512,
        counters,
    };
    let captured = CapturedResult {
        submits: 2,
        files: vec![CapturedFile {
            name: "JOB.json".into(),
            size_bytes: 1234,
            digest: digest(7),
        }],
    };
    let part = CaptureFileArgs {
        name: "JOB.json".into(),
        offset_bytes: 0,
        length_bytes: 5,
    };
    let one = |handle| OneHandle { handle };
    vec![
        call("npu.registers call", 0x0060, 200, RegistersArgs { block: 1 }, None, &[]),
        reply("npu.registers reply", 0x0060, 200, block, &[]),
        call("npu.mixes call", 0x0061, 202, Nothing {}, None, &[]),
        reply(
            "npu.mixes reply",
            0x0061,
            202,
            MixesResult {
                mixes: vec![MixLine {
                    name: "pooling".into(),
                    mask: 0x60,
                    writes: vec![0x6004, 0x7004, 0x600C],
                }],
            },
            &[],
        ),
        call("npu.address call", 0x0062, 204, one(buffer), None, &[]),
        reply(
            "npu.address reply",
            0x0062,
            204,
            AddressResult { address: 0x0010_0000 },
            &[],
        ),
        call("npu.submit call", 0x0063, 206, words, None, &[]),
        reply("npu.submit reply", 0x0063, 206, one(job), &[]),
        call("npu.step call", 0x0064, 208, one(job), None, &[]),
        reply("npu.step reply", 0x0064, 208, step, &[]),
        call("npu.counters call", 0x0065, 210, Nothing {}, None, &[]),
        reply("npu.counters reply", 0x0065, 210, counters, &[]),
        call(
            "npu.disassemble call",
            0x0066,
            212,
            DisassembleArgs {
                handle: buffer,
                offset_bytes: 0,
                words: 117,
            },
            None,
            &[],
        ),
        reply("npu.disassemble reply", 0x0066, 212, Nothing {}, b"barrier\n"),
        call(
            "npu.listing call",
            0x0067,
            214,
            ListingArgs {
                operations: vec![product],
            },
            None,
            &[],
        ),
        reply("npu.listing reply", 0x0067, 214, Nothing {}, b"barrier\n"),
        call("npu.capture call", 0x0068, 216, Nothing {}, None, &[]),
        reply("npu.capture reply", 0x0068, 216, Nothing {}, &[]),
        call("npu.captured call", 0x0069, 218, Nothing {}, None, &[]),
        reply("npu.captured reply", 0x0069, 218, captured, &[]),
        call("npu.captureFile call", 0x006a, 220, part, None, &[]),
        reply(
            "npu.captureFile reply",
            0x006a,
            220,
            CaptureFileResult { digest: digest(7) },
            b"{\"soc",
        ),
    ]
}
