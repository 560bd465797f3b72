//! `board/link/vectors/v1.json` against this codec. If a vector fails, do not edit the vector.

mod support;

use std::collections::HashSet;
use std::path::PathBuf;

use link::frame::{FrameType, FrameView};
use link::message::{blob, call, hello, infer, lease, mem, model, npu, stream, sys, task};
use link::{Frame, Method, cbor};
use serde_json::Value;
use support::{Case, as_json, cases, unhex};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../link/vectors/v1.json")
}

fn vectors() -> Vec<Value> {
    serde_json::from_slice(&std::fs::read(path()).unwrap()).unwrap()
}

#[test]
fn every_message_encodes_to_its_vector_and_no_vector_is_without_a_message() {
    let vectors = vectors();
    let names: HashSet<&str> = vectors.iter().map(|v| v["name"].as_str().unwrap()).collect();
    assert_eq!(names.len(), vectors.len());
    let cases = cases();
    assert_eq!(cases.iter().map(|c| c.name).collect::<HashSet<_>>(), names);
    for case in &cases {
        let vector = vectors.iter().find(|v| v["name"] == case.name).unwrap();
        assert_eq!(&as_json(case), vector, "{}", case.name);
    }
}

#[test]
fn every_frame_type_and_every_method_has_a_vector() {
    let frames: Vec<Frame> = cases().into_iter().map(|c| c.frame).collect();
    for code in 1..=12u8 {
        let kind = FrameType::from_code(code).unwrap();
        assert!(frames.iter().any(|f| f.view().head.kind == kind), "{kind:?}");
    }
    for method in Method::ALL {
        for kind in [FrameType::Call, FrameType::Reply] {
            let found = frames
                .iter()
                .any(|f| f.view().head.kind == kind && f.view().head.method == *method as u16);
            assert!(found, "{} {kind:?}", method.name());
        }
    }
}

#[test]
fn every_vector_decodes_into_its_type_and_encodes_back_to_the_same_meta() {
    for vector in vectors() {
        let bytes = unhex(vector["hex"].as_str().unwrap());
        let view = FrameView::parse(&bytes).unwrap();
        let name = vector["name"].as_str().unwrap();
        assert_eq!(recode(&view), view.meta, "{name}");
    }
}

fn again<T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()>>(bytes: &[u8]) -> Vec<u8> {
    cbor::to_vec(&cbor::from_slice::<T>(bytes).unwrap())
}

fn recode(view: &FrameView) -> Vec<u8> {
    let method = Method::from_number(view.head.method);
    match view.head.kind {
        FrameType::Hello => cbor::from_slice::<hello::HelloHost>(view.meta)
            .map(|h| cbor::to_vec(&h))
            .unwrap_or_else(|_| again::<hello::HelloBoard>(view.meta)),
        FrameType::Call => {
            let parsed = call::CallView::parse(view.meta).unwrap();
            let args = cbor::Encoded(recode_args(method.unwrap(), parsed.args));
            cbor::to_vec(&call::Call {
                args,
                deadline_ms: parsed.deadline_ms,
                inflated_bytes: parsed.inflated_bytes,
            })
        }
        FrameType::Reply => recode_reply(method.unwrap(), view.meta),
        FrameType::Fail => again::<call::Fail>(view.meta),
        FrameType::Item => match method.unwrap() {
            Method::ModelLoad | Method::BlobImport => again::<stream::Item<model::LoadProgress>>(view.meta),
            Method::ModelOperators => again::<stream::Item<Vec<model::Operator>>>(view.meta),
            _ => again::<stream::Item<infer::GeneratedToken>>(view.meta),
        },
        FrameType::End => again::<stream::End>(view.meta),
        FrameType::Event => match view.head.method {
            stream::TOPIC_LOG => again::<stream::Event<stream::LogEvent>>(view.meta),
            stream::TOPIC_LEASE => again::<stream::Event<lease::LeaseEvent>>(view.meta),
            stream::TOPIC_CONSOLE => again::<stream::Event<stream::ConsoleEvent>>(view.meta),
            stream::TOPIC_PROGRESS => again::<stream::Event<stream::ProgressEvent>>(view.meta),
            stream::TOPIC_QUEUE => again::<stream::Event<lease::LeaseState>>(view.meta),
            _ => again::<stream::Event<stream::DeviceStateEvent>>(view.meta),
        },
        FrameType::Cancel => again::<cbor::Nothing>(view.meta),
        FrameType::Credit => again::<stream::Credit>(view.meta),
        FrameType::Ping => again::<hello::Ping>(view.meta),
        FrameType::Pong => again::<hello::Pong>(view.meta),
        FrameType::Bye => again::<hello::Bye>(view.meta),
    }
}

fn recode_args(method: Method, args: &[u8]) -> Vec<u8> {
    match method {
        Method::SysInfo
        | Method::SysDevices
        | Method::SysLink
        | Method::LeaseRelease
        | Method::LeaseState
        | Method::BlobList
        | Method::BlobImportable
        | Method::NpuMixes
        | Method::NpuCounters
        | Method::NpuCapture
        | Method::NpuCaptured => again::<cbor::Nothing>(args),
        Method::NpuRegisters => again::<npu::RegistersArgs>(args),
        Method::NpuSubmit => again::<npu::SubmitWordsArgs>(args),
        Method::NpuDisassemble => again::<npu::DisassembleArgs>(args),
        Method::NpuListing => again::<npu::ListingArgs>(args),
        Method::NpuCaptureFile => again::<npu::CaptureFileArgs>(args),
        Method::SysEcho => again::<sys::EchoArgs>(args),
        Method::LeaseAcquire | Method::LeaseTake => again::<lease::LeaseArgs>(args),
        Method::BlobPin => again::<blob::PinArgs>(args),
        Method::BlobGc => again::<blob::GcArgs>(args),
        Method::BlobImport => again::<blob::ImportArgs>(args),
        Method::MemAlloc => again::<mem::Alloc>(args),
        Method::MemWrite => again::<mem::WriteArgs>(args),
        Method::MemRead | Method::MemDigest => again::<mem::RangeArgs>(args),
        Method::MemFill => again::<mem::FillArgs>(args),
        Method::MemSummary => again::<mem::SummaryArgs>(args),
        Method::TaskSubmit => again::<task::SubmitArgs>(args),
        Method::BlobHas => again::<blob::HasArgs>(args),
        Method::BlobBegin => again::<blob::BeginArgs>(args),
        Method::BlobPut => again::<blob::PutArgs>(args),
        Method::BlobCommit | Method::BlobRemove | Method::ModelLoad => again::<mem::OneDigest>(args),
        Method::InferOpen => again::<infer::OpenArgs>(args),
        Method::InferStep => again::<infer::StepArgs>(args),
        Method::InferGenerate => again::<infer::GenerateArgs>(args),
        Method::InferTensor => again::<infer::TensorArgs>(args),
        Method::InferReplace => again::<infer::ReplaceArgs>(args),
        Method::InferSummary => again::<infer::TensorSummaryArgs>(args),
        Method::InferRewind => again::<infer::RewindArgs>(args),
        _ => again::<call::OneHandle>(args),
    }
}

fn recode_reply(method: Method, meta: &[u8]) -> Vec<u8> {
    match method {
        Method::SysInfo => again::<call::Reply<sys::BoardInfo>>(meta),
        Method::SysDevices => again::<call::Reply<Vec<sys::Device>>>(meta),
        Method::MemAlloc | Method::TaskSubmit | Method::NpuSubmit => again::<call::Reply<call::OneHandle>>(meta),
        Method::NpuRegisters => again::<call::Reply<npu::RegisterBlock>>(meta),
        Method::NpuMixes => again::<call::Reply<npu::MixesResult>>(meta),
        Method::NpuAddress => again::<call::Reply<npu::AddressResult>>(meta),
        Method::NpuStep => again::<call::Reply<npu::StepResult>>(meta),
        Method::NpuCounters => again::<call::Reply<npu::CountersResult>>(meta),
        Method::NpuCaptured => again::<call::Reply<npu::CapturedResult>>(meta),
        Method::NpuCaptureFile => again::<call::Reply<npu::CaptureFileResult>>(meta),
        Method::MemSummary => again::<call::Reply<mem::Summary>>(meta),
        Method::MemDigest | Method::SysEcho => again::<call::Reply<mem::OneDigest>>(meta),
        Method::SysLink => again::<call::Reply<sys::LinkCounts>>(meta),
        Method::LeaseAcquire | Method::LeaseTake | Method::LeaseState => again::<call::Reply<lease::LeaseState>>(meta),
        Method::BlobGc => again::<call::Reply<blob::GcResult>>(meta),
        Method::BlobImport => again::<call::Reply<blob::ImportResult>>(meta),
        Method::BlobImportable => again::<call::Reply<blob::ImportableResult>>(meta),
        Method::TaskWait => again::<call::Reply<task::JobReport>>(meta),
        Method::BlobHas => again::<call::Reply<blob::HasResult>>(meta),
        Method::BlobBegin => again::<call::Reply<blob::BeginResult>>(meta),
        Method::BlobList => again::<call::Reply<blob::ListResult>>(meta),
        Method::ModelLoad => again::<call::Reply<model::LoadResult>>(meta),
        Method::InferOpen => again::<call::Reply<infer::OpenResult>>(meta),
        Method::InferStep | Method::InferRewind => again::<call::Reply<infer::StateResult>>(meta),
        Method::InferGenerate => again::<call::Reply<infer::GenerateResult>>(meta),
        Method::InferTensor => again::<call::Reply<infer::TensorInfo>>(meta),
        Method::InferSummary => again::<call::Reply<infer::TensorSummaryResult>>(meta),
        Method::InferSnapshot => again::<call::Reply<infer::PositionResult>>(meta),
        _ => again::<call::Reply<cbor::Nothing>>(meta),
    }
}

/// Appends messages that have no vector yet to the file; never touches one that is there.
#[test]
#[ignore = "writes the vectors file"]
fn append_vectors_of_new_messages() {
    let mut vectors = std::fs::read(path()).map_or(Vec::new(), |b| serde_json::from_slice::<Vec<Value>>(&b).unwrap());
    let known: HashSet<String> = vectors.iter().map(|v| v["name"].as_str().unwrap().to_owned()).collect();
    vectors.extend(cases().iter().filter(|c: &&Case| !known.contains(c.name)).map(as_json));
    let line = |v: &Value| {
        let field = |key: &str| format!("\"{key}\": {}", v[key]);
        format!(
            "  {{{}}}",
            ["name", "hex", "frame", "meta", "bodyHex"].map(field).join(", ")
        )
    };
    let lines: Vec<String> = vectors.iter().map(line).collect();
    std::fs::write(path(), format!("[\n{}\n]\n", lines.join(",\n"))).unwrap();
}
