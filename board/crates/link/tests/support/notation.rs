//! Vectors as the file writes them: CBOR shown as JSON.

use minicbor::Decoder;
use minicbor::data::Type;
use serde_json::{Value, json};

use super::Case;

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

pub fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).unwrap())
        .collect()
}

/// CBOR as JSON: maps as lists of pairs, byte strings as `{"bytes": hex}`, floats as `{"float": number or "NaN"}`.
pub fn diagnostic(d: &mut Decoder) -> Value {
    match d.datatype().unwrap() {
        Type::Bool => json!(d.bool().unwrap()),
        Type::Null => {
            d.null().unwrap();
            Value::Null
        }
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => json!(d.u64().unwrap()),
        Type::F16 | Type::F32 | Type::F64 => {
            let v = d.f64().unwrap();
            if v.is_nan() {
                json!({ "float": "NaN" })
            } else {
                json!({ "float": v })
            }
        }
        Type::Bytes => json!({ "bytes": hex(d.bytes().unwrap()) }),
        Type::String => json!(d.str().unwrap()),
        Type::Array => {
            let n = d.array().unwrap().unwrap();
            Value::Array((0..n).map(|_| diagnostic(d)).collect())
        }
        Type::Map => {
            let n = d.map().unwrap().unwrap();
            Value::Array((0..n).map(|_| json!([diagnostic(d), diagnostic(d)])).collect())
        }
        other => panic!("no vector holds {other:?}"),
    }
}

pub fn as_json(case: &Case) -> Value {
    let view = case.frame.view();
    json!({
        "name": case.name,
        "hex": hex(case.frame.bytes()),
        "frame": {
            "type": format!("{:?}", view.head.kind).to_uppercase(),
            "method": view.head.method,
            "callId": view.head.call_id,
            "flags": view.head.flags.0,
        },
        "meta": diagnostic(&mut Decoder::new(view.meta)),
        "bodyHex": hex(view.body),
    })
}
