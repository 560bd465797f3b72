//! Network files: the ones that come along have the sizes that their papers state, and wrong ones are refused by name.

use npu_predict::networks::Known;
use npu_predict::{Clocks, Network, Plan};

#[test]
fn the_known_networks_have_their_published_multiply_accumulates() {
    let macs = |known: Known| {
        let prediction = Plan::new(known.network().unwrap()).unwrap().predict(Clocks::default());
        prediction.layers.iter().map(|layer| layer.macs).sum::<u64>()
    };
    // Published for 1000 classes; this one has 1001.
    assert_eq!(macs(Known::MobileNetV1), 568_740_352 + 1024);
    assert_eq!(macs(Known::MobileNetV2), 300_774_272);
    assert_eq!(macs(Known::ResNet18), 1_814_073_344);
    assert_eq!(macs(Known::ResNet50), 4_089_184_256);
    // 8.2 GMAC in the hardware sheet (§7.2), 16.5 GFLOPs in the model's own table.
    assert_eq!(macs(Known::Yolov5s) / 100_000_000, 82);
    assert_eq!(macs(Known::Yolov5sRelu), macs(Known::Yolov5s));
    assert_eq!(macs(Known::TinyLlamaDecode), 1_034_420_224);
}

#[test]
fn cycles_are_those_that_the_sheet_states_for_its_calibration_networks() {
    // §7.2: 1.67 M, 1.33 M and about 4.0 M cycles with first-layer packing.
    for (known, ten_thousands) in [(Known::MobileNetV1, 167), (Known::MobileNetV2, 133)] {
        let prediction = Plan::new(known.network().unwrap()).unwrap().predict(Clocks::default());
        let cycles: u64 = prediction.layers.iter().map(|layer| layer.cycles).sum();
        let off = cycles.abs_diff(ten_thousands * 10_000);
        assert!(off <= cycles / 20, "{known:?}: {cycles}");
    }
    let prediction = Plan::new(Known::ResNet18.network().unwrap())
        .unwrap()
        .predict(Clocks::default());
    let cycles: u64 = prediction.layers.iter().map(|layer| layer.cycles).sum();
    assert!((3_900_000..4_200_000).contains(&cycles), "{cycles}");
}

#[test]
fn wrong_files_are_refused_and_the_message_names_layer_and_key() {
    for (layer, part) in [
        (r#""op": "conv""#, "layer \"x\": input: is missing"),
        (
            r#""op": "conv", "input": [8, 8, 8], "kernel": [3, 3]"#,
            "kernels: is missing",
        ),
        (
            r#""op": "conv", "input": [8, 8, 8], "kernels": 8, "kernel": [3, 32]"#,
            "kernel: 32 is not 1 to 31",
        ),
        (
            r#""op": "conv", "input": [2, 2, 8], "kernels": 8, "kernel": [3, 3]"#,
            "larger than the padded input",
        ),
        (
            r#""op": "conv", "input": [0, 8, 8], "kernels": 8, "kernel": [1, 1]"#,
            "input: 0 is not 1 to 2047",
        ),
        (
            r#""op": "conv", "input": [8, 8, 8], "kernels": 8, "kernel": [1, 1], "m": 3"#,
            "m: not a key of conv",
        ),
        (
            r#""op": "depthwise", "input": [8, 8, 8], "kernels": 8, "kernel": [1, 1]"#,
            "kernels: not a key of depthwise",
        ),
        (
            r#""op": "conv", "input": [8, 8, 8], "kernels": 8, "kernel": [1, 1], "activation": "mish""#,
            "activation: one of",
        ),
        (
            r#""op": "conv", "input": [2047, 2047, 8192], "kernels": 8, "kernel": [31, 31]"#,
            "do not fit the 256 KiB buffer",
        ),
        (r#""op": "softmax", "input": [8, 8, 8]"#, "op: one of conv"),
        (
            r#""op": "matmul", "m": 1, "k": 10241, "n": 1"#,
            "k: 10241 is not 1 to 10240",
        ),
        (
            r#""op": "matmul", "m": 1048576, "k": 10240, "n": 1048576"#,
            "takes more than 262144 tasks",
        ),
        (
            r#""op": "matmul", "m": 1, "k": 1, "n": 1, "count": 0"#,
            "count: 0 is not 1 to 10000",
        ),
        (
            r#""op": "matmul", "m": 1, "k": 1, "n": 1, "strides": 2"#,
            "unknown field `strides`",
        ),
        (
            r#""op": "maxpool", "input": [10, 10, 8], "kernel": [3, 3], "stride": [3, 4]"#,
            "stride: larger than the kernel, which hangs the pooling unit (erratum 26)",
        ),
        (
            r#""op": "matmul", "m": 1048576, "k": 10240, "n": 1048576"#,
            "k: a row of it and one kernel group do not fit",
        ),
        (
            r#""op": "matmul", "m": -1, "k": 1, "n": 1"#,
            "invalid value: integer `-1`",
        ),
        (
            r#""op": "add", "input": [8, 8, 8], "dtype": "int4""#,
            "unknown variant `int4`",
        ),
    ] {
        let text = format!(r#"{{"name": "t", "layers": [{{"name": "x", {layer}}}]}}"#);
        let error = Network::from_json(&text)
            .and_then(Plan::new)
            .err()
            .expect(layer)
            .to_string();
        assert!(error.contains(part), "{error}");
    }
    let heavy = r#"{"name": "x", "op": "matmul", "m": 1026, "k": 10208, "n": 8176}"#;
    let text = format!(r#"{{"name": "t", "layers": [{}]}}"#, [heavy; 16].join(", "));
    let error = Network::from_json(&text).and_then(Plan::new).err().unwrap().to_string();
    assert!(error.contains("more than 1000000 tasks in all"), "{error}");
    for (text, part) in [
        ("{}", "missing field `name`"),
        (r#"{"name": "t", "layers": []}"#, "1 to 2000 layers"),
        (
            r#"{"name": "t", "starts": 0, "layers": [{"name": "x", "op": "matmul", "m": 1, "k": 1, "n": 1}]}"#,
            "starts",
        ),
        (
            r#"{"name": "a\u001b[2J", "layers": [{"name": "x", "op": "matmul", "m": 1, "k": 1, "n": 1}]}"#,
            r"name: '\u{1b}' is no letter of a name",
        ),
        (
            r#"{"name": "t", "layers": [{"name": "x\ntotal", "op": "matmul", "m": 1, "k": 1, "n": 1}]}"#,
            r"name of a layer: '\n' is no letter of a name",
        ),
        ("\u{0}", "expected value at line 1 column 1"),
    ] {
        let error = Network::from_json(text).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
