//! `check` on forms that a vendor's model file shows (decision 0044): they break no invariant, and what lies beside them does.

mod support;

use npu_regs::task::Mix;
use npu_regs::worked_examples::{B1, B4};
use npu_tool::invariants;
use support::{bytes, padded, task, with, word};

fn broken(streams: &[Vec<u64>]) -> Vec<&'static str> {
    let file: Vec<u8> = streams.iter().flat_map(|words| bytes(&padded(words.clone()))).collect();
    let (tasks, tallies) = invariants::check(&file);
    assert_eq!(tasks.len(), streams.len());
    let broken = tallies.into_iter().filter(|tally| !tally.broken.is_empty());
    broken.map(|tally| tally.invariant.name).collect()
}

#[test]
fn a_band_with_fewer_rows_than_its_grains_holds_them_all() {
    // Three input rows for one output row, where the formula says 5.
    let band = |grains: u32| {
        let sizes = [(0x1020, 0x0060_0003), (0x1084, 0x0060_0003), (0x102C, 0x30)];
        let outputs = [(0x3010, 0x2F), (0x4034, 0), (0x5010, 0)];
        with(&B1, &[&sizes[..], &outputs, &[(0x1010, grains << 4)]].concat())
    };
    for (grains, wanted) in [
        (3, vec![]),
        (5, vec![]),
        (4, vec!["feature-grains"]),
        (2, vec!["feature-grains"]),
    ] {
        assert_eq!(broken(&[band(grains)]), wanted, "{grains} grains");
    }
    assert_eq!(broken(&[with(&B1, &[(0x1010, 37 << 4)])]), ["feature-grains"]);
}

#[test]
fn pointers_are_cleared_in_tasks_that_look_tables_up_and_in_no_other() {
    let pointers = [0x1004, 0x2004, 0x3004, 0x4004, 0x5004].map(|offset| (offset, 0x30));
    let table = [
        (0x4070, 0x302),
        (0x4108, 0x68),
        (0x410C, 0x0005_0500),
        (0x4110, 0xFFFF_C000),
        (0x411C, 0x4000),
    ];
    assert_eq!(broken(&[with(&B1, &[&pointers[..], &table].concat())]), [""; 0]);
    assert_eq!(broken(&[with(&B1, &table)]), [""; 0]);
    assert_eq!(broken(&[with(&B1, &pointers)]), ["s-pointer"]);
    assert_eq!(broken(&[with(&B1, &[&pointers[..4], &table].concat())]), ["s-pointer"]);
}

#[test]
fn a_column_of_pixels_may_be_rows_to_the_dpu_and_no_other_number_of_pixels() {
    let column = |width: u32, height: u32| {
        let sizes = [
            (0x1010, 20 << 4),
            (0x1014, 9),
            (0x1020, 0x0001_0024),
            (0x1024, 0x003F_0040),
            (0x1028, 1),
        ];
        let more = [
            (0x102C, 36),
            (0x1030, 0x1000),
            (0x1034, 64),
            (0x1038, 0x0101_0040),
            (0x1040, 0x71),
        ];
        let loads = [
            (0x1044, 0x0001_0002),
            (0x107C, 1),
            (0x1080, 36),
            (0x1084, 0x0001_0024),
            (0x1010, 18 << 4),
        ];
        let outputs = [
            (0x3010, 35 << 16),
            (0x4024, 288),
            (0x40C0, 576),
            (0x4030, width - 1),
            (0x4034, height - 1),
        ];
        let stages = [(0x4040, 0x53), (0x4050, 0x124)];
        let values = [B1.listed, B1.implied, &sizes, &more, &loads, &outputs, &stages].concat();
        broken(&[task(Mix::Convolution, &values, None)])
    };
    assert_eq!(column(9, 4), [""; 0]);
    assert_eq!(column(1, 36), [""; 0]);
    assert_eq!(column(9, 3), ["output-size"]);
}

#[test]
fn the_last_task_of_a_file_may_have_a_zero_word_for_its_successor() {
    let ending = |last: u64| {
        let mut words = with(&B4, &[]);
        let at = words.len() - 4;
        words[at] = last;
        broken(&[words])
    };
    assert_eq!(ending(0), [""; 0]);
    assert_eq!(ending(word(0x0101, 0x10, 0)), [""; 0]);
    assert_eq!(ending(word(0x1001, 0x4020, 0)), ["tail"]);
}

#[test]
fn a_second_layer_of_the_same_shape_is_no_band_of_the_first() {
    // Addresses count from the start of each tensor, so those of the second layer begin at 0 again.
    let layer = |feature: u32, reuse: u32, next: Option<u32>| {
        let mut words = with(&B1, &[(0x1070, feature), (0x1040, 0x17 | reuse)]);
        let tail = words.len() - 4;
        words[tail] = word(0x0101, 0x10, next.unwrap_or(0));
        words[tail + 1] = word(0x0101, 0x14, next.map_or(0, |_| 136));
        words
    };
    let second_band = 36 * 96 * 8;
    let file = [
        layer(0, 0, Some(0x480)),
        layer(second_band, 0, Some(0x900)),
        layer(0, 0, None),
    ];
    assert_eq!(broken(&file), [""; 0]);
    let file = [layer(0, 0, Some(0x480)), layer(second_band + 8, 0, None)];
    assert_eq!(broken(&file), ["row-bands"]);
}
