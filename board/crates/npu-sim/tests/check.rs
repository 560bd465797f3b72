//! A task is judged without memory and without running it, by the rules that a running task is held to.

mod common;

use common::{Bench, Task, word};
use npu_regs::{Register, cna};
use npu_sim::{Checker, FaultKind};

#[test]
fn what_is_refused_when_it_runs_is_refused_when_it_is_judged_with_the_word_to_blame() {
    for (offset, value) in [
        (0x1044, 15),
        (0x1040, 0x45),
        (0x1080, 10),
        (0x40C0, 64),
        (0x4010, 0x6000_0000),
    ] {
        let task = Task::new(8, 64, 32).with(offset, value);
        let bench = Bench::new();
        bench.run(core::slice::from_ref(&task));
        let words = task.words(None);
        let checked = Checker::new().task(&words);
        let [reject] = &checked.rejects[..] else {
            panic!("{:?}", checked.rejects)
        };
        let fault = bench.fault();
        assert!(fault.starts_with(&format!("task 0: {} [word", reject.kind)), "{fault}");
        let at = words.iter().rposition(|&word| word & 0xFFFF == u64::from(offset));
        assert_eq!(reject.word, at);
    }
}

#[test]
fn a_task_within_the_sheet_has_no_rejects_whatever_its_addresses_are() {
    let mut task = Task::new(8, 64, 32);
    (task.a, task.b, task.c) = (0, 0, 0);
    let checked = Checker::new().task(&task.words(Some((0x480, 116))));
    assert_eq!(checked.rejects, []);
    assert_eq!(
        (checked.mask, checked.next_address, checked.next_amount),
        (0x0F, 0x480, 116)
    );
}

#[test]
fn every_word_that_means_nothing_is_listed_not_only_the_first() {
    let mut words = Task::new(8, 64, 32).words(None);
    words.insert(9, word(0x0201, 0x1FF0, 1));
    words.insert(12, word(0x1001, 0x4048, 0xC000));
    let checked = Checker::new().task(&words);
    assert_eq!(
        checked.rejects.iter().map(|reject| reject.word).collect::<Vec<_>>(),
        [Some(9), Some(12)]
    );
    assert!(matches!(checked.rejects[0].kind, FaultKind::Word { index: 9, .. }));
}

#[test]
fn a_shortened_task_inherits_from_the_task_two_before_it() {
    let mut checker = Checker::new();
    let (even, odd) = (Task::new(8, 64, 32), Task::new(4, 32, 16));
    checker.task(&even.words(None));
    checker.task(&odd.words(None));
    let kept = |word: &u64| {
        matches!(word & 0xFFFF, 0x1004 | 0x2004 | 0x3004 | 0x4004 | 0x1070) || word >> 48 & 0xFFF1 == 0x0081
    };
    let short: Vec<u64> = even.words(None).into_iter().filter(kept).collect();
    assert!(short.len() < 10);
    assert_eq!(checker.task(&short).rejects, []);
    assert_eq!(checker.executed(cna::DATA_SIZE0::INFO), 8 << 16 | 1);
    assert_eq!(checker.task(&short).rejects, []);
    assert_eq!(checker.executed(cna::DATA_SIZE0::INFO), 4 << 16 | 1);
}

#[test]
fn a_task_without_a_start_and_one_that_is_too_long_are_named() {
    let mut words = Task::new(8, 64, 32).words(None);
    words.pop();
    assert!(
        Checker::new().task(&words).rejects[0]
            .kind
            .to_string()
            .contains("no start word")
    );
    let long = vec![0; 1025];
    assert!(
        Checker::new().task(&long).rejects[0]
            .kind
            .to_string()
            .contains("erratum 6")
    );
}
