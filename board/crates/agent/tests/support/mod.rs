//! An agent in this process on a loopback port, and a peer that speaks frames. Reads are blocking, nothing sleeps.

#![allow(dead_code, unused_imports)]

mod hung;
mod process;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use agent::access::Keys;
use agent::backend::{self, Backend};
use agent::clock::{Clock, ManualClock};
use agent::log::Log;
use agent::server::{Listener, Server, bind};
use agent::{Agent, Config};
use link::cbor::{Digest, Encoded, Nothing, from_slice, to_vec};
use link::frame::{Flags, Head};
use link::message::blob::*;
use link::message::call::{Call, Fail, Handle, OneHandle, Reply};
use link::message::hello::{Bye, HelloBoard, HelloHost, StreamPosition};
use link::message::mem::*;
use link::secure::{self, HANDSHAKE_BYTES, Initiator, Key, Secured, TAG_BYTES};
use link::uart::pdu::Channel;
use link::{Deframer, ErrorCode, Frame, FrameType, Method};
use minicbor::{Decode, Encode};
use sha2::Digest as _;

pub use hung::{hung_rig, submit_any};
pub use process::{Process, address, npulabd, start};

/// A folder that goes away.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::SeqCst);
        let path = std::env::temp_dir().join(format!("npulabd-test-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// An agent whose time moves when told to.
pub struct Rig {
    pub agent: Arc<Agent>,
    pub clock: Arc<ManualClock>,
    pub address: SocketAddr,
    pub folder: Folder,
    _server: Server,
}

pub struct Setup {
    pub backend: Backend,
    pub quota_bytes: u64,
    pub memory_bytes: Option<u64>,
    pub keys: Keys,
    pub imports: Option<PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            backend: backend::open("cpu").unwrap(),
            quota_bytes: 1 << 30,
            memory_bytes: None,
            keys: Keys::default(),
            imports: None,
        }
    }
}

impl Rig {
    pub fn new() -> Self {
        Self::with(Setup::default())
    }

    pub fn with(setup: Setup) -> Self {
        let (folder, clock) = (Folder::new(), Arc::new(ManualClock::default()));
        let time: Arc<dyn Clock> = clock.clone();
        let listener = bind("127.0.0.1:0".parse().unwrap(), false).unwrap();
        let agent = Agent::start(Config {
            boot_id: Agent::new_boot_id().unwrap(),
            backend: setup.backend,
            store: folder.0.clone(),
            quota_bytes: setup.quota_bytes,
            memory_bytes: setup.memory_bytes,
            grace_ms: 30_000,
            address: "tcp://test".into(),
            terminals: "/nowhere".into(),
            log: Arc::new(Log::none(time.clone())),
            clock: time,
            keys: setup.keys,
            imports: setup.imports,
        })
        .unwrap();
        let server = Server::start(agent.clone(), vec![Listener::Tcp(listener)], false).unwrap();
        Self {
            agent,
            clock,
            address: server.addresses()[0],
            folder,
            _server: server,
        }
    }

    pub fn peer(&self) -> Peer {
        Peer::open(self.address, None, &[])
    }

    /// Waits until the agent itself says so; it says so in a bounded number of steps.
    pub fn until(&self, mut done: impl FnMut(&Agent) -> bool) {
        let end = std::time::Instant::now() + Duration::from_secs(20);
        while !done(&self.agent) {
            assert!(std::time::Instant::now() < end, "it did not happen");
            self.agent.tick();
            std::thread::yield_now();
        }
    }
}

/// A host that speaks frames.
pub struct Peer {
    pub stream: TcpStream,
    pub hello: HelloBoard,
    deframer: Deframer,
    input: Vec<u8>,
    secured: Option<Secured>,
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

impl Peer {
    pub fn raw(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.set_nodelay(true).unwrap();
        let hello = HelloBoard {
            protocol_min: 0,
            protocol_current: 0,
            agent: String::new(),
            boot_id: [0; 8].into(),
            token: [0; 16].into(),
            resumed: false,
            limits: link::message::hello::Limits {
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
            stream,
            hello,
            deframer: Deframer::new(1 << 20),
            input: Vec::new(),
            secured: None,
            next_call: 2,
        }
    }

    pub fn open(address: SocketAddr, token: Option<[u8; 16]>, streams: &[StreamPosition]) -> Self {
        let mut peer = Self::raw(address);
        peer.greet(token, streams);
        peer
    }

    /// A peer that shows a key; `None` where the agent closed the connection instead.
    pub fn with_key(address: SocketAddr, key: &Key) -> Option<Self> {
        let mut peer = Self::raw(address);
        let (initiator, first) = Initiator::begin(key).unwrap();
        let mut wire = secure::preface(secure::key_id(key)).to_vec();
        wire.extend_from_slice(&(first.len() as u32).to_le_bytes());
        wire.extend_from_slice(&first);
        peer.stream.write_all(&wire).unwrap();
        let mut answer = [0; 4 + HANDSHAKE_BYTES];
        peer.stream.read_exact(&mut answer).ok()?;
        peer.secured = Some(initiator.finish(&answer[4..]).unwrap());
        peer.greet(None, &[]);
        Some(peer)
    }

    fn greet(&mut self, token: Option<[u8; 16]>, streams: &[StreamPosition]) {
        let hello = HelloHost {
            protocol_min: 1,
            protocol_current: 1,
            client: "test".into(),
            wall_us: 0,
            token: token.map(Into::into),
            streams: (!streams.is_empty()).then(|| streams.to_vec()),
            capabilities: None,
        };
        self.send(&frame(FrameType::Hello, 0, 0, &to_vec(&hello), &[]));
        self.hello = from_slice(self.receive().unwrap().view().meta).unwrap();
    }

    pub fn token(&self) -> [u8; 16] {
        *self.hello.token
    }

    pub fn send(&mut self, frame: &Frame) {
        let mut bytes = (frame.bytes().len() as u32).to_le_bytes().to_vec();
        bytes.extend_from_slice(frame.bytes());
        let Some(secured) = &mut self.secured else {
            return self.stream.write_all(&bytes).unwrap();
        };
        for piece in bytes.chunks(60_000) {
            let mut record = ((piece.len() + TAG_BYTES) as u32).to_le_bytes().to_vec();
            secured.sealer.seal(Channel::Control, piece, &mut record).unwrap();
            self.stream.write_all(&record).unwrap();
        }
    }

    /// The next frame; `None` where the agent closed the connection.
    pub fn receive(&mut self) -> Option<Frame> {
        loop {
            let mut input = self.input.as_slice();
            let frame = self.deframer.feed(&mut input).unwrap();
            self.input = input.to_vec();
            if frame.is_some() {
                return frame;
            }
            if let Some(secured) = &mut self.secured {
                let mut length = [0; 4];
                self.stream.read_exact(&mut length).ok()?;
                let mut record = vec![0; u32::from_le_bytes(length) as usize];
                self.stream.read_exact(&mut record).ok()?;
                secured.opener.open(Channel::Control, &record, &mut self.input).unwrap();
                continue;
            }
            let mut buffer = vec![0; 64 * 1024];
            match self.stream.read(&mut buffer) {
                Ok(0) | Err(_) => return None,
                Ok(got) => self.input.extend_from_slice(&buffer[..got]),
            }
        }
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
        self.blob_begin(bytes, 256 * 1024).unwrap();
        for (index, chunk) in bytes.chunks(256 * 1024).enumerate() {
            self.blob_put(sha(bytes), index as u32, chunk).unwrap();
        }
        self.blob_commit(sha(bytes)).unwrap();
        sha(bytes)
    }

    pub fn bye(mut self) {
        self.send(&frame(
            FrameType::Bye,
            0,
            0,
            &to_vec(&Bye { reason: "done".into() }),
            &[],
        ));
        while self.receive().is_some() {}
    }
}

pub fn sha(bytes: &[u8]) -> Digest {
    let digest: [u8; 32] = sha2::Sha256::digest(bytes).into();
    digest.into()
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

pub fn bitmap_has(bitmap: &[u8], index: usize) -> bool {
    bitmap[index / 8] >> (index % 8) & 1 == 1
}

/// Bytes that look random and are the same every time.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| next()).collect()
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .canonicalize()
        .unwrap()
        .join("../../..")
}

/// Uploads the default model and gives the digest of its manifest.
pub fn upload_tiny_model(peer: &mut Peer) -> Digest {
    let folder = repository().join("quant/models/tiny");
    let mut entries = Vec::new();
    for name in ["config.json", "model.safetensors", "tokenizer.model"] {
        let bytes = std::fs::read(folder.join(name)).unwrap();
        let hex = agent::store::hex(&*peer.upload(&bytes));
        entries.push(format!(
            "\"{name}\":{{\"sha256\":\"{hex}\",\"sizeBytes\":{}}}",
            bytes.len()
        ));
    }
    let files = entries.join(",");
    peer.upload(format!("{{\"files\":{{{files}}},\"format\":\"npulab.model.v1\",\"name\":\"tiny\"}}").as_bytes())
}
