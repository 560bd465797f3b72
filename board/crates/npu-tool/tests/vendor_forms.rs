//! Forms of tasks that vendor files hold beside full ones (§2.6, §2.7, §3.2): table loads, shortened tasks, transpositions;
//! and that one scan lists every word outside the sheet.

mod support;

use npu_regs::task::Mix;
use npu_regs::worked_examples::{B1, B4};
use npu_tool::scan;
use support::{bytes, padded, with, word};

#[test]
fn a_transposition_counts_its_pixels_as_surfaces() {
    // Decision 0044: a row of pixels, 2 bytes of each channel, every pixel a surface of the writer.
    for (pixels, channels) in [(8u32, 12u32), (5, 12), (1, 4), (8, 64)] {
        let (size_e, last) = (pixels - 1, channels - 1);
        let row = |surfaces: u32| {
            with(
                &B4,
                &[
                    (0x400C, 0x4000_0109),
                    (0x4010, 0x2400_0001),
                    (0x4024, 2 * channels),
                    (0x4030, pixels - 1),
                    (0x4034, 0),
                    (0x403C, last << 16 | last),
                    (0x4040, 0x53),
                    (0x4044, 0),
                    (0x4048, 0),
                    (0x4050, surfaces << 8 | surfaces << 5 | surfaces << 2 | 2),
                    (0x4070, 0x383),
                    (0x4080, 0),
                    (0x4084, 1),
                    (0x4088, 0),
                    (0x40C0, pixels * 2 * channels),
                    (0x500C, pixels - 1),
                    (0x5010, 0),
                    (0x5014, last),
                    (0x5034, 1),
                    (0x5044, 0xC021),
                    (0x504C, 32 * 8 - pixels * 8),
                ],
            )
        };
        let tasks = scan::scan(&bytes(&row(size_e)), |_, _, _| {});
        assert_eq!(tasks[0].checked.rejects, []);
        assert_eq!(
            tasks[0].shapes(),
            format!("transpose int16->int16 {pixels}x1x{channels}")
        );
        let wrong = scan::scan(&bytes(&row(size_e ^ 1)), |_, _, _| {});
        let why = wrong[0].checked.rejects[0].kind.to_string();
        assert!(why.contains("SIZE_E_0"), "{why}");
    }
}

#[test]
fn a_table_load_is_588_words_of_one_table_each() {
    for table in [0x2_0000u32, 0x3_0000] {
        let body = with(
            &B4,
            &[
                (0x4024, 0x20),
                (0x40C0, 0x20),
                (0x4030, 0),
                (0x4034, 0),
                (0x403C, 0x0007_0007),
                (0x4040, 0x53),
                (0x4070, 0x383),
                (0x4080, 0),
                (0x4084, 1),
                (0x4088, 0),
                (0x500C, 0),
                (0x5010, 0),
                (0x5014, 7),
                (0x5034, 1),
                (0x5040, 0),
                (0x4100, table),
            ],
        );
        let at = body.iter().position(|word| word & 0xFFFF == 0x4104).unwrap();
        let mut words = body[..at].to_vec();
        words.extend((0..516).map(|index| word(0x1001, 0x4104, index)));
        words.extend(&body[at + 1..]);
        assert_eq!(words.len(), 588);
        let tasks = scan::scan(&bytes(&padded(words)), |_, _, _| {});
        assert_eq!(
            (tasks[0].shapes().as_str(), &tasks[0].checked.rejects[..]),
            ("activation table", &[][..])
        );
    }
}

#[test]
fn shortened_tasks_of_31_and_11_words_inherit_what_they_leave_out() {
    let kept = |words: &[u64], keep: &[u32]| -> Vec<u64> {
        let keeps = |word: &&u64| {
            keep.contains(&((**word & 0xFFFF) as u32)) || **word >> 48 & 0xFF0F == 1 && **word & 0xFFFF <= 0x14
        };
        let tail = words.len() - 4;
        let body = words[..tail].iter().filter(keeps).copied();
        body.chain(words[tail..].iter().copied()).collect()
    };
    let full = with(&B1, &[(0x10, 0)]);
    let convolution = kept(
        &full,
        &[
            0x1004, 0x2004, 0x3004, 0x4004, 0x5004, 0x1010, 0x1020, 0x102C, 0x1040, 0x1068, 0x1070, 0x1084, 0x1110,
            0x3010, 0x4020, 0x4030, 0x4034, 0x500C, 0x5010, 0x5018, 0x5020, 0x5038, 0x107C, 0x1080, 0x4024, 0x40C0,
        ],
    );
    let sum = kept(
        &with(&B4, &[]),
        &[0x4004, 0x5004, 0x4020, 0x5018, 0x5038, 0x4034, 0x5010],
    );
    assert_eq!((convolution.len(), sum.len()), (31, 11));
    let chained = |mut words: Vec<u64>| {
        let address = words.len() - 4;
        words[address] = word(0x0101, 0x10, 0x480);
        words
    };
    let file: Vec<u64> = [
        full.clone(),
        full,
        convolution.clone(),
        convolution,
        with(&B4, &[]),
        with(&B4, &[]),
        sum.clone(),
        sum,
    ]
    .into_iter()
    .flat_map(|words| padded(chained(words)))
    .collect();
    let tasks = scan::scan(&bytes(&file), |_, _, _| {});
    assert_eq!(tasks.len(), 8);
    for (index, task) in tasks.iter().enumerate() {
        assert_eq!(task.checked.rejects, [], "task {index}");
        assert_eq!(task.delta, index % 4 >= 2, "task {index}");
    }
}

#[test]
fn every_word_outside_the_sheet_is_listed_in_one_scan() {
    let words = with(
        &B1,
        &[
            (0x1078, 0x0007_1C07),
            (0x1060, 1),
            (0x4014, 5),
            (0x5064, 7),
            (0x1210, 3),
        ],
    );
    let tasks = scan::scan(&bytes(&words), |_, _, _| {});
    let mut found: Vec<u64> = tasks[0]
        .checked
        .rejects
        .iter()
        .map(|reject| words[reject.word.unwrap()] & 0xFFFF)
        .collect();
    found.sort_unstable();
    assert_eq!(found, [0x1060, 0x1078, 0x1210, 0x4014, 0x5064]);
}

#[test]
fn mixes_have_the_masks_of_the_sheet() {
    let masks = [0x0F, 0x1F, 0x18, 0x60];
    assert_eq!(Mix::ALL.map(Mix::mask), masks);
}
