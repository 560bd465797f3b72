//! Messages of task.*.

use super::*;

pub fn cases() -> Vec<Case> {
    let buffer = handle(0, 1, HandleKind::Buffer);
    vec![
        call(
            "task.submit call",
            0x0020,
            20,
            SubmitArgs {
                operations: vec![Matmul {
                    kind: OperationKind::MatmulInt8,
                    m: 4,
                    k: 2048,
                    n: 2048,
                    a: Operand {
                        handle: buffer,
                        offset_bytes: 0,
                    },
                    b: Operand {
                        handle: handle(1, 1, HandleKind::Buffer),
                        offset_bytes: 8192,
                    },
                    c: Operand {
                        handle: handle(2, 1, HandleKind::Buffer),
                        offset_bytes: 0,
                    },
                    layout: Layout::RowMajor,
                }],
            },
            None,
            &[],
        ),
        call(
            "task.submit call of an fp16 product in the native layout",
            0x0020,
            20,
            SubmitArgs {
                operations: vec![Matmul {
                    kind: OperationKind::MatmulFp16,
                    m: 1,
                    k: 16,
                    n: 8,
                    a: Operand {
                        handle: buffer,
                        offset_bytes: 0,
                    },
                    b: Operand {
                        handle: buffer,
                        offset_bytes: 128,
                    },
                    c: Operand {
                        handle: buffer,
                        offset_bytes: 384,
                    },
                    layout: Layout::Native,
                }],
            },
            None,
            &[],
        ),
        reply(
            "task.submit reply",
            0x0020,
            20,
            OneHandle {
                handle: handle(3, 2, HandleKind::Job),
            },
            &[],
        ),
        call(
            "task.wait call",
            0x0021,
            22,
            OneHandle {
                handle: handle(3, 2, HandleKind::Job),
            },
            Some(10_000),
            &[],
        ),
        reply(
            "task.wait reply, modelled",
            0x0021,
            22,
            JobReport {
                operations: vec![TaskReport {
                    tasks: 8,
                    macs: 16_777_216,
                    cycles: 70_000,
                    modelled_ns: Nullable(Some(80_500)),
                    data_read_bytes: 8192,
                    weight_read_bytes: 4_194_304,
                    written_bytes: 32_768,
                }],
                modelled_ns: Nullable(Some(100_500)),
                start_ticks: 1_000_000,
                end_ticks: 1_100_500,
                hardware_starts: 1,
            },
            &[],
        ),
        reply(
            "task.wait reply, nothing modelled",
            0x0021,
            26,
            JobReport {
                operations: vec![TaskReport {
                    tasks: 1,
                    macs: 65_536,
                    cycles: 0,
                    modelled_ns: Nullable(None),
                    data_read_bytes: 8192,
                    weight_read_bytes: 65_536,
                    written_bytes: 128,
                }],
                modelled_ns: Nullable(None),
                start_ticks: 5,
                end_ticks: 6,
                hardware_starts: 1,
            },
            &[],
        ),
    ]
}
