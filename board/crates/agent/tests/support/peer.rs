//! A host that speaks frames, whatever carries them.

use link::cbor::{Digest, Encoded, Nothing, from_slice, to_vec};
use link::frame::{Flags, Head};
use link::message::blob::*;
use link::message::call::{Call, Fail, Handle, OneHandle, Reply};
use link::message::hello::{Bye, HelloBoard, HelloHost, Limits, Ping, StreamPosition};
use link::message::lease::LeaseArgs;
use link::message::mem::*;
use link::{ErrorCode, Frame, FrameType, Method};
use minicbor::{Decode, Encode};

use super::bytes::sha;
use super::tcp::Tcp;

/// What carries frames.
pub trait Wire {
    /// What a host on it offers in HELLO.
    const CAPABILITIES: &'static [&'static str];

    fn send(&mut self, frame: &Frame);

    /// The next frame; `None` where the agent closed the connection.
    fn receive(&mut self) -> Option<Frame>;
}

pub struct Peer<W = Tcp> {
    pub wire: W,
    pub hello: HelloBoard,
    pub next_call: u32,
}

pub fn frame(kind: FrameType, method: u16, call_id: u32, meta: &[u8], body: &[u8]) -> Frame {
    Frame::build(
        Head {
            kind,
            flags: Flags(0),
            method,
            call_id,
        },
        meta,
        body,
    )
    .unwrap()
}

impl<W: Wire> Peer<W> {
    /// A peer that has said nothing.
    pub fn over(wire: W) -> Self {
        let hello = HelloBoard {
            protocol_min: 0,
            protocol_current: 0,
            agent: String::new(),
            boot_id: [0; 8].into(),
            token: [0; 16].into(),
            resumed: false,
            limits: Limits {
                max_frame_bytes: 0,
                max_in_flight: 0,
                max_body_bytes: 0,
            },
            ticks_hz: 0,
            capabilities: Vec::new(),
            grace_ms: 0,
            read_only: None,
        };
        Self {
            wire,
            hello,
            next_call: 2,
        }
    }

    /// Says HELLO, with the token of a session that is to go on.
    pub fn greet(&mut self, token: Option<[u8; 16]>, streams: &[StreamPosition]) -> HelloBoard {
        let capabilities: Vec<String> = W::CAPABILITIES.iter().map(|name| (*name).into()).collect();
        let hello = HelloHost {
            protocol_min: 1,
            protocol_current: 1,
            client: "test".into(),
            wall_us: 0,
            token: token.map(Into::into),
            streams: (!streams.is_empty()).then(|| streams.to_vec()),
            capabilities: (!capabilities.is_empty()).then_some(capabilities),
        };
        self.send(&frame(FrameType::Hello, 0, 0, &to_vec(&hello), &[]));
        self.hello = from_slice(self.receive().unwrap().view().meta).unwrap();
        self.hello.clone()
    }

    pub fn token(&self) -> [u8; 16] {
        *self.hello.token
    }

    pub fn send(&mut self, frame: &Frame) {
        self.wire.send(frame);
    }

    /// The next frame; `None` where the agent closed the connection.
    pub fn receive(&mut self) -> Option<Frame> {
        self.wire.receive()
    }

    pub fn begin(&mut self, method: Method, args: &impl Encode<()>, deadline_ms: Option<u64>, body: &[u8]) -> u32 {
        let id = self.next_call;
        self.next_call += 2;
        self.begin_as(id, method, args, deadline_ms, body);
        id
    }

    pub fn begin_as(&mut self, id: u32, method: Method, args: &impl Encode<()>, deadline_ms: Option<u64>, body: &[u8]) {
        let meta = to_vec(&Call {
            args: Encoded(to_vec(args)),
            deadline_ms,
            inflated_bytes: None,
        });
        self.send(&frame(FrameType::Call, method as u16, id, &meta, body));
    }

    /// The frame that ends a call; what comes before it is handed to `other`.
    pub fn end_of(&mut self, id: u32, mut other: impl FnMut(&mut Self, Frame)) -> Frame {
        loop {
            let frame = self.receive().expect("the agent closed the connection");
            let head = frame.view().head;
            if head.call_id == id && matches!(head.kind, FrameType::Reply | FrameType::Fail) {
                return frame;
            }
            other(self, frame);
        }
    }

    pub fn call_body<R: for<'b> Decode<'b, ()>>(
        &mut self,
        method: Method,
        args: &impl Encode<()>,
        body: &[u8],
    ) -> Result<(R, Vec<u8>), Fail> {
        let id = self.begin(method, args, None, body);
        answer(&self.end_of(id, |_, _| {}))
    }

    pub fn call<R: for<'b> Decode<'b, ()>>(&mut self, method: Method, args: &impl Encode<()>) -> Result<R, Fail> {
        self.call_body(method, args, &[]).map(|(result, _)| result)
    }

    pub fn alloc(&mut self, size_bytes: u64) -> Handle {
        self.call::<OneHandle>(Method::MemAlloc, &Alloc { size_bytes })
            .unwrap()
            .handle
    }

    pub fn write(&mut self, handle: Handle, offset_bytes: u64, body: &[u8]) -> Result<(), Fail> {
        self.call_body::<Nothing>(Method::MemWrite, &WriteArgs { handle, offset_bytes }, body)
            .map(drop)
    }

    pub fn read(&mut self, handle: Handle, offset_bytes: u64, length_bytes: u64) -> Result<Vec<u8>, Fail> {
        let args = RangeArgs {
            handle,
            offset_bytes,
            length_bytes,
        };
        self.call_body::<Nothing>(Method::MemRead, &args, &[])
            .map(|(_, body)| body)
    }

    pub fn blob_begin(&mut self, bytes: &[u8], chunk_bytes: u32) -> Result<Vec<u8>, Fail> {
        let digests: Vec<u8> = bytes.chunks(chunk_bytes as usize).flat_map(|c| *sha(c)).collect();
        let args = BeginArgs {
            digest: sha(bytes),
            size_bytes: bytes.len() as u64,
            chunk_bytes,
            chunk_digests: digests.into(),
            chunk_list: None,
        };
        self.call::<BeginResult>(Method::BlobBegin, &args)
            .map(|r| r.bitmap.to_vec())
    }

    pub fn blob_put(&mut self, id: Digest, index: u32, chunk: &[u8]) -> Result<(), Fail> {
        self.call_body::<Nothing>(Method::BlobPut, &PutArgs { digest: id, index }, chunk)
            .map(drop)
    }

    pub fn blob_commit(&mut self, id: Digest) -> Result<(), Fail> {
        self.call::<Nothing>(Method::BlobCommit, &OneDigest { digest: id })
            .map(drop)
    }

    pub fn upload(&mut self, bytes: &[u8]) -> Digest {
        self.upload_in(bytes, self.hello.limits.max_body_bytes.min(256 * 1024))
    }

    /// Uploads in chunks of a size.
    pub fn upload_in(&mut self, bytes: &[u8], chunk_bytes: u32) -> Digest {
        self.blob_begin(bytes, chunk_bytes).unwrap();
        for (index, chunk) in bytes.chunks(chunk_bytes as usize).enumerate() {
            self.blob_put(sha(bytes), index as u32, chunk).unwrap();
        }
        self.blob_commit(sha(bytes)).unwrap();
        sha(bytes)
    }

    /// Sends a PING and waits for its PONG.
    pub fn ping(&mut self) {
        self.send(&frame(FrameType::Ping, 0, 0, &to_vec(&Ping { host_us: 1 }), &[]));
        while self.receive().unwrap().view().head.kind != FrameType::Pong {}
    }

    pub fn bye(mut self) {
        self.send(&frame(
            FrameType::Bye,
            0,
            0,
            &to_vec(&Bye {
                reason: "done".into(),
                ..Bye::default()
            }),
            &[],
        ));
        while self.receive().is_some() {}
    }
}

pub fn answer<R: for<'b> Decode<'b, ()>>(frame: &Frame) -> Result<(R, Vec<u8>), Fail> {
    let view = frame.view();
    if view.head.kind == FrameType::Fail {
        return Err(from_slice(view.meta).unwrap());
    }
    let reply: Reply<R> = from_slice(view.meta).unwrap();
    Ok((reply.result, view.body.to_vec()))
}

pub fn code<R: std::fmt::Debug>(result: Result<R, Fail>) -> ErrorCode {
    result.expect_err("this call must fail").code
}

/// Arguments of lease.acquire and lease.take.
pub fn lease(who: &str, wait_ms: u64) -> LeaseArgs {
    LeaseArgs {
        ttl_ms: 10_000,
        who: who.into(),
        why: "test".into(),
        wait_ms,
    }
}
