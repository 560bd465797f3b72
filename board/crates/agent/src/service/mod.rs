//! From a CALL frame to whoever serves it. The table of methods is `link::Method`; each family has a file here.
//!
//! What is cheap is answered by the reader thread; the rest is queued. Every path ends in exactly one answer.

mod blob;
mod infer;
mod lease;
mod mem;
mod model;
mod npu;
mod product;
mod sys;
mod task;

use std::sync::Arc;

use link::cbor::{from_slice, to_vec};
use link::frame::{Flags, Head};
use link::message::call::CallView;
use link::{Access, ErrorCode, Frame, FrameType, Method};
use minicbor::Decode;

use crate::access::Rights;
use crate::agent::Agent;
use crate::call::{Answers, Call};
use crate::connection::Connection;
use crate::failure::Failure;
use crate::queue::guarded;
use crate::room::Room;
use crate::session::{Admission, Session};
use crate::work::{Next, Work};

/// A call being served: its arguments are the frame's.
pub(crate) struct Request<'a> {
    agent: &'a Arc<Agent>,
    session: &'a Arc<Session>,
    call: Arc<Call>,
    frame: Frame,
    connection: &'a Connection,
}

impl Request<'_> {
    fn args<T: for<'b> Decode<'b, ()>>(&self) -> Result<T, Failure> {
        Ok(from_slice(CallView::parse(self.frame.view().meta)?.args)?)
    }

    fn session(&self) -> &Arc<Session> {
        self.session
    }

    /// Has `run` answer the call on the device thread.
    fn on_device(
        self,
        run: impl FnOnce(&mut Room, &Arc<Call>, &[u8]) -> Result<(), Failure> + Send + 'static,
    ) -> Result<(), Failure> {
        let (call, frame) = (Arc::clone(&self.call), self.frame);
        self.agent.to_device(Work::for_call(&self.call, move |room| {
            if let Err(failure) = run(room, &call, frame.view().body) {
                call.fail(failure);
            }
            Next::Done
        }))
    }
}

/// Serves one CALL frame.
pub fn call(agent: &Arc<Agent>, session: &Arc<Session>, connection: &Connection, frame: Frame) {
    let head = frame.view().head;
    let Some(method) = Method::from_number(head.method) else {
        let failure = Failure::new(ErrorCode::Unsupported, format!("no method {:#06x}", head.method))
            .number("method", u64::from(head.method));
        let head = Head {
            kind: FrameType::Fail,
            flags: Flags(0),
            ..head
        };
        Frame::build(head, &to_vec(&failure.meta()), &[])
            .into_iter()
            .for_each(|frame| session.send(frame, false));
        return;
    };
    let deadline_ms = CallView::parse(frame.view().meta)
        .ok()
        .and_then(|view| view.deadline_ms);
    let deadline_ns = deadline_ms.map(|ms| agent.clock.now_ns().saturating_add(ms.saturating_mul(1_000_000)));
    let answers = Arc::clone(session) as Arc<dyn Answers>;
    let call = Arc::new(Call::new(session.number, answers, head.call_id, method, deadline_ns));
    if head.call_id == 0 || head.call_id % 2 == 1 {
        call.fail(Failure::bad_argument(format!(
            "call id {} is not even and above 0",
            head.call_id
        )));
        return;
    }
    match session.admit(&call) {
        Ok(Admission::Run) => {
            let request = Request {
                agent,
                session,
                call: Arc::clone(&call),
                frame,
                connection,
            };
            let serve = || may(agent, session, method).and_then(|()| serve(method, request));
            if let Some(Err(failure)) = guarded(Some(&call), serve) {
                call.fail(failure);
            }
        }
        Ok(Admission::Done) => {}
        Err(failure) => drop(call.fail(failure)),
    }
}

/// Whether the session's key and the lease allow the method.
fn may(agent: &Agent, session: &Session, method: Method) -> Result<(), Failure> {
    let access = method.access();
    if session.facts().rights == Rights::ReadOnly && access != Access::Reads {
        let cause = format!("{} changes the board, and the key in use only reads", method.name());
        return Err(Failure::new(ErrorCode::Denied, cause).remedy("Connect with the board's full key."));
    }
    if access == Access::Changes {
        agent.lease_admits(session.number)?;
    }
    Ok(())
}

fn serve(method: Method, request: Request) -> Result<(), Failure> {
    match method {
        Method::SysInfo => sys::info(request),
        Method::SysDevices => sys::devices(request),
        Method::MemAlloc => mem::alloc(request),
        Method::MemFree => mem::free(request),
        Method::MemWrite => mem::write(request),
        Method::MemRead => mem::read(request),
        Method::MemFill => mem::fill(request),
        Method::MemSummary => mem::summary(request),
        Method::MemDigest => mem::digest(request),
        Method::TaskSubmit => task::submit(request),
        Method::TaskWait => task::wait(request),
        Method::BlobHas => blob::has(request),
        Method::BlobBegin => blob::begin(request),
        Method::BlobPut => blob::put(request),
        Method::BlobCommit => blob::commit(request),
        Method::BlobList => blob::list(request),
        Method::ModelLoad => model::load(request),
        Method::ModelUnload => model::unload(request),
        Method::ModelOperators => model::operators(request),
        Method::InferOpen => infer::open(request),
        Method::InferStep => infer::step(request),
        Method::InferGenerate => infer::generate(request),
        Method::InferTensor => infer::tensor(request),
        Method::InferReplace => infer::replace(request),
        Method::InferSummary => infer::summary(request),
        Method::InferSnapshot => infer::snapshot(request),
        Method::InferRewind => infer::rewind(request),
        Method::InferClose => infer::close(request),
        Method::NpuRegisters => npu::registers(request),
        Method::NpuMixes => npu::mixes(request),
        Method::NpuAddress => npu::address(request),
        Method::NpuSubmit => npu::submit(request),
        Method::NpuStep => npu::step(request),
        Method::NpuCounters => npu::counters(request),
        Method::NpuDisassemble => npu::disassemble(request),
        Method::NpuListing => npu::listing(request),
        Method::NpuCapture => npu::capture(request),
        Method::NpuCaptured => npu::captured(request),
        Method::NpuCaptureFile => npu::capture_file(request),
        Method::SysEcho => sys::echo(request),
        Method::SysLink => sys::link(request),
        Method::LeaseAcquire => lease::acquire(request),
        Method::LeaseRelease => lease::release(request),
        Method::LeaseTake => lease::take(request),
        Method::LeaseState => lease::state(request),
        Method::BlobPin => blob::pin(request),
        Method::BlobRemove => blob::remove(request),
        Method::BlobGc => blob::gc(request),
        Method::BlobImport => blob::import_file(request),
        Method::BlobImportable => blob::importable(request),
    }
}
