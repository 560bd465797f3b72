//! `npulab-npu run`: captured jobs, their checks and their exit status.

mod support;

use std::path::Path;

use serde_json::{Value, json};
use support::job::{A, B, Bench, C, COMMANDS, K, M, N};
use support::{folder, npulab};

#[test]
fn a_captured_product_gives_the_bytes_of_a_plain_loop_and_exits_with_0() {
    let bench = Bench::new("equal", 2);
    let ran = bench.run();
    assert_eq!((ran.exit, ran.error.as_str()), (0, ""));
    let report = bench.json();
    assert_eq!(report["expectations"][0]["compared"], M * N);
    assert_eq!(report["expectations"][0]["fraction"], 0.0);
    assert_eq!(report["expectations"][0]["worst"], Value::Null);
    let submit = &report["submits"][0];
    // Two tasks, so the second group raises its bit; a pair counts as both (§3.5).
    assert_eq!(
        submit["interrupts"],
        json!({"raw": 0x200, "status": 0x200, "mask": 0x300, "meaning": "completes the job"})
    );
    let (a, b, words) = (M * K / 8, N * K / 8, 117);
    let c = M * N * 4 / 8;
    assert_eq!(
        submit["counters"],
        json!({"dataWritten": 2 * c, "dataRead": 2 * (a + words), "weightsRead": 2 * b})
    );
    assert_eq!(submit["tasks"].as_array().unwrap().len(), 2);
    assert!(submit["modelledNs"].as_u64().unwrap() > 0);
}

#[test]
fn a_difference_is_counted_located_and_exits_with_1() {
    let mut bench = Bench::new("differs", 2);
    let mut wrong = bench.expected.clone();
    (wrong[3], wrong[9]) = (wrong[3] + 1, wrong[9] - 5);
    let wrong: Vec<u8> = wrong.iter().flat_map(|value| value.to_le_bytes()).collect();
    std::fs::write(bench.folder.join("c.bin"), wrong).unwrap();
    let ran = bench.run();
    assert_eq!(
        ran.refused(),
        (1, "npulab-npu: npu.difference: 1 of 1 expectations differ")
    );
    let place = format!(
        "element 9 at 0x{:08X}: {} instead of {}",
        C + 36,
        bench.expected[9],
        bench.expected[9] - 5
    );
    assert!(ran.out.contains(&place), "{}", ran.out);
    bench.job["expect"][0]["maxAbsDifference"] = 5.into();
    assert_eq!(bench.run().exit, 0);
    bench.job["expect"][0]["maxFractionDifferent"] = json!(0.001);
    assert_eq!(bench.run().exit, 1);
    assert_eq!(bench.json()["expectations"][0]["differing"], 2);
    let mask: Vec<u8> = (0..M * N * 4).map(|at| u8::from(at != 14 && at != 36)).collect();
    std::fs::write(bench.folder.join("mask.bin"), mask).unwrap();
    bench.job["expect"][0]["mask"] = "mask.bin".into();
    bench.job["expect"][0]["maxAbsDifference"] = 0.into();
    let report = bench.json();
    assert_eq!(report["expectations"][0]["compared"], M * N - 2);
    assert_eq!(report["exit"], 0);
}

#[test]
fn memory_of_a_submit_patches_what_earlier_submits_left() {
    let mut bench = Bench::new("patches", 2);
    let start = bench.job["submits"][0].clone();
    let mut second = start.clone();
    second["memory"] = json!([{"address": A, "sizeBytes": M * K, "file": null}]);
    bench.job["submits"] = json!([start, second]);
    let zeros = vec![0; (M * N * 4) as usize];
    std::fs::write(bench.folder.join("c.bin"), &zeros).unwrap();
    let ran = bench.run_with(&["--out", bench.folder.join("out").to_str().unwrap()]);
    assert_eq!((ran.exit, ran.error.as_str()), (0, ""));
    let out = |name: &str| std::fs::read(bench.folder.join("out").join(name)).unwrap();
    assert_eq!(out("expect-0.bin"), zeros);
    assert_eq!(out(&format!("memory-{A:08x}.bin")), vec![0; (M * K) as usize]);
    let report: Value = serde_json::from_slice(&out("report.json")).unwrap();
    assert_eq!(report["submits"].as_array().unwrap().len(), 2);
}

#[test]
fn without_a_reset_an_odd_start_stalls_the_next_as_on_silicon() {
    let mut bench = Bench::new("parity", 1);
    let start = bench.job["submits"][0].clone();
    bench.job["submits"] = json!([start, start]);
    assert_eq!(bench.run().exit, 0);
    bench.job["submits"][1]["resetBefore"] = false.into();
    let ran = bench.run();
    assert_eq!(ran.exit, 3);
    assert!(
        ran.error.contains("submit 1, task 0:") && ran.error.contains("§8 erratum 7"),
        "{}",
        ran.error
    );
    // Clearing the executers in slave mode is the other cure.
    let pointers: Vec<Value> = [0x1004, 0x2004, 0x3004, 0x4004]
        .map(|register| json!([register, 0x3E]))
        .into();
    bench.job["submits"][1]["setup"] = pointers.into();
    assert_eq!(bench.run().refused(), (0, ""));
}

#[test]
fn setup_is_written_in_slave_mode_after_each_reset_and_a_bad_write_is_refused() {
    let mut bench = Bench::new("setup", 2);
    bench.job["setup"] = json!([[0x1004, 0x0E], [0x1020, 0]]);
    assert_eq!(bench.run().refused(), (0, ""));
    bench.job["setup"] = json!([[0x1008, 1]]);
    let ran = bench.run();
    assert_eq!(ran.exit, 3);
    assert!(ran.error.contains("§8 erratum 8"), "{}", ran.error);
}

#[test]
fn the_base_is_added_to_every_address_of_a_task() {
    let mut bench = Bench::new("base", 2);
    let base = 0x10_0000u32;
    for entry in [0, 2, 3] {
        let address = bench.job["memory"][entry]["address"].as_u64().unwrap();
        bench.job["memory"][entry]["address"] = (address + u64::from(base)).into();
    }
    bench.job["expect"][0]["address"] = (C + base).into();
    assert_eq!(bench.run().exit, 3);
    bench.job["submits"][0]["taskDmaBase"] = base.into();
    assert_eq!(bench.run().refused(), (0, ""));
    bench.job["submits"][0]["taskDmaBase"] = (base >> 4 | 1).into();
    assert!(bench.run().error.contains("§8 erratum 4"));
}

#[test]
fn an_access_outside_the_entries_names_task_block_and_address() {
    let mut bench = Bench::new("hole", 2);
    bench.job["memory"][3]["sizeBytes"] = 1024.into();
    let ran = bench.run();
    assert_eq!(ran.exit, 3);
    let address = format!("0x{:08X}", B + 1024);
    assert!(
        ran.error.contains("submit 0, task 0: CNA weight read") && ran.error.contains(&address),
        "{}",
        ran.error
    );
    bench.job["submits"][0]["regcmdAddress"] = 0x0500_0000.into();
    assert!(bench.run().error.contains("task 0: PC command read at 0x05000000"));
}

#[test]
fn a_deadline_counts_modelled_time_and_exits_with_4() {
    let mut bench = Bench::new("deadline", 4);
    bench.job["submits"][0]["timeoutMs"] = 1000.into();
    assert_eq!(bench.run().exit, 0);
    assert_eq!(bench.json()["submits"][0]["interrupts"]["meaning"], "completes the job");
    bench.job["submits"][0]["timeoutMs"] = 0.into();
    let report = bench.json();
    let ended_ns = report["submits"][0]["modelledNs"].as_u64().unwrap();
    let ran = bench.run();
    // The first task ran to its end, but too late.
    let said = format!(
        "npulab-npu: npu.deadline: submit 0: 0 of 4 tasks finished within 0 ms of modelled time, the next ended at 0.{ended_ns:06} ms"
    );
    assert_eq!(ran.refused(), (4, said.as_str()));
    assert_eq!((&report["ending"], &report["exit"]), (&json!("deadline"), &json!(4)));
    assert_eq!(
        report["submits"][0]["interrupts"]["meaning"],
        "the start did not finish"
    );
}

#[test]
fn what_a_run_leaves_never_overwrites_the_job_it_ran() {
    let bench = Bench::new("own-folder", 2);
    let before = std::fs::read(bench.folder.join("a.bin")).unwrap();
    for own in [bench.folder.clone(), bench.folder.join("./sub/..")] {
        std::fs::create_dir_all(bench.folder.join("sub")).unwrap();
        let ran = bench.run_with(&["--out", own.to_str().unwrap()]);
        let (exit, error) = ran.refused();
        assert_eq!((exit, ran.out.as_str()), (2, ""), "{error}");
        assert!(error.ends_with("whose own files would be overwritten"), "{error}");
    }
    assert_eq!(std::fs::read(bench.folder.join("a.bin")).unwrap(), before);
    assert!(!bench.folder.join("report.json").exists());
}

#[test]
fn a_bad_job_file_names_its_key_and_exits_with_2() {
    let change = |path: &[&str], value: Value| {
        let ran = Bench::new("bad", 2).with(path, value).run();
        (ran.exit, ran.error)
    };
    let overlap = json!({"address": A + 1, "sizeBytes": 1, "file": null});
    for (path, value, part) in [
        (&["soc"][..], json!("rk3588"), "soc: \"rk3588\""),
        (&["memory"], Value::Null, "memory: a list is wanted"),
        (
            &["memory", "0"],
            overlap,
            "memory: the entries at 2097152 and 2097153 overlap",
        ),
        (
            &["memory", "0", "sizeBytes"],
            json!(0),
            "memory[0].sizeBytes: a whole decimal number from 1",
        ),
        (
            &["memory", "0", "address"],
            json!("0x10"),
            "memory[0].address: a whole decimal number",
        ),
        (
            &["memory", "0", "address"],
            json!(4_294_967_295u64),
            "memory[0].sizeBytes: a range inside 32-bit addresses",
        ),
        (
            &["memory", "1", "file"],
            json!("../regcmd.bin"),
            "memory[1].file: a relative file name without ..",
        ),
        (
            &["memory", "1", "file"],
            json!("/etc/passwd"),
            "memory[1].file: a relative file name without ..",
        ),
        (&["memory", "1", "file"], json!("missing.bin"), "missing.bin: "),
        (
            &["memory", "1", "sizeBytes"],
            json!(100_000),
            "regcmd.bin: 1920 bytes, but the entry has 100000",
        ),
        (&["submits"], json!([]), "submits: a job has at least one"),
        (
            &["submits", "0", "taskCount"],
            json!(4096),
            "submits[0].taskCount: a whole decimal number from 1 to 4095",
        ),
        (
            &["submits", "0", "regcmdAddress"],
            json!(COMMANDS + 8),
            "submits[0].regcmdAddress: a multiple of 16",
        ),
        (
            &["submits", "0", "pingPong"],
            json!(1),
            "submits[0].pingPong: true or false is wanted",
        ),
        (
            &["submits", "0", "setup"],
            json!([[4100]]),
            "submits[0].setup[0]: [register, value] is wanted",
        ),
        (
            &["submits", "0", "setup"],
            json!([[4100, 14], [4103, 0]]),
            "submits[0].setup[1]: a register, a multiple of 4 below 65536,",
        ),
        (
            &["setup"],
            json!([[4100, 4_294_967_296u64]]),
            "setup[0]: a value of 32 bits is wanted",
        ),
        (
            &["submits", "0", "memory"],
            json!([{"address": 0, "sizeBytes": 4, "file": null}]),
            "submits[0].memory: 4 bytes at 0: no memory entry",
        ),
        (
            &["expect", "0", "elementType"],
            json!("int4"),
            "expect[0].elementType: int8, uint8",
        ),
        (
            &["expect", "0", "sizeBytes"],
            json!(2000),
            "expect[0]: 2000 bytes at 4194304: no memory entry holds address 4195328",
        ),
        (
            &["expect", "0", "sizeBytes"],
            json!(6),
            "expect[0].sizeBytes: a multiple of 4",
        ),
        (
            &["expect", "0", "maxAbsDifference"],
            json!(-1),
            "expect[0].maxAbsDifference: a number that is not below 0 is wanted",
        ),
    ] {
        let (exit, error) = change(path, value);
        assert_eq!(exit, 2, "{error}");
        assert!(
            error.contains("npu.bad-job: ") && error.contains(part),
            "{part} | {error}"
        );
        assert!(error.contains("\nRemedy: "));
    }
}

#[test]
fn text_that_is_no_json_and_a_file_that_is_missing_are_told_apart() {
    let folder = folder("no-json");
    let path = folder.join("JOB.json");
    std::fs::write(&path, "{").unwrap();
    let ran = |path: &Path| String::from_utf8(npulab(&["run".as_ref(), path.as_os_str()]).stderr).unwrap();
    assert!(ran(&path).contains("npu.bad-job: not JSON"));
    assert!(ran(&folder.join("none")).contains("npu.read-failed"));
}
