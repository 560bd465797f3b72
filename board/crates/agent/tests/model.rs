//! A model from upload to tokens, on the default model of the repository.

mod support;

use agent::backend;
use link::cbor::{Digest, Nothing, from_slice};
use link::message::call::{Handle, OneHandle};
use link::message::hello::StreamPosition;
use link::message::infer::*;
use link::message::mem::OneDigest;
use link::message::model::*;
use link::message::stream::{Credit, End, Item};
use link::trace::{TRACE_RECORD_BYTES, TraceRecord};
use link::{ErrorCode, Frame, FrameType, Method};
use support::*;

fn load(peer: &mut Peer, manifest: Digest) -> (LoadResult, Vec<LoadProgress>) {
    let id = peer.begin(Method::ModelLoad, &OneDigest { digest: manifest }, None, &[]);
    let mut progress = Vec::new();
    let end = peer.end_of(id, |_, frame| {
        if frame.view().head.kind == FrameType::Item {
            progress.push(from_slice::<Item<LoadProgress>>(frame.view().meta).unwrap().payload);
        }
    });
    (answer(&end).unwrap().0, progress)
}

fn open(peer: &mut Peer, model: Handle) -> OpenResult {
    let prompt = Prompt::Text("Once upon a time".into());
    peer.call(
        Method::InferOpen,
        &OpenArgs {
            model,
            prompt,
            sampling: None,
        },
    )
    .unwrap()
}

fn token(frame: &Frame) -> (u64, u32, usize) {
    let item: Item<GeneratedToken> = from_slice(frame.view().meta).unwrap();
    (item.index, item.payload.token, frame.view().body.len())
}

fn generate(peer: &mut Peer, handle: Handle, max_tokens: u32) -> (Vec<u32>, GenerateResult) {
    let args = GenerateArgs {
        handle,
        max_tokens,
        sampling: None,
        stop_tokens: None,
    };
    let id = peer.begin(Method::InferGenerate, &args, None, &[]);
    let (mut tokens, mut ends) = (Vec::new(), 0);
    let last = peer.end_of(id, |peer, frame| match frame.view().head.kind {
        FrameType::Item => {
            let (index, token, body) = token(&frame);
            assert_eq!(index, tokens.len() as u64);
            assert!(body > 0 && body % TRACE_RECORD_BYTES == 0);
            tokens.push(token);
            let credit = link::cbor::to_vec(&Credit {
                bytes: frame.credit_bytes(),
            });
            peer.send(&support::frame(
                FrameType::Credit,
                Method::InferGenerate as u16,
                id,
                &credit,
                &[],
            ));
        }
        FrameType::End => {
            ends += 1;
            assert_eq!(from_slice::<End>(frame.view().meta).unwrap().items, tokens.len() as u64);
        }
        _ => {}
    });
    assert_eq!(ends, 1);
    (tokens, answer(&last).unwrap().0)
}

fn steps_and_generates(name: &str) -> Vec<u32> {
    let rig = Rig::with(Setup {
        backend: backend::open(name).unwrap(),
        ..Setup::default()
    });
    let mut peer = rig.peer();
    let manifest = upload_tiny_model(&mut peer);
    let (loaded, progress) = load(&mut peer, manifest);
    assert_eq!(loaded.info.name, "tiny");
    assert_eq!(progress.last().map(|p| p.done_bytes == p.total_bytes), Some(true));
    let model = loaded.handle;
    let id = peer.begin(Method::ModelOperators, &OneHandle { handle: model }, None, &[]);
    let mut operators = Vec::new();
    peer.end_of(id, |_, frame| {
        if frame.view().head.kind == FrameType::Item {
            operators.extend(from_slice::<Item<Vec<Operator>>>(frame.view().meta).unwrap().payload);
        }
    });
    assert_eq!(operators.first().map(|o| o.name.as_str()), Some("embed_tokens"));
    assert_eq!(operators.last().map(|o| o.name.as_str()), Some("sample"));

    let opened = open(&mut peer, model);
    let run = opened.handle;
    assert_eq!((opened.state.position, opened.state.next_operator), (0, 0));
    let step = StepArgs {
        handle: run,
        until: Until::Layer,
        name: None,
    };
    let (stepped, body) = peer.call_body::<StateResult>(Method::InferStep, &step, &[]).unwrap();
    let records = TraceRecord::decode_all(&body).unwrap();
    let names: Vec<_> = records
        .iter()
        .map(|r| operators[r.operator as usize].name.as_str())
        .collect();
    assert_eq!(
        (names[0], *names.last().unwrap()),
        ("embed_tokens", "layers.0.mlp_residual")
    );
    assert_eq!(stepped.state.next_operator as usize, records.len());
    for record in &records {
        let on_npu = operators[record.operator as usize].runs_on == "npu";
        assert_eq!(record.runs_on == 1, on_npu);
        assert_eq!(record.modelled_ns.is_some(), on_npu && name.starts_with("sim"));
    }
    let want = TensorArgs {
        handle: run,
        name: "layers.0.mlp_residual".into(),
        offset: 1,
        count: 3,
    };
    let (info, body) = peer.call_body::<TensorInfo>(Method::InferTensor, &want, &[]).unwrap();
    assert_eq!((info.shape[1] as u32, body.len()), (loaded.info.hidden, 12));
    let summary = TensorSummaryArgs {
        handle: run,
        name: info.name,
        reference: None,
    };
    let summary: TensorSummaryResult = peer.call(Method::InferSummary, &summary).unwrap();
    assert_eq!(
        summary.summary.histogram.iter().sum::<u64>(),
        info.shape[0] * info.shape[1]
    );

    let (tokens, ended) = generate(&mut peer, run, 12);
    assert_eq!((tokens.len(), ended.reason), (12, StopReason::MaxTokens));
    let prompt = opened.state.tokens.len();
    assert_eq!(ended.state.tokens[prompt..], tokens);
    let back: StateResult = peer
        .call(
            Method::InferRewind,
            &RewindArgs {
                handle: run,
                position: prompt as u32,
            },
        )
        .unwrap();
    assert_eq!(back.state.tokens.len(), prompt + 1);
    assert_eq!(
        generate(&mut peer, run, 11).0,
        tokens[1..],
        "the same again after a rewind"
    );
    peer.call::<Nothing>(Method::InferClose, &OneHandle { handle: run })
        .unwrap();
    assert_eq!(
        code(peer.call::<Nothing>(Method::InferSnapshot, &OneHandle { handle: run })),
        ErrorCode::StaleHandle
    );
    peer.call::<Nothing>(Method::ModelUnload, &OneHandle { handle: model })
        .unwrap();
    assert_eq!(rig.agent.free_bytes(), rig.agent.capabilities.memory_bytes);
    tokens
}

#[test]
fn the_default_model_gives_the_same_tokens_on_the_simulated_npu_and_on_the_cpu() {
    assert_eq!(steps_and_generates("sim:rk3568"), steps_and_generates("cpu"));
}

#[test]
fn two_sessions_share_a_model_and_the_last_one_frees_it() {
    let rig = Rig::new();
    let all = rig.agent.free_bytes();
    let (mut one, mut other) = (rig.peer(), rig.peer());
    let manifest = upload_tiny_model(&mut one);
    let (first, _) = load(&mut one, manifest);
    let with_one = rig.agent.free_bytes();
    let (second, progress) = load(&mut other, manifest);
    assert_eq!((rig.agent.free_bytes(), progress.len()), (with_one, 0));
    let run = open(&mut other, second.handle).handle;
    one.call::<Nothing>(Method::ModelUnload, &OneHandle { handle: first.handle })
        .unwrap();
    other
        .call::<Nothing>(Method::ModelUnload, &OneHandle { handle: second.handle })
        .unwrap();
    assert_eq!(
        generate(&mut other, run, 2).0.len(),
        2,
        "an open inference keeps its model"
    );
    assert_eq!(rig.agent.free_bytes(), with_one);
    other
        .call::<Nothing>(Method::InferClose, &OneHandle { handle: run })
        .unwrap();
    assert_eq!(rig.agent.free_bytes(), all);
}

/// Starts a generation, takes items without crediting until the agent stops, and returns them.
fn starve(peer: &mut Peer, run: Handle) -> (u32, Vec<(u64, u32, usize)>) {
    let args = GenerateArgs {
        handle: run,
        max_tokens: 100_000,
        sampling: None,
        stop_tokens: None,
    };
    let id = peer.begin(Method::InferGenerate, &args, None, &[]);
    let (mut items, mut bytes) = (Vec::new(), 0);
    while bytes < 256 * 1024 {
        let frame = peer.receive().unwrap();
        assert_eq!(
            frame.view().head.kind,
            FrameType::Item,
            "the context is longer than the credit"
        );
        bytes += frame.credit_bytes();
        items.push(token(&frame));
    }
    (id, items)
}

#[test]
fn a_generation_stops_without_credit_lets_others_work_and_is_cancelled_with_its_progress() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let manifest = upload_tiny_model(&mut peer);
    let model = load(&mut peer, manifest).0.handle;
    let run = open(&mut peer, model).handle;
    let (id, items) = starve(&mut peer, run);
    peer.alloc(4096);
    peer.send(&frame(
        FrameType::Cancel,
        Method::InferGenerate as u16,
        id,
        &[0xa0],
        &[],
    ));
    let fail =
        answer::<GenerateResult>(&peer.end_of(id, |_, f| assert_eq!(f.view().head.kind, FrameType::End))).unwrap_err();
    assert_eq!(fail.code, ErrorCode::Cancelled);
    let field = fail
        .fields
        .unwrap()
        .entries()
        .iter()
        .find(|(n, _)| n == "tokens")
        .cloned()
        .unwrap()
        .1;
    assert_eq!(field, link::FieldValue::Uint(items.len() as u64));
    assert_eq!(generate(&mut peer, run, 1).0.len(), 1, "a cancelled inference goes on");
}

#[test]
fn a_stream_is_resumed_on_a_new_connection_from_the_item_asked_for() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let manifest = upload_tiny_model(&mut peer);
    let model = load(&mut peer, manifest).0.handle;
    let run = open(&mut peer, model).handle;
    let (call_id, items) = starve(&mut peer, run);
    let position = |unused_bytes| StreamPosition {
        call_id,
        next_item: 5,
        unused_bytes,
    };
    let token_id = peer.token();
    drop(peer);
    let mut peer = Peer::open(rig.address, Some(token_id), &[position(None)]);
    assert!(peer.hello.resumed);
    for expected in &items[5..] {
        assert_eq!(token(&peer.receive().unwrap()), *expected);
    }
    let credit = link::cbor::to_vec(&Credit { bytes: 1 << 30 });
    peer.send(&frame(
        FrameType::Credit,
        Method::InferGenerate as u16,
        call_id,
        &credit,
        &[],
    ));
    let next = token(&peer.receive().unwrap());
    assert_eq!(next.0, items.len() as u64);
    let last = peer.end_of(call_id, |_, _| {});
    let result: GenerateResult = answer(&last).unwrap().0;
    assert_eq!(result.reason, StopReason::ContextFull);
}

#[test]
fn credit_that_was_lost_with_a_connection_counts_again_when_the_stream_is_resumed() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let manifest = upload_tiny_model(&mut peer);
    let model = load(&mut peer, manifest).0.handle;
    let run = open(&mut peer, model).handle;
    // Everything that may be sent has come, the board waits for credit, and the CREDIT goes down with the connection.
    let (call_id, items) = starve(&mut peer, run);
    let (token_id, next_item) = (peer.token(), items.len() as u64);
    drop(peer);
    let position = StreamPosition {
        call_id,
        next_item,
        unused_bytes: Some(0),
    };
    let mut peer = Peer::open(rig.address, Some(token_id), &[position]);
    assert_eq!(token(&peer.receive().unwrap()).0, next_item);
}

#[test]
fn a_manifest_of_missing_blobs_and_a_damaged_model_are_named() {
    let rig = Rig::new();
    let mut peer = rig.peer();
    let load = |peer: &mut Peer, digest| code(peer.call::<LoadResult>(Method::ModelLoad, &OneDigest { digest }));
    assert_eq!(load(&mut peer, sha(b"nothing")), ErrorCode::NotFound);
    let text = peer.upload(b"no manifest");
    assert_eq!(load(&mut peer, text), ErrorCode::Corrupt);
    let hex = agent::store::hex(&*text);
    let file = format!("{{\"sha256\":\"{hex}\",\"sizeBytes\":11}}");
    let manifest = format!(
        "{{\"files\":{{\"config.json\":{file},\"model.safetensors\":{file},\"tokenizer.model\":{file}}},\
         \"format\":\"npulab.model.v1\",\"name\":\"x\"}}"
    );
    let manifest = peer.upload(manifest.as_bytes());
    assert_eq!(load(&mut peer, manifest), ErrorCode::Corrupt);
    assert_eq!(rig.agent.free_bytes(), rig.agent.capabilities.memory_bytes);
}
