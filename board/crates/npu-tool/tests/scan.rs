//! `npulab-npu scan` and `check` on files made as model files are (§3.2, §12.26, appendix E) and on noise.

mod support;

use std::path::{Path, PathBuf};
use std::time::Instant;

use npu_regs::worked_examples;
use npu_tool::{find, invariants, scan};
use serde_json::Value;
use support::{Random, b1, b4, b6, bytes, example, folder, matmul, npulab, padded, word};

/// Noise, then streams padded to 64 bytes that name each other relative to the first one, then noise.
fn model_file(streams: &[Vec<u64>]) -> (Vec<u8>, Vec<usize>) {
    let mut random = Random(11);
    let mut file = random.bytes(4096 + 8);
    let mut offsets = Vec::new();
    for stream in streams {
        let words = padded(stream.clone());
        offsets.push(file.len() + (words.len() - stream.len()) * 8);
        file.extend(bytes(&words));
    }
    file.extend(random.bytes(3001));
    (file, offsets)
}

fn write(name: &str, content: &[u8]) -> PathBuf {
    let path = folder(name).join("model.bin");
    std::fs::write(&path, content).unwrap();
    path
}

fn json(command: &str, path: &Path) -> (Value, i32) {
    let output = npulab(&[command.as_ref(), path.as_os_str(), "--json".as_ref()]);
    (
        serde_json::from_slice(&output.stdout).unwrap(),
        output.status.code().unwrap(),
    )
}

#[test]
fn tasks_are_found_between_noise_with_offset_words_blocks_shapes_banks_and_chain() {
    // 137 words lie in 144, so the second stream's first word is 144 words after the first one's.
    let (file, offsets) = model_file(&[b1(Some((0x480, 136))), b1(Some((0x900 + 0x38, 72))), b4(None), b6(None)]);
    let (report, _) = json("scan", &write("found", &file));
    let tasks = report["tasks"].as_array().unwrap();
    assert_eq!(
        tasks
            .iter()
            .map(|task| task["offset"].as_u64().unwrap() as usize)
            .collect::<Vec<_>>(),
        offsets
    );
    assert_eq!(
        tasks
            .iter()
            .map(|task| task["words"].as_u64().unwrap())
            .collect::<Vec<_>>(),
        [137, 137, 73, 33]
    );
    let text = |task: usize, key: &str| tasks[task][key].as_str().unwrap().to_owned();
    assert_eq!(text(0, "mix"), "CNA+CMAC+CORE+DPU+RDMA");
    assert_eq!(text(0, "shapes"), "conv int8->int8 3x3 s2 96x37x64 -> 48x18x64");
    assert_eq!(text(0, "banks"), "7+1");
    assert_eq!(
        tasks[0]["blocks"],
        serde_json::json!({"CNA": 57, "CMAC": 2, "CORE": 5, "DPU": 49, "DPU_RDMA": 20})
    );
    assert_eq!(
        (text(2, "mix"), text(2, "shapes")),
        ("DPU+RDMA".into(), "dpu int8->int8 48x48x16".into())
    );
    assert_eq!(text(3, "shapes"), "max pool int8 3x3 s1x1 20x20x128 -> 20x20x128");
    assert_eq!(tasks[0]["nextOffset"], offsets[1]);
    assert_eq!(tasks[1]["nextOffset"], offsets[2]);
    assert_eq!(tasks[2]["nextOffset"], Value::Null);
}

#[test]
fn worked_examples_of_the_sheet_are_found_listed_and_without_rejects_although_their_addresses_are_symbolic() {
    let streams: Vec<Vec<u64>> = worked_examples::ALL.iter().map(|one| example(one, None)).collect();
    let (file, offsets) = model_file(&streams);
    let (report, exit) = json("scan", &write("examples", &file));
    assert_eq!((report["rejects"].as_u64(), exit), (Some(0), 0), "{report:#}");
    let listed: Vec<(usize, usize, &str)> = report["tasks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|task| {
            let number = |key: &str| task[key].as_u64().unwrap() as usize;
            (number("offset"), number("words"), task["shapes"].as_str().unwrap())
        })
        .collect();
    let expected = [
        (137, "conv int8->int8 3x3 s2 96x37x64 -> 48x18x64"),
        (137, "first-layer conv int8->int8 3x3 s2 192x149x3 -> 96x74x64"),
        (137, "first-layer conv int8->int8 3x3 s2 192x44x3 -> 96x22x64"),
        (117, "first-layer conv fp16->fp16 1x1 s1 10x10x3 -> 10x10x3"),
        (73, "dpu int8->int8 48x48x16"),
        (73, "dpu fp16->fp32 8176x1x4"),
        (33, "max pool int8 3x3 s1x1 20x20x128 -> 20x20x128"),
    ];
    let expected: Vec<_> = offsets
        .iter()
        .zip(expected)
        .map(|(&offset, (words, shapes))| (offset, words, shapes))
        .collect();
    assert_eq!(listed, expected);
}

#[test]
fn a_product_within_the_sheet_has_no_rejects_and_one_changed_word_has_one() {
    let good = matmul(8, 64, 32, [0; 3], None);
    let (report, exit) = json("scan", &write("good", &bytes(&padded(good.clone()))));
    assert_eq!((report["rejects"].as_u64(), exit), (Some(0), 0));
    let mut bad = good.clone();
    let at = bad.iter().rposition(|word| word & 0xFFFF == 0x1044).unwrap();
    bad[at] = word(0x0201, 0x1044, 8 << 16 | 15);
    let path = write("bad", &bytes(&padded(bad)));
    let (report, exit) = json("scan", &path);
    let reject = &report["tasks"][0]["rejects"][0];
    assert_eq!((exit, reject["word"].as_u64()), (1, Some(at as u64)));
    assert_eq!(reject["offset"], 24 + at * 8);
    assert_eq!(
        (reject["register"].as_str(), reject["field"].as_str()),
        (Some("CNA.CBUF_CON1"), Some("DATA_ENTRIES"))
    );
    assert!(reject["rule"].as_str().unwrap().contains("§9.2"));
    let text = String::from_utf8(npulab(&["scan".as_ref(), path.as_os_str()]).stdout).unwrap();
    assert!(text.contains("CNA.CBUF_CON1 (0x1044) DATA_ENTRIES = 15"), "{text}");
    // The one word reproduces the rejection.
    let output = npulab(&[
        "disasm".as_ref(),
        path.as_os_str(),
        "--offset".as_ref(),
        (24 + at * 8).to_string().as_ref(),
        "--words".as_ref(),
        "1".as_ref(),
    ]);
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("CNA.CBUF_CON1              0x0008000F ; Buffer entries per row: WIDTH=8 DATA_ENTRIES=15")
    );
}

#[test]
fn a_shortened_task_is_judged_with_the_registers_it_inherits() {
    let full = matmul(8, 64, 32, [0; 3], Some((0x3C0, 116)));
    let short: Vec<u64> = full
        .iter()
        .copied()
        .filter(|word| {
            matches!(word & 0xFFFF, 0x1004 | 0x2004 | 0x3004 | 0x4004 | 0x1070 | 0x10 | 0x14)
                || word >> 48 & 0xFF0F == 1 && word & 0xFFFF <= 8
        })
        .collect();
    let (file, _) = model_file(&[full.clone(), full.clone(), short.clone(), short]);
    let tasks = scan::scan(&file, |_, _, _| {});
    assert_eq!(
        tasks.iter().map(|task| task.delta).collect::<Vec<_>>(),
        [false, false, true, true]
    );
    assert!(tasks.iter().all(|task| task.checked.rejects.is_empty()));
    assert_eq!(tasks[3].shapes(), "conv int8->int32 1x1 s1 8x1x64 -> 8x1x32");
}

#[test]
fn noise_holds_no_tasks_and_damaged_tasks_never_stop_a_scan() {
    let mut random = Random(3);
    assert_eq!(find::tasks(&random.bytes(1 << 20)).len(), 0);
    let (file, _) = model_file(&[b1(None), b4(None), b6(None), matmul(8, 64, 32, [0; 3], None)]);
    for _ in 0..300 {
        let mut damaged = file.clone();
        for _ in 0..1 + random.next() % 40 {
            let at = 4096 + random.next() as usize % (file.len() - 4096);
            damaged[at] = random.next() as u8;
        }
        damaged.truncate(4096 + random.next() as usize % (file.len() - 4096));
        let (tasks, tallies) = invariants::check(&damaged);
        assert!(tasks.len() <= 8 && tallies.len() == invariants::INVARIANTS.len());
    }
}

#[test]
fn every_word_of_a_task_can_be_replaced_by_anything() {
    let mut random = Random(5);
    let good = b1(None);
    for at in 0..good.len() {
        for _ in 0..4 {
            let mut words = good.clone();
            words[at] = random.next();
            let tasks = scan::scan(&bytes(&words), |_, _, _| {});
            let found = tasks.iter().any(|task| !task.checked.rejects.is_empty());
            // A random first word is not found; everything else is part of the task and outside the sheet.
            assert!(found || at == 0, "word {at}");
        }
    }
}

#[test]
fn a_large_file_takes_one_quick_pass() {
    let mut random = Random(9);
    let part = random.bytes(1 << 20);
    let mut file: Vec<u8> = part.iter().copied().cycle().take(64 << 20).collect();
    let stream = bytes(&matmul(8, 64, 32, [0; 3], None));
    file.splice(50_000_000..50_000_000, stream);
    let began = Instant::now();
    let tasks = find::tasks(&file);
    let rate = file.len() as f64 / began.elapsed().as_secs_f64() / 1e6;
    println!("{rate:.0} MB/s");
    assert_eq!(
        tasks,
        [find::Found {
            offset: 50_000_000,
            words: 117
        }]
    );
}

#[test]
fn the_invariants_hold_for_the_worked_examples_and_each_is_broken_by_its_register() {
    let second_band = |reuse: u32| {
        let mut words = b1(None);
        let set = |words: &mut Vec<u64>, offset: u64, value: u32| {
            words
                .iter_mut()
                .filter(|word| **word & 0xFFFF == offset && **word >> 48 != 0x0101)
                .for_each(|word| *word = *word & 0xFFFF_0000_0000_FFFF | u64::from(value) << 16);
        };
        // 18 output rows of stride 2 later, in a map 96 pixels wide.
        set(&mut words, 0x1070, 36 * 96 * 8);
        set(&mut words, 0x1040, 0x17 | reuse);
        words
    };
    let (file, _) = model_file(&[b1(Some((0x480, 136))), second_band(0), b4(None)]);
    let (_, tallies) = invariants::check(&file);
    for tally in &tallies {
        assert_eq!(tally.broken, [], "{}", tally.invariant.name);
    }
    let checked = |name: &str| {
        tallies
            .iter()
            .find(|tally| tally.invariant.name == name)
            .unwrap()
            .checked
    };
    assert_eq!(
        (
            checked("banks-sum"),
            checked("row-bands"),
            checked("weight-reuse"),
            checked("amount")
        ),
        (2, 1, 1, 1)
    );
    let breaks = |offset: u64, value: u32| {
        let mut words = b1(None);
        words
            .iter_mut()
            .filter(|word| **word & 0xFFFF == offset)
            .for_each(|word| *word = *word & 0xFFFF_0000_0000_FFFF | u64::from(value) << 16);
        let (_, tallies) = invariants::check(&bytes(&words));
        tallies
            .iter()
            .filter(|tally| !tally.broken.is_empty())
            .map(|tally| tally.invariant.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(breaks(0x1040, 0x27), ["banks-sum"]);
    assert_eq!(breaks(0x1044, 0x0060_00C1), ["entries-per-row"]);
    assert_eq!(breaks(0x1010, 0x40), ["feature-grains"]);
    assert_eq!(breaks(0x1078, 0x0007_1C07), ["dma-con0"]);
    assert_eq!(breaks(0x1030, 0x9001), ["weight-bytes"]);
    assert_eq!(breaks(0x1088, 0x48), ["same-band"]);
    assert_eq!(breaks(0x3010, 0x0010_002F), ["output-size"]);
    assert_eq!(breaks(0x40C0, 0x4800), ["surface-add"]);
    assert_eq!(breaks(0x5024, 0x1F), ["parameter-stream"]);
    let (file, _) = model_file(&[b1(Some((0x480, 135))), second_band(0x2000)]);
    let (report, exit) = json("check", &write("broken", &file));
    let broken: Vec<&str> = report["invariants"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|one| !one["broken"].as_array().unwrap().is_empty())
        .map(|one| one["name"].as_str().unwrap())
        .collect();
    assert_eq!((broken, exit), (vec!["amount", "weight-reuse"], 1));
}

#[test]
fn the_summary_tells_programs_of_later_chips_and_ends_at_odd_places() {
    let mut later: Vec<u64> = b1(None).into_iter().filter(|word| word >> 48 != 0x0401).collect();
    let last = later.len() - 1;
    later[last] = word(0x0081, 8, 0x1D);
    let mut file = bytes(&later);
    file.extend([0; 3]);
    file.extend(bytes(&b6(None)));
    let path = write("later", &file);
    let output = npulab(&["scan".as_ref(), path.as_os_str()]);
    let text = String::from_utf8(output.stdout).unwrap();
    let summary: Vec<&str> = text.lines().rev().take(3).collect();
    assert_eq!(
        summary[1..],
        [
            "1 of them start without CMAC (masks 0x0D, 0x1D): programs of a later chip, such as the RK3588, whose registers this map does \
             not have",
            &format!(
                "1 tasks in {} bytes (0 inherit registers, marked Δ), 1 rejects",
                file.len()
            ),
        ]
    );
    let end = later.len() * 8 + 3 + 31 * 8;
    assert_eq!(
        summary[0],
        format!("1 ends of tasks lie at no multiple of 8 bytes and were not looked at, the first at 0x{end:X}")
    );
    assert_eq!(output.status.code(), Some(1));
    let (report, _) = json("scan", &path);
    assert_eq!(report["misalignedEnds"], serde_json::json!([end]));
}

#[test]
fn an_empty_file_is_a_file_without_tasks() {
    let (report, exit) = json("scan", &write("empty", &[]));
    assert_eq!((report["tasks"].as_array().unwrap().len(), exit), (0, 0));
}
