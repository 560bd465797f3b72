//! The harness on streams of our own: the sheet's worked examples, and what must not pass.

use npu_regs::task::Mix;
use npu_regs::worked_examples::{B1, B4, B5, B6};

use crate::bench::{Bench, region};
use crate::execute;
use crate::output::Expected;
use crate::support::{bytes, padded, task, with, word};

/// A file of streams, as model files hold them.
fn file(streams: &[Vec<u64>]) -> Vec<u8> {
    streams.iter().flat_map(|words| bytes(&padded(words.clone()))).collect()
}

/// The same as one chain: every tail but the last names a successor, wherever it lies.
fn chain(mut streams: Vec<Vec<u64>>) -> Vec<u8> {
    let last = streams.len() - 1;
    for words in &mut streams[..last] {
        let tail = words.len() - 4;
        words[tail] = word(0x0101, 0x10, 0x40);
    }
    file(&streams)
}

/// A transposition of 5 pixels of 12 16-bit channels.
fn transposition() -> Vec<u64> {
    let values = [
        (0x400C, 0x4000_0109),
        (0x4010, 0x2400_0001),
        (0x4024, 24),
        (0x4030, 4),
        (0x403C, 11 << 16 | 11),
        (0x4040, 0x53),
        (0x4050, 0x492),
        (0x4060, 0x53),
        (0x4070, 0x383),
        (0x4084, 1),
        (0x40C0, 5 * 24),
        (0x500C, 4),
        (0x5014, 11),
        (0x501C, 1),
        (0x5028, 1),
        (0x5034, 1),
        (0x5044, 0xC021),
        (0x504C, 24),
    ];
    task(Mix::Dpu, &values, None)
}

/// A pooling of the left 9 of 20 columns.
fn band() -> Vec<u64> {
    with(
        &B6,
        &[
            (0x600C, 9),
            (0x700C, 9),
            (0x6018, 8),
            (0x6024, 0x11 | 11 << 16),
            (0x6040, 0x1011),
        ],
    )
}

#[test]
fn worked_examples_run_and_give_what_the_reference_gives() {
    let b1 = with(&B1, &[]);
    // The next band with the same registers: only addresses, in a shortened task.
    let next: Vec<u64> = b1
        .iter()
        .filter(|&&word| matches!(word as u16 & 0xFFF, 4 | 0x10 | 0x14 | 0x70 | 0x110) || word >> 48 < 0x0200)
        .copied()
        .collect();
    let streams = vec![
        b1.clone(),
        b1,
        next.clone(),
        next,
        with(&B4, &[]),
        with(&B5, &[]),
        band(),
        transposition(),
    ];
    let report = execute(&chain(streams), true);
    assert_eq!(report.wrong, Vec::<String>::new());
    assert_eq!((report.tasks, report.distinct, report.starts), (8, 5, 1));
    assert!(report.modelled_ns > 0);
    let kinds: Vec<(&str, usize)> = report
        .kinds
        .iter()
        .map(|(kind, &count)| (kind.as_str(), count))
        .collect();
    assert_eq!(
        kinds,
        [
            ("conv int8->int8 3x3 s2", 4),
            ("dpu fp16->fp32", 1),
            ("dpu int8->int8", 1),
            ("max pool int8 3x3 s1x1", 1),
            ("transpose int16->int16", 1)
        ]
    );
}

#[test]
fn a_refused_task_and_one_without_a_reference_are_told() {
    let refused = execute(
        &file(&[with(&B4, &[]), with(&B1, &[(0x1078, 0)]), with(&B4, &[])]),
        true,
    );
    assert_eq!((refused.tasks, refused.starts, refused.wrong.len()), (3, 3, 1));
    assert!(
        refused.wrong[0].contains("DMA_CON0 (0x1078)  = 0x0: not modelled"),
        "{}",
        refused.wrong[0]
    );
    let unknown = execute(&file(&[with(&B5, &[(0x4040, 0x58)]), with(&B4, &[])]), true);
    assert_eq!((unknown.tasks, unknown.wrong.len()), (2, 2), "{:?}", unknown.wrong);
    assert!(unknown.wrong[0].contains("no reference for it: 0x4040 = 0x58"));
    assert_eq!(unknown.wrong[1], "bytes were written that nothing was expected of");
}

#[test]
fn a_byte_that_differs_or_lies_beside_the_output_is_found() {
    let (bench, at) = (Bench::new(), region(0x4020));
    let expected = |value| Expected {
        bytes: vec![(2, value), (5, 9)],
        free: std::iter::once(3..5).collect(),
    };
    let write = || {
        bench.write(at + 2, &[7, 1, 2, 9]);
    };
    write();
    assert_eq!(bench.compare(at, &expected(7)), Ok(()));
    write();
    let differs = "1 of 6 bytes differ, the first at 2: 7, not 8";
    assert_eq!(bench.compare(at, &expected(8)), Err(differs.to_owned()));
    write();
    bench.write(at + 1, &[3]);
    let beside = "1 of 6 bytes differ, the first at 1: 3, not 167";
    assert_eq!(bench.compare(at, &expected(7)), Err(beside.to_owned()));
    assert!(bench.untouched());
    bench.write(at - 1, &[0]);
    assert!(!bench.untouched());
}
