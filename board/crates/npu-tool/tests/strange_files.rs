//! Paths that are no files: every command says so at once and never waits, reads without end or crashes.

mod support;

use std::path::Path;

use support::{folder, npulab};

const COMMANDS: [&str; 5] = ["scan", "disasm", "check", "run", "time"];

fn refused(command: &str, path: &Path) -> String {
    let output = npulab(&[command.as_ref(), path.as_os_str()]);
    assert_eq!(
        (output.status.code(), output.stdout.as_slice()),
        (Some(2), &[][..]),
        "{command}"
    );
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn pipes_devices_and_folders_are_no_files() {
    let folder = folder("strange");
    let pipe = folder.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for path in [&pipe, Path::new("/dev/zero"), &folder] {
        for command in COMMANDS {
            let error = refused(command, path);
            let wanted = format!(
                "npulab-npu: npu.read-failed: {}: not a regular file\nRemedy: ",
                path.display()
            );
            assert!(error.starts_with(&wanted), "{command}: {error}");
        }
    }
}

#[test]
fn a_text_beyond_any_job_or_network_is_not_read() {
    let path = folder("long-text").join("JOB.json");
    let file = std::fs::File::create(&path).unwrap();
    file.set_len(1 << 40).unwrap();
    for command in ["run", "time"] {
        let error = refused(command, &path);
        assert!(
            error.contains("1099511627776 bytes of text, at most 67108864"),
            "{error}"
        );
    }
}

#[test]
fn a_text_that_is_not_utf_8_is_a_read_error() {
    let path = folder("no-text").join("JOB.json");
    std::fs::write(&path, [0xFF, 0xFE, 0]).unwrap();
    for command in ["run", "time"] {
        assert!(refused(command, &path).contains("npu.read-failed"), "{command}");
    }
}
