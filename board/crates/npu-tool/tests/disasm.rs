//! `npulab-npu disasm`: what people and scripts are shown, and that it reads back.

mod support;

use std::path::PathBuf;

use npu_regs::worked_examples;
use serde_json::Value;
use support::{b6, bytes, example, folder, matmul, npulab};

/// A file of its own for each test.
fn write(name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder(&format!("disasm-{name}")).join("file.bin");
    std::fs::write(&path, bytes).unwrap();
    path
}

fn shown(path: &std::path::Path, options: &[&str]) -> String {
    let mut all = vec!["disasm".as_ref(), path.as_os_str()];
    all.extend(options.iter().map(AsRef::<std::ffi::OsStr>::as_ref));
    let output = npulab(&all);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

/// What stands behind offset and word, read back; `None` of a heading or a line about a field.
fn back(line: &str) -> Option<(u64, u64)> {
    let (_, rest) = line.split_once("  ").filter(|_| !line.trim_start().starts_with(';'))?;
    let (word, code) = rest.split_once("  ")?;
    Some((
        u64::from_str_radix(word, 16).unwrap(),
        npu_regs::assemble(code).unwrap(),
    ))
}

#[test]
fn every_line_reads_back_to_its_word_with_or_without_explanations() {
    let mut words = matmul(1, 2048, 256, [0x10_0000, 0x20_0000, 0x30_0000], Some((0x400, 116)));
    // Padding, and what means nothing.
    words.splice(0..0, [0, 0x1234_0000_0000_0000]);
    let path = write("back", &bytes(&words));
    for options in [
        &["--offset", "0", "--words", "119"][..],
        &["--offset", "0", "--words", "119", "--explain"],
    ] {
        let text = shown(&path, options);
        let read: Vec<(u64, u64)> = text.lines().filter_map(back).collect();
        assert_eq!(
            read.iter().map(|&(word, _)| word).collect::<Vec<u64>>(),
            words,
            "{options:?}"
        );
        assert!(read.iter().all(|(word, back)| word == back), "{text}");
    }
}

#[test]
fn a_stranger_reads_what_a_decode_product_does_what_each_word_is_for_and_what_each_field_means() {
    let path = write("product", &bytes(&matmul(1, 2048, 256, [0; 3], Some((0x400, 116)))));
    let text = shown(&path, &["--explain"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines[0],
        "; task at 0x00000000: conv int8->int32 1x1 s1 1x1x2048 -> 1x1x256; 117 words; data + weight banks 4+4; \
         then a task at device address 0x400"
    );
    let at = lines.iter().position(|line| line.contains("CNA.WEIGHT_SIZE2")).unwrap();
    assert_eq!(
        lines[at..at + 4],
        [
            "00000078  0201010101001038  CNA.WEIGHT_SIZE2           0x01010100 ; Kernel shape and count",
            "                            ;   WEIGHT_WIDTH             [28:24] = 1          Kernel width",
            "                            ;   WEIGHT_HEIGHT            [20:16] = 1          Kernel height",
            "                            ;   WEIGHT_KERNELS           [13:0]  = 256        Kernels, the true count",
        ]
    );
    let brief = shown(&path, &[]);
    let line = "CNA.WEIGHT_SIZE2           0x01010100 ; Kernel shape and count: WEIGHT_WIDTH=1 WEIGHT_HEIGHT=1 WEIGHT_KERNELS=256";
    assert!(brief.contains(line), "{brief}");
    assert_eq!(brief.lines().count(), 1 + 117);
    assert!(brief.ends_with("; Starts these blocks together and ends the task: CNA CMAC CORE DPU\n"));
}

#[test]
fn scripts_get_register_value_and_fields_apart() {
    let path = write("json", &bytes(&matmul(1, 2048, 256, [0; 3], None)));
    let report: Value = serde_json::from_str(&shown(&path, &["--json"])).unwrap();
    let words = report["words"].as_array().unwrap();
    assert_eq!(words.len(), 117);
    assert_eq!(words[0]["beginsTask"], true);
    assert!(words[0]["task"].as_str().unwrap().ends_with("the last of its chain"));
    let size = words
        .iter()
        .find(|word| word["register"] == "CNA.WEIGHT_SIZE2")
        .unwrap();
    assert_eq!(
        (size["value"].as_u64(), size["beginsTask"].as_bool()),
        (Some(0x0101_0100), Some(false))
    );
    assert_eq!(
        size["fields"][2],
        serde_json::json!({"name": "WEIGHT_KERNELS", "msb": 13, "lsb": 0, "value": 256, "doc": "Kernels, the true count."})
    );
    assert_eq!(
        (&words[116]["register"], &words[116]["fields"]),
        (&Value::Null, &Value::Null)
    );
}

#[test]
fn a_file_without_tasks_says_so() {
    let path = write("none", &[0; 64]);
    assert_eq!(
        shown(&path, &[]),
        "0 tasks in 64 bytes; --words N shows words that are no task\n"
    );
}

#[test]
fn worked_examples_read_back_from_their_disassembly_with_every_listed_value() {
    for one in worked_examples::ALL {
        let words = example(one, None);
        let path = write(&format!("read-back-{}", one.name), &bytes(&words));
        let output = npulab(&["disasm".as_ref(), path.as_os_str()]);
        let text = String::from_utf8(output.stdout).unwrap();
        for &(offset, value) in one.listed {
            let register = npu_regs::register_at(offset).unwrap();
            let found = text.lines().any(|line| {
                back(line).is_some_and(|(_, word)| u32::from(word as u16) == offset && (word >> 16) as u32 == value)
            });
            assert!(found, "{}: {register} 0x{value:08X} is missing in\n{text}", one.name);
        }
    }
}

#[test]
fn ranges_outside_the_file_are_refused_with_a_remedy() {
    let path = write("ranges", &bytes(&b6(None)));
    for (args, part) in [
        (&["--offset", "4"][..], "--offset 4: no multiple of 8"),
        (&["--offset", "0x10000"], "--offset 65536: the file has 264 bytes"),
        (&["--words", "34"], "--words 34: 33 whole words follow offset 0"),
        (
            &["--offset", "8", "--words", "18446744073709551615"],
            "--words 18446744073709551615",
        ),
    ] {
        let mut all = vec!["disasm".as_ref(), path.as_os_str()];
        all.extend(args.iter().map(|arg| AsRef::<std::ffi::OsStr>::as_ref(*arg)));
        let output = npulab(&all);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(
            error.contains("npu.bad-range") && error.contains(part) && error.contains("Remedy: "),
            "{error}"
        );
    }
    let whole = npulab(&["disasm".as_ref(), path.as_os_str()]);
    assert_eq!(String::from_utf8(whole.stdout).unwrap().lines().count(), 34);
}
