//! `npulab-npu time` on networks of the repository and on wrong files.

mod support;

use std::path::PathBuf;

use serde_json::Value;
use support::{folder, npulab};

fn network(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../npu-predict/networks")
        .join(name)
}

fn run(path: &std::path::Path, more: &[&str]) -> (i32, String, String) {
    let mut args = vec!["time".as_ref(), path.as_os_str()];
    args.extend(more.iter().map(|arg| AsRef::<std::ffi::OsStr>::as_ref(*arg)));
    let output = npulab(&args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_network_is_predicted_per_layer_and_in_total_with_a_range() {
    let (exit, text, error) = run(&network("resnet50.json"), &[]);
    assert_eq!((exit, error.as_str()), (0, ""));
    assert!(
        text.contains("modelled, NPU 1000 MHz") && text.contains("\ntotal "),
        "{text}"
    );
    let (_, json, _) = run(&network("resnet50.json"), &["--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    let part = |time: &Value, end: &str| time[end].as_u64().unwrap();
    let layers = json["layers"].as_array().unwrap();
    let sum: u64 = layers.iter().map(|layer| part(layer, "expectedNs")).sum();
    assert_eq!(
        sum + part(&json["startsTime"], "expectedNs"),
        part(&json["total"], "expectedNs")
    );
    assert!(part(&json["total"], "lowNs") < part(&json["total"], "expectedNs"));
    assert!(part(&json["total"], "expectedNs") < part(&json["total"], "highNs"));
    let (_, slow, _) = run(&network("resnet50.json"), &["--npu-mhz", "600", "--json"]);
    let slow: Value = serde_json::from_str(&slow).unwrap();
    assert!(part(&slow["total"], "expectedNs") > part(&json["total"], "expectedNs"));
}

#[test]
fn a_network_of_another_form_is_refused_in_the_words_of_its_format() {
    let path = folder("other-form").join("n.json");
    for (text, part) in [
        ("5", "expected an object with name and layers"),
        (
            r#"{"name": "n", "layers": [7]}"#,
            "expected a layer, an object with name and op",
        ),
        (r#"{"name": "n", "layers": [], "stride": 1}"#, "unknown field `stride`"),
        (r#"{"name": "n", "layers": []}"#, "1 to 2000 layers"),
    ] {
        std::fs::write(&path, text).unwrap();
        let (exit, out, error) = run(&path, &[]);
        assert_eq!((exit, out.as_str()), (2, ""));
        assert!(error.contains("npu.bad-network: ") && error.contains(part), "{error}");
    }
}

#[test]
fn a_wrong_network_names_its_layer_and_key() {
    let path = folder("wrong-network").join("n.json");
    std::fs::write(
        &path,
        r#"{"name": "n", "layers": [{"name": "fc", "op": "matmul", "m": 0, "k": 32, "n": 16}]}"#,
    )
    .unwrap();
    let (exit, _, error) = run(&path, &[]);
    assert_eq!(exit, 2);
    assert!(
        error.contains("npu.bad-network: ") && error.contains("fc") && error.contains("Remedy: "),
        "{error}"
    );
}
