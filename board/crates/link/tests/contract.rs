//! `board/link/link.cddl` itself, read by a validator that knows nothing of this codec: every vector keeps its rules, every
//! rule has a vector, and a vector whose type is wrong in one place breaks them.

#[allow(dead_code, unused_imports, reason = "the vectors are shown as JSON by another test")]
mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;

use cddl_cat::cbor::validate_cbor;
use cddl_cat::context::BasicContext;
use cddl_cat::flatten::flatten_from_str;
use ciborium::Value;
use link::Method;
use link::frame::{FrameType, FrameView};
use link::message::stream::{TOPIC_CONSOLE, TOPIC_DEVICE_STATE, TOPIC_LEASE, TOPIC_LOG, TOPIC_PROGRESS, TOPIC_QUEUE};
use support::cases;

struct Contract {
    rules: BasicContext,
    names: BTreeSet<String>,
}

impl Contract {
    fn read() -> Self {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../link/link.cddl");
        let rules = flatten_from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let names = rules.keys().cloned().collect();
        Self {
            rules: BasicContext::new(rules),
            names,
        }
    }

    fn allows(&self, rule: &str, value: &Value) -> bool {
        let rule = self.rules.rules.get(rule).unwrap_or_else(|| panic!("no rule {rule}"));
        validate_cbor(rule, value, &self.rules).is_ok()
    }
}

fn value(bytes: &[u8]) -> Value {
    ciborium::from_reader(bytes).unwrap()
}

fn at(map: &Value, key: i128) -> Value {
    let found = map
        .as_map()
        .unwrap()
        .iter()
        .find(|(k, _)| *k == Value::Integer(key.try_into().unwrap()));
    found.unwrap().1.clone()
}

/// What of a frame answers to which rule: its meta, and the arguments, result or payload in it.
fn parts(view: &FrameView) -> Vec<(String, Value)> {
    let meta = value(view.meta);
    let method = || Method::from_number(view.head.method).unwrap().name();
    let inner = |kind: &str, part: &str, key: i128| {
        vec![
            (kind.to_owned(), meta.clone()),
            (format!("{}.{part}", method()), at(&meta, key)),
        ]
    };
    match view.head.kind {
        FrameType::Hello => {
            // Only a board says how long it keeps a lost session.
            let board = meta
                .as_map()
                .unwrap()
                .iter()
                .any(|(key, _)| *key == Value::Integer(9.into()));
            vec![(if board { "hello-board" } else { "hello-host" }.into(), meta)]
        }
        FrameType::Call => inner("call", "args", 0),
        FrameType::Reply => inner("reply", "result", 0),
        FrameType::Item => inner("item", "item", 1),
        FrameType::Event => {
            let topic = match view.head.method {
                TOPIC_LOG => "log",
                TOPIC_DEVICE_STATE => "deviceState",
                TOPIC_LEASE => "lease",
                TOPIC_CONSOLE => "console",
                TOPIC_PROGRESS => "progress",
                TOPIC_QUEUE => "queue",
                other => panic!("a topic {other}"),
            };
            vec![("event".into(), meta.clone()), (format!("{topic}.event"), at(&meta, 2))]
        }
        FrameType::Fail => vec![("fail".into(), meta)],
        FrameType::End => vec![("end".into(), meta)],
        FrameType::Cancel => vec![("cancel".into(), meta)],
        FrameType::Credit => vec![("credit".into(), meta)],
        FrameType::Ping => vec![("ping".into(), meta)],
        FrameType::Pong => vec![("pong".into(), meta)],
        FrameType::Bye => vec![("bye".into(), meta)],
    }
}

#[test]
fn every_vector_keeps_the_rules_of_the_contract() {
    let contract = Contract::read();
    for case in cases() {
        for (rule, part) in parts(&case.frame.view()) {
            assert!(
                contract.allows(&rule, &part),
                "{}: {rule} does not allow {part:?}",
                case.name
            );
        }
    }
}

#[test]
fn every_rule_of_a_message_has_a_vector_and_every_method_its_rules() {
    let contract = Contract::read();
    let met: BTreeSet<String> = cases()
        .iter()
        .flat_map(|case| parts(&case.frame.view()))
        .map(|(rule, _)| rule)
        .collect();
    let wanted = |name: &&String| name.contains('.');
    let without: Vec<_> = contract
        .names
        .iter()
        .filter(wanted)
        .filter(|name| !met.contains(*name))
        .collect();
    assert_eq!(without, Vec::<&String>::new());
    for method in Method::ALL {
        for part in ["args", "result"] {
            assert!(contract.names.contains(&format!("{}.{part}", method.name())));
        }
        let streams = contract.names.contains(&format!("{}.item", method.name()));
        assert_eq!(streams, method.streams(), "{}", method.name());
    }
}

/// The value with each of its leaves in turn of another type, and each of its maps in turn with a key more.
fn spoilt(value: &Value) -> Vec<Value> {
    match value {
        Value::Map(entries) => {
            let mut more = entries.clone();
            more.push((Value::Integer(99.into()), Value::Integer(0.into())));
            let mut all = vec![Value::Map(more)];
            for (index, (key, inner)) in entries.iter().enumerate() {
                all.extend(spoilt(inner).into_iter().map(|bad| {
                    let mut entries = entries.clone();
                    entries[index] = (key.clone(), bad);
                    Value::Map(entries)
                }));
            }
            all
        }
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .flat_map(|(index, inner)| {
                spoilt(inner).into_iter().map(move |bad| {
                    let mut elements = elements.clone();
                    elements[index] = bad;
                    Value::Array(elements)
                })
            })
            .collect(),
        Value::Bool(_) => vec![Value::Integer(1.into())],
        _ => vec![Value::Bool(false)],
    }
}

#[test]
fn a_vector_with_one_value_of_another_type_or_one_key_more_breaks_the_rules() {
    let contract = Contract::read();
    let mut tried = 0;
    for case in cases() {
        let parts = parts(&case.frame.view());
        // What a CALL or an EVENT carries is `any` to the rule of its meta, and so are the fields of a FAIL.
        let (rule, part) = parts.last().unwrap();
        let part = match part {
            Value::Map(entries) if rule == "fail" => Value::Map(entries[..3].to_vec()),
            part => part.clone(),
        };
        for bad in spoilt(&part) {
            tried += 1;
            assert!(!contract.allows(rule, &bad), "{}: {rule} allows {bad:?}", case.name);
        }
    }
    assert!(tried > 500, "{tried}");
}

/// The validator would pass anything if it could not tell sizes.
#[test]
fn a_digest_of_31_bytes_and_an_unknown_word_break_the_rules() {
    let contract = Contract::read();
    assert!(contract.allows("digest", &Value::Bytes(vec![0; 32])));
    assert!(!contract.allows("digest", &Value::Bytes(vec![0; 31])));
    assert!(contract.allows("dtype", &Value::Text("f16".into())));
    assert!(!contract.allows("dtype", &Value::Text("f17".into())));
    assert!(contract.allows("handle-kind", &Value::Integer(4.into())));
    assert!(!contract.allows("handle-kind", &Value::Integer(5.into())));
}
