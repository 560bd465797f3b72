//! `npulab-npu run`: what a job's files may be, how their bytes are compared, and what its keys default to.

mod support;

use serde_json::{Value, json};
use support::job::{A, B, Bench, C, COMMANDS, K, M, N};

/// Judges `actual` against `expected`: a job whose product nobody looks at, and an entry of those bytes.
fn judge(name: &str, element_type: &str, actual: &[u8], expected: &[u8], most: f64) -> (i32, Value) {
    let mut bench = Bench::new(name, 2);
    bench.write("actual.bin", actual);
    bench.write("expected.bin", expected);
    let entry = json!({"address": 0x0600_0000, "sizeBytes": actual.len(), "file": "actual.bin"});
    bench.job["memory"].as_array_mut().unwrap().push(entry);
    bench.job["expect"] = json!([{
        "address": 0x0600_0000, "sizeBytes": actual.len(), "file": "expected.bin",
        "elementType": element_type, "maxAbsDifference": most,
    }]);
    let exit = bench.run().exit;
    (exit, bench.json()["expectations"][0].clone())
}

#[test]
fn every_element_type_is_read_as_its_name_says() {
    // The same four bytes, one bit apart in the last.
    let (actual, expected) = ([0x00, 0x3C, 0x80, 0xBF], [0x00, 0x3C, 0x80, 0x3F]);
    for (name, compared, index, worst) in [
        ("int8", 4, 3, 128.0),
        ("uint8", 4, 3, 128.0),
        ("int16", 2, 1, 32768.0),
        ("int32", 1, 0, 2_147_483_648.0),
        // 0xBF80 and 0x3F80 are fp16 -1.875 and 1.875.
        ("fp16", 2, 1, 3.75),
        ("fp32", 1, 0, 2.0 * f64::from(f32::from_bits(0x3F80_3C00))),
    ] {
        let (exit, report) = judge("types", name, &actual, &expected, 0.0);
        assert_eq!(
            (exit, &report["compared"], &report["differing"]),
            (1, &json!(compared), &json!(1)),
            "{name}"
        );
        assert_eq!(report["worst"]["index"], index, "{name}");
        assert_eq!(report["worst"]["difference"].as_f64(), Some(worst), "{name}");
        assert_eq!(judge("types", name, &actual, &expected, worst).0, 0, "{name}");
    }
}

#[test]
fn numbers_that_are_none_equal_each_other_and_nothing_else_at_any_tolerance() {
    let half = |bits: &[u16]| bits.iter().flat_map(|bits| bits.to_le_bytes()).collect::<Vec<u8>>();
    let float = |bits: &[u32]| bits.iter().flat_map(|bits| bits.to_le_bytes()).collect::<Vec<u8>>();
    let (nan, other_nan, infinity) = (0x7E00, 0xFE01, 0x7C00);
    // Payload and sign of a NaN do not count; -0 is 0.
    let same = half(&[nan, infinity, 0x8000]);
    let (exit, report) = judge("nan", "fp16", &same, &half(&[other_nan, infinity, 0]), 0.0);
    assert_eq!((exit, &report["differing"]), (0, &json!(0)));
    let (exit, report) = judge("nan", "fp16", &half(&[nan, infinity]), &half(&[0, infinity]), 1e300);
    assert_eq!(
        (exit, &report["differing"], &report["worst"]["difference"]),
        (1, &json!(1), &Value::Null)
    );
    let (exit, _) = judge("nan", "fp16", &half(&[infinity]), &half(&[0xFC00]), 1e300);
    assert_eq!(exit, 1, "two infinities of unlike sign");
    let (exit, report) = judge("nan", "fp32", &float(&[0x7FC0_0000, 1]), &float(&[0x7FC0_0001, 1]), 0.0);
    assert_eq!((exit, &report["compared"]), (0, &json!(2)));
    let (exit, _) = judge("nan", "fp32", &float(&[0x7FC0_0000]), &float(&[0x3F80_0000]), 1e300);
    assert_eq!(exit, 1);
}

#[test]
fn the_fraction_counts_every_element_that_differs_even_within_the_tolerance() {
    let mut bench = Bench::new("fraction", 2);
    let mut wrong = bench.expected.clone();
    wrong.iter_mut().take(64).for_each(|value| *value += 1);
    bench.write(
        "c.bin",
        &wrong.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>(),
    );
    bench.with(&["expect", "0", "maxAbsDifference"], json!(1));
    assert_eq!(bench.run().exit, 0, "no limit on the fraction");
    // 64 of 256 differ.
    assert_eq!(
        bench
            .with(&["expect", "0", "maxFractionDifferent"], json!(0.25))
            .run()
            .exit,
        0
    );
    assert_eq!(
        bench
            .with(&["expect", "0", "maxFractionDifferent"], json!(0.2499))
            .run()
            .exit,
        1
    );
    assert_eq!(bench.json()["expectations"][0]["fraction"], 0.25);
    // A mask of one byte an element hides exactly those.
    let mask: Vec<u8> = (0..M * N).map(|at| u8::from(at >= 64)).collect();
    bench.write("mask.bin", &mask);
    bench.with(&["expect", "0", "mask"], json!("mask.bin"));
    bench.with(&["expect", "0", "maxFractionDifferent"], json!(0));
    assert_eq!(bench.run().exit, 0);
    assert_eq!(bench.json()["expectations"][0]["compared"], M * N - 64);
    // One that hides everything leaves nothing to differ.
    bench.write("mask.bin", &vec![0; (M * N * 4) as usize]);
    assert_eq!(bench.run().exit, 0);
    assert_eq!(bench.json()["expectations"][0]["compared"], 0);
    bench.write("mask.bin", &[1; 7]);
    let ran = bench.run();
    assert!(
        ran.exit == 2 && ran.error.contains("mask.bin: 7 bytes"),
        "{}",
        ran.error
    );
}

#[test]
fn optional_keys_may_be_absent_or_null_and_whole_numbers_may_have_a_point() {
    let mut bench = Bench::new("defaults", 2);
    for (key, value) in [
        ("setup", json!([])),
        ("memory", json!([])),
        ("taskDmaBase", json!(0)),
        ("pingPong", json!(true)),
        ("interruptClear", json!(0x1_FFFF)),
        ("resetBefore", json!(true)),
    ] {
        let absent = bench.json();
        let said = Bench::new("defaults", 2).with(&["submits", "0", key], value).json();
        let null = Bench::new("defaults", 2)
            .with(&["submits", "0", key], Value::Null)
            .json();
        assert_eq!((&said, &null), (&absent, &absent), "{key}");
    }
    for key in ["setup", "expect"] {
        let ran = Bench::new("defaults", 2).with(&[key], Value::Null).run();
        assert_eq!(ran.refused(), (0, ""), "{key}");
    }
    bench.with(&["expect", "0", "mask"], Value::Null);
    bench.with(&["expect", "0", "maxFractionDifferent"], Value::Null);
    bench.with(&["submits", "0", "timeoutMs"], Value::Null);
    bench.with(&["submits", "0", "taskCount"], json!(2.0));
    assert_eq!(bench.run().refused(), (0, ""));
    let half = bench.with(&["submits", "0", "taskCount"], json!(1.5)).run();
    assert_eq!(half.exit, 2);
    bench.with(&["submits", "0", "taskCount"], json!(2));
    assert_eq!(
        bench.with(&["submits", "0", "pingPong"], json!(false)).run().refused(),
        (0, "")
    );
    // Needed keys are named where they lack.
    for (path, key) in [
        (&["submits", "0", "regcmdAddress"][..], "submits[0].regcmdAddress"),
        (&["submits", "0", "regcmdWords"], "submits[0].regcmdWords"),
        (&["submits", "0", "taskCount"], "submits[0].taskCount"),
        (&["submits", "0", "interruptMask"], "submits[0].interruptMask"),
        (&["memory", "0", "address"], "memory[0].address"),
        (&["expect", "0", "maxAbsDifference"], "expect[0].maxAbsDifference"),
    ] {
        let ran = Bench::new("needed", 2).with(path, Value::Null).run();
        assert!(
            ran.exit == 2 && ran.error.contains(&format!("{key}: missing")),
            "{key}: {}",
            ran.error
        );
    }
}

#[test]
fn memory_lasts_from_submit_to_submit_with_or_without_a_reset() {
    let mut bench = Bench::new("lasting", 2);
    let start = bench.job["submits"][0].clone();
    // The second start multiplies another matrix into a second place; the first result stays.
    let mut words = support::matmul(M, K, N, [A, B, C + 4 * M * N], None);
    words.resize(120, 0);
    bench.write("second.bin", &support::bytes(&words));
    let memory = bench.job["memory"].as_array_mut().unwrap();
    memory.push(json!({"address": COMMANDS + 0x1_0000, "sizeBytes": 960, "file": "second.bin"}));
    memory.push(json!({"address": C + 4 * M * N, "sizeBytes": 4 * M * N, "file": null}));
    let mut second = start.clone();
    second["regcmdAddress"] = json!(COMMANDS + 0x1_0000);
    second["taskCount"] = json!(1);
    second["memory"] = json!([{"address": A, "sizeBytes": M * K, "file": null}]);
    bench.job["submits"] = json!([start, second]);
    bench.write("zeros.bin", &vec![0; (4 * M * N) as usize]);
    let zeros = json!({"address": C + 4 * M * N, "sizeBytes": 4 * M * N, "file": "zeros.bin", "elementType": "int32", "maxAbsDifference": 0});
    bench.job["expect"].as_array_mut().unwrap().push(zeros);
    for reset in [true, false] {
        bench.with(&["submits", "1", "resetBefore"], json!(reset));
        assert_eq!(bench.run().refused(), (0, ""), "{reset}");
    }
    // An output may run over entries that touch: both results as one expectation.
    let both: Vec<u8> = bench
        .expected
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .chain(vec![0; (4 * M * N) as usize])
        .collect();
    bench.write("both.bin", &both);
    bench.job["expect"] = json!([{"address": C, "sizeBytes": both.len(), "file": "both.bin", "elementType": "uint8", "maxAbsDifference": 0}]);
    assert_eq!(bench.run().refused(), (0, ""));
}

#[cfg(unix)]
#[test]
fn links_out_of_the_folder_pipes_and_folders_are_no_files_of_a_job() {
    let bench = |name: &str| {
        let mut bench = Bench::new("links", 2);
        bench.with(&["memory", "2", "file"], json!(name));
        bench
    };
    let outside = support::folder("links-outside");
    std::fs::write(outside.join("a.bin"), vec![0; (M * K) as usize]).unwrap();
    let linked = bench("link.bin");
    std::os::unix::fs::symlink(outside.join("a.bin"), linked.folder.join("link.bin")).unwrap();
    let ran = linked.run();
    assert!(
        ran.exit == 2 && ran.error.contains("link.bin: a link that leaves the folder"),
        "{}",
        ran.error
    );
    // A link that stays inside is a name like any other.
    let inside = bench("inner.bin");
    std::os::unix::fs::symlink("a.bin", inside.folder.join("inner.bin")).unwrap();
    assert_eq!(inside.run().refused(), (0, ""));
    let folder = bench("sub");
    std::fs::create_dir(folder.folder.join("sub")).unwrap();
    assert!(folder.run().error.contains("sub: not a regular file"));
    let pipe = bench("pipe");
    let made = std::process::Command::new("mkfifo")
        .arg(pipe.folder.join("pipe"))
        .status()
        .unwrap();
    assert!(made.success());
    let ran = pipe.run();
    assert!(
        ran.exit == 2 && ran.error.contains("pipe: not a regular file"),
        "{}",
        ran.error
    );
}

#[test]
fn sizes_near_the_end_of_the_address_space_cost_nothing_until_they_are_written() {
    let mut bench = Bench::new("huge", 2);
    let most = (1u64 << 32) - 0x0100_0000;
    let entry = json!({"address": 0x0100_0000, "sizeBytes": most, "file": null});
    bench.job["memory"].as_array_mut().unwrap().push(entry.clone());
    assert_eq!(bench.run().refused(), (0, ""));
    let ran = bench.with(&["memory", "4", "sizeBytes"], json!(most + 1)).run();
    assert!(
        ran.exit == 2 && ran.error.contains("memory[4].sizeBytes"),
        "{}",
        ran.error
    );
    for size in [json!(u64::MAX), json!(-1), json!(1e30)] {
        let ran = bench.with(&["memory", "4", "sizeBytes"], size).run();
        assert!(
            ran.exit == 2 && ran.error.contains("memory[4].sizeBytes: a whole decimal number"),
            "{}",
            ran.error
        );
    }
    // A file that long does not exist.
    bench
        .with(&["memory", "4", "sizeBytes"], json!(most))
        .with(&["memory", "4", "file"], json!("a.bin"));
    let ran = bench.run();
    assert!(
        ran.exit == 2 && ran.error.contains("a.bin: 512 bytes, but the entry has"),
        "{}",
        ran.error
    );
}
