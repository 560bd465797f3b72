//! The driver's command words, against the table of the hardware sheet (§4.4) and the invariants of §9.

mod common;

use std::collections::HashMap;

use common::{driver, registers, shape, tasks};
use npu_device::NpuDevice;

#[test]
fn a_task_is_word_for_word_the_table_of_the_sheet() {
    let mut npu = driver(16 << 20);
    let placed = shape(&mut npu, 6, 64, 64);
    let tasks = tasks(&npu.disassemble_job(&[placed.operation.into()]).unwrap());
    assert_eq!(tasks.iter().map(Vec::len).collect::<Vec<_>>(), [117, 117]);
    let first = registers(&tasks[0]);
    // §4.4 for W = 6, H = 1, K = 64, N = 32, one data bank and seven weight banks.
    let expected: HashMap<u32, u32> = [
        (0x1004, 0x0E),
        (0x2004, 0x0E),
        (0x3004, 0x0E),
        (0x4004, 0x0E),
        (0x1010, 4 << 4),
        (0x1014, 0x9),
        (0x1020, 6 << 16 | 1),
        (0x1024, 63 << 16 | 64),
        (0x1028, 6),
        (0x102C, 6),
        (0x1030, 32 * 64),
        (0x1034, 64),
        (0x1038, 0x0101 << 16 | 32),
        (0x1040, 0x71),
        (0x1044, 6 << 16 | 12),
        (0x104C, 0x0A),
        (0x1050, 0x10000),
        (0x1054, 0x10000),
        (0x1058, 0x10000),
        (0x105C, 0x10000),
        (0x1078, 0x0017_1C07),
        (0x107C, 6),
        (0x1080, 8),
        (0x1084, 6 << 16 | 1),
        (0x1088, 64),
        (0x200C, 1),
        (0x3010, 5),
        (0x3014, 31),
        (0x400C, 0x108),
        (0x4010, 0x8000_0000),
        (0x4024, 16 * 6),
        (0x4030, 5),
        (0x403C, 31 << 16 | 31),
        (0x4040, 0x53),
        (0x4050, 0x36C),
        (0x4060, 0x53),
        (0x4070, 0x383),
        (0x4084, 1),
        (0x40C0, 64 * 6),
    ]
    .into();
    let addresses = [0x1070, 0x1110, 0x4020, 0x10, 0x14, 0, 8];
    for (&offset, &value) in first.iter().filter(|(offset, _)| !addresses.contains(offset)) {
        assert_eq!(
            value,
            expected.get(&offset).copied().unwrap_or(0),
            "register 0x{offset:04X}"
        );
    }
    let second = registers(&tasks[1]);
    assert_eq!(second[&0x1110], first[&0x1110] + 32 * 64);
    assert_eq!(second[&0x4020], first[&0x4020] + 32 * 6 * 4);
    // Only the kernels were split, so the second task finds its features in the buffer (§9.7).
    assert_eq!((second[&0x1070], second[&0x1040]), (first[&0x1070], 0x1071));
    // Words - 1, next stream on a 64-byte boundary, nothing after the last (§3.2).
    assert_eq!(
        (first[&0x14], first[&0x10] % 64, second[&0x10], second[&0x14]),
        (116, 0, 0, 0)
    );
    assert_eq!(tasks[0][115..], [0x0041_0000_0000_0000, 0x0081_0000_000F_0008]);
}

#[test]
fn the_words_come_in_the_vendors_order() {
    let mut npu = driver(16 << 20);
    let placed = shape(&mut npu, 1, 32, 32);
    let listing = npu.disassemble_job(&[placed.operation.into()]).unwrap();
    let names: Vec<&str> = listing
        .lines()
        .skip(1)
        .take(117)
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let opening = [
        "CNA.S_POINTER",
        "CMAC.S_POINTER",
        "CORE.S_POINTER",
        "CNA.CBUF_CON0",
        "DPU.S_POINTER",
    ];
    assert_eq!(names[..5], opening);
    assert_eq!(names[5], "CNA.CONV_CON1");
    assert_eq!(
        names[59..64],
        [
            "CNA.REG_1230",
            "CMAC.MISC_CFG",
            "CORE.MISC_CFG",
            "CORE.DATAOUT_SIZE_0",
            "CORE.DATAOUT_SIZE_1"
        ]
    );
    assert_eq!(
        names[112..],
        [
            "DPU.LUT_LO_SLOPE_SHIFT",
            "PC.BASE_ADDRESS",
            "PC.REGISTER_AMOUNTS",
            "barrier",
            "enable"
        ]
    );
}

#[test]
fn every_program_satisfies_the_invariants_of_the_sheet() {
    let mut npu = driver(256 << 20);
    for (m, k, n) in [
        (1, 2048, 5632),
        (7, 32, 16),
        (113, 2048, 64),
        (300, 256, 8192),
        (23, 10240, 48),
        (5000, 64, 32),
    ] {
        let placed = shape(&mut npu, m, k, n);
        let tasks = tasks(&npu.disassemble_job(&[placed.operation.into()]).unwrap());
        assert_eq!(tasks.len() % 2, 0);
        for words in &tasks {
            let r = registers(words);
            let (w, banks) = (r[&0x1028], r[&0x1040]);
            let (data, weight) = (banks & 0xF, banks >> 4 & 0xF);
            assert_eq!(data + weight, 8); // §9.1
            let entries = r[&0x1044] & 0x3FFF;
            assert_eq!(entries, (w * (k as u32 / 8)).div_ceil(4)); // §9.2
            assert!(entries <= 1024 * data);
            assert_eq!(r[&0x1010], (2 + 16 / w) << 4); // §9.3
            assert_eq!(r[&0x1078], 0x0017_1C07); // §9.4
            let kernels = r[&0x1038] & 0x3FFF;
            assert_eq!(r[&0x1030], r[&0x1034] * kernels); // §9.5
            assert!(kernels <= 8176 && words.len() <= 1024);
            // §9.7: weights are reused only where all of them fit their banks.
            assert!(banks & 0x2000 == 0 || r[&0x1030] <= weight * 32768);
            assert_eq!(r[&0x40C0], 4 * r[&0x4024]); // §9.8
            assert_eq!(r[&0x1080] % 4, 0);
        }
        // §9.10 for one-row bands: the next band starts where the previous one ended.
        for pair in tasks.windows(2).map(|pair| (registers(&pair[0]), registers(&pair[1]))) {
            if pair.0[&0x1110] == pair.1[&0x1110] && pair.0[&0x1070] < pair.1[&0x1070] {
                assert_eq!(pair.1[&0x1070], pair.0[&0x1070] + pair.0[&0x1028] * 8);
            }
        }
        placed.free(&mut npu);
    }
}
