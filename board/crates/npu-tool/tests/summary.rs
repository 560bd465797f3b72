//! `scan --summary`: one row for each operation.

mod support;

use npu_regs::worked_examples::B1;
use serde_json::Value;
use support::{b4, b6, bytes, folder, matmul, npulab, padded, with};

#[test]
fn tasks_are_counted_by_operation_and_rejects_are_still_listed() {
    let streams = [
        matmul(8, 64, 32, [0, 0, 0], None),
        matmul(4, 32, 16, [0, 0, 0], None),
        b4(None),
        with(&B1, &[(0x1078, 0)]),
        b6(None),
    ];
    let file: Vec<u8> = streams.iter().flat_map(|words| bytes(&padded(words.clone()))).collect();
    let path = folder("summary").join("model.bin");
    std::fs::write(&path, file).unwrap();
    let output = npulab(&["scan".as_ref(), path.as_os_str(), "--summary".as_ref()]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "\
what it does             tasks  Δ  sizes  words  Mproducts  rejects
conv int8->int32 1x1 s1      2  0      2    234        0.0        0
conv int8->int8 3x3 s2       1  0      1    137       31.9        1
dpu int8->int8               1  0      1     73          -        0
max pool int8 3x3 s1x1       1  0      1     33          -        0

offset  word  reject
 0xB20    29  CNA.DMA_CON0 (0x1078)  = 0x0: not modelled; 0x00171C07 in every decoded task; other bursts break fetches

5 tasks in 4032 bytes (0 inherit registers, marked Δ), 1 rejects
"
    );
    let output = npulab(&[
        "scan".as_ref(),
        path.as_os_str(),
        "--summary".as_ref(),
        "--json".as_ref(),
    ]);
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["tasks"], serde_json::json!([]));
    let products = 8 * 64 * 32 + 4 * 32 * 16;
    assert_eq!(
        json["summary"][0],
        serde_json::json!({
            "operation": "conv int8->int32 1x1 s1", "tasks": 2, "deltas": 0, "sizes": 2, "words": 234,
            "products": products, "rejects": 0
        })
    );
}
