//! The real `npulabd` on a pty that starts as a terminal does (canonical, echo): sessions, resume, keys, text on the line,
//! and a terminal that edits what it carries.

mod support;

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use link::cbor::{Encoded, Nothing, from_slice, to_vec};
use link::message::call::{Call, Fail, OneHandle};
use link::message::hello::{Bye, HelloBoard, HelloHost};
use link::message::mem::{Alloc, RangeArgs, WriteArgs};
use link::message::stream::{ConsoleEvent, Event, TOPIC_CONSOLE};
use link::message::sys::LinkCounts;
use link::secure::{self, Initiator, Key, Secured};
use link::uart::lanes::{self, MAX_LANES};
use link::uart::line::{Line, LineAction, Role};
use link::uart::mask::CUT_SEQUENCE;
use link::uart::pdu::Channel;
use link::{ErrorCode, Frame, FrameType, Method};
use minicbor::{Decode, Encode};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use support::{Folder, Process, answer, code, frame, noise, npulabd, start};

/// Nothing here takes so long; a test that does fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// The host's end of a pty, and what lies in the middle.
struct Host {
    master: OwnedFd,
    line: Line,
    start: Instant,
    secured: Option<Secured>,
    /// The lane that `send` and `receive` speak on, where the line is shared.
    lane: Option<u32>,
    frames: Vec<(Channel, Vec<u8>)>,
    text: String,
    opened: u32,
    next_call: u32,
    /// Behaves as StarryOS's terminal: cuts cursor requests from what the board writes, and answers them.
    terminal: bool,
}

fn serve(folder: &Folder, more: &[&str]) -> (Process, Host) {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    rustix::io::ioctl_fionbio(&master, true).unwrap();
    let (store, log) = (folder.0.join("store"), folder.0.join("agent.log"));
    let listen = format!("serial://{path}?baud=4000000");
    let (process, _) = start(npulabd().args(more), &listen, &store, &log);
    let host = Host {
        master,
        line: Line::new(Role::Host, std::process::id() | 1, None),
        start: Instant::now(),
        secured: None,
        lane: None,
        frames: Vec::new(),
        text: String::new(),
        opened: 0,
        next_call: 2,
        terminal: false,
    };
    (process, host)
}

impl Host {
    fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    /// Moves bytes until something is so.
    fn until<R>(&mut self, mut done: impl FnMut(&mut Self) -> Option<R>) -> R {
        let end = Instant::now() + PATIENCE;
        let mut buffer = vec![0; 4096];
        loop {
            while let Some(bytes) = self.line.poll(self.now_us()) {
                self.write(&bytes);
            }
            match rustix::io::read(&self.master, &mut buffer) {
                Ok(got) => self.take(buffer[..got].to_vec()),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::IO) => {}
                Err(error) => panic!("{error}"),
            }
            if let Some(result) = done(self) {
                return result;
            }
            assert!(Instant::now() < end, "it did not happen; text {:?}", self.text);
            let wait_us = self
                .line
                .wake_us()
                .map_or(100_000, |at| at.saturating_sub(self.now_us()).min(100_000));
            let timeout = Timespec {
                tv_sec: 0,
                tv_nsec: (wait_us * 1000) as i64,
            };
            let _ = poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&timeout));
        }
    }

    fn write(&mut self, mut bytes: &[u8]) {
        assert!(!bytes.windows(4).any(|w| w == CUT_SEQUENCE));
        while !bytes.is_empty() {
            match rustix::io::write(&self.master, bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(rustix::io::Errno::AGAIN) => {
                    let _ = poll(&mut [PollFd::new(&self.master, PollFlags::OUT)], None);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }

    fn take(&mut self, mut bytes: Vec<u8>) {
        if self.terminal {
            while let Some(at) = bytes.windows(4).position(|w| w == CUT_SEQUENCE) {
                bytes.drain(at..at + 4);
                self.write(b"\x1b[1;1R");
            }
        }
        let now_us = self.now_us();
        for action in self.line.receive(&bytes, now_us) {
            match action {
                LineAction::Open { .. } => self.opened += 1,
                LineAction::Frame(channel, bytes) => self.frames.push((channel, bytes)),
                LineAction::Console(text) => self.text.push_str(&text),
                LineAction::Broken(error) => panic!("{error}"),
            }
        }
    }

    fn open(&mut self) {
        let before = self.opened;
        self.line.start(self.now_us());
        self.until(|host| (host.opened > before).then_some(()));
    }

    /// Offers lanes in the first frame.
    fn share(&mut self) {
        self.line.send(Channel::Control, lanes::offer(0).to_vec());
        let answer = self.next_bytes().1;
        assert_eq!(lanes::read_offer(&answer), Some(MAX_LANES));
    }

    /// Ends a lane.
    fn end_lane(&mut self, lane: u32) {
        self.line.send(Channel::Control, lanes::tag(Vec::new(), lane));
    }

    fn handshake(&mut self, key: &Key) {
        let (initiator, first) = Initiator::begin(key).unwrap();
        let mut hello = secure::preface(secure::key_id(key)).to_vec();
        hello.extend_from_slice(&first);
        if let Some(lane) = self.lane {
            hello = lanes::tag(hello, lane);
        }
        self.line.send(Channel::Control, hello);
        let second = self.next_bytes().1;
        self.secured = Some(initiator.finish(&second).unwrap());
    }

    fn send(&mut self, frame: &Frame) {
        let channel = if frame.view().body.is_empty() {
            Channel::Control
        } else {
            Channel::Bulk
        };
        let mut record = Vec::new();
        match &mut self.secured {
            Some(secured) => secured.sealer.seal(channel, frame.bytes(), &mut record).unwrap(),
            None => record.extend_from_slice(frame.bytes()),
        }
        if let Some(lane) = self.lane {
            record = lanes::tag(record, lane);
        }
        self.line.send(channel, record);
    }

    /// The next frame, on the lane of the moment where the line is shared.
    fn next_bytes(&mut self) -> (Channel, Vec<u8>) {
        self.until(|host| {
            let lane = host.lane;
            let mine = |(_, bytes): &(Channel, Vec<u8>)| {
                lane.is_none() || lanes::untag(bytes.clone()).map(|(number, _)| number) == lane
            };
            let at = host.frames.iter().position(mine)?;
            let (channel, bytes) = host.frames.remove(at);
            match lane {
                Some(_) => Some((channel, lanes::untag(bytes)?.1)),
                None => Some((channel, bytes)),
            }
        })
    }

    fn receive(&mut self) -> Frame {
        let (channel, bytes) = self.next_bytes();
        let mut plain = Vec::new();
        match &mut self.secured {
            Some(secured) => secured.opener.open(channel, &bytes, &mut plain).unwrap(),
            None => plain = bytes,
        }
        Frame::from_bytes(plain).unwrap()
    }

    fn hello(&mut self, token: Option<[u8; 16]>) -> HelloBoard {
        let hello = HelloHost {
            protocol_min: 1,
            protocol_current: 1,
            client: "test".into(),
            wall_us: 0,
            token: token.map(Into::into),
            streams: None,
            capabilities: Some(vec!["body.deflate".into()]),
        };
        self.send(&frame(FrameType::Hello, 0, 0, &to_vec(&hello), &[]));
        from_slice(self.receive().view().meta).unwrap()
    }

    fn call<R: for<'b> Decode<'b, ()>>(
        &mut self,
        method: Method,
        args: &impl Encode<()>,
        body: &[u8],
    ) -> Result<(R, Vec<u8>), Fail> {
        let id = self.next_call;
        self.next_call += 2;
        let args = Encoded(to_vec(args));
        let meta = to_vec(&Call {
            args,
            deadline_ms: None,
            inflated_bytes: None,
        });
        self.send(&frame(FrameType::Call, method as u16, id, &meta, body));
        loop {
            let got = self.receive();
            if got.view().head.call_id == id {
                return answer(&link::deflate::inflate(got, 1 << 20).unwrap());
            }
        }
    }

    /// Writes and reads back some bytes in a buffer of its own.
    fn exercise(&mut self, data: &[u8]) -> OneHandle {
        let size_bytes = data.len() as u64;
        let (buffer, _) = self
            .call::<OneHandle>(Method::MemAlloc, &Alloc { size_bytes }, &[])
            .unwrap();
        for (index, piece) in data.chunks(16 * 1024).enumerate() {
            let args = WriteArgs {
                handle: buffer.handle,
                offset_bytes: index as u64 * 16 * 1024,
            };
            self.call::<Nothing>(Method::MemWrite, &args, piece).unwrap();
        }
        assert_eq!(
            self.read(buffer, 0, data.len().min(16 * 1024)),
            data[..data.len().min(16 * 1024)]
        );
        buffer
    }

    fn read(&mut self, buffer: OneHandle, offset_bytes: u64, length: usize) -> Vec<u8> {
        let args = RangeArgs {
            handle: buffer.handle,
            offset_bytes,
            length_bytes: length as u64,
        };
        self.call::<Nothing>(Method::MemRead, &args, &[]).unwrap().1
    }
}

#[test]
fn a_session_on_a_serial_line_is_the_same_as_on_tcp_and_goes_on_after_the_host_began_anew() {
    let folder = Folder::new();
    let (_process, mut host) = serve(&folder, &[]);
    host.open();
    let hello = host.hello(None);
    assert_eq!(
        (hello.limits.max_body_bytes, hello.grace_ms, hello.resumed),
        (16_384, 120_000, false)
    );
    assert!(host.text.contains("\"npulabd\":1"), "the hello line: {:?}", host.text);
    let data = noise(50_000, 3);
    let buffer = host.exercise(&data);
    assert_eq!(host.read(buffer, 30_000, 16_384), data[30_000..46_384]);
    let too_much = RangeArgs {
        handle: buffer.handle,
        offset_bytes: 0,
        length_bytes: 16_385,
    };
    assert_eq!(
        code(host.call::<Nothing>(Method::MemRead, &too_much, &[])),
        ErrorCode::TooLarge
    );
    // The host's program dies and starts again: a new epoch, the old token.
    host.line = Line::new(Role::Host, 0x1234_5678, None);
    host.frames.clear();
    host.open();
    assert!(host.hello(Some(*hello.token)).resumed);
    assert_eq!(host.read(buffer, 0, 16), data[..16]);
    let (counts, _) = host.call::<LinkCounts>(Method::SysLink, &Nothing {}, &[]).unwrap();
    assert_eq!((counts.transport.as_str(), counts.secured), ("serial", false));
    assert!(counts.received_pdus > 50 && counts.sent_pdus > 20, "{counts:?}");
}

#[test]
fn bodies_that_shrink_are_deflated_on_the_line() {
    let folder = Folder::new();
    let (_process, mut host) = serve(&folder, &[]);
    host.open();
    host.hello(None);
    let buffer = host.exercise(&[5; 16_384]);
    let before = host.line.counts().received_pdus;
    assert_eq!(host.read(buffer, 0, 16_384), [5; 16_384]);
    assert!(
        host.line.counts().received_pdus - before < 8,
        "16 KiB of one value came in few PDUs"
    );
}

#[test]
fn a_terminal_that_edits_the_line_costs_nothing_and_text_on_it_becomes_an_event() {
    let folder = Folder::new();
    let (_process, mut host) = serve(&folder, &[]);
    host.terminal = true;
    host.open();
    host.hello(None);
    host.exercise(&CUT_SEQUENCE.repeat(4_000));
    host.write(b"\0[    1.5] npu: up\r\n\0");
    let event = loop {
        let got = host.receive();
        if got.view().head.method == TOPIC_CONSOLE {
            break from_slice::<Event<ConsoleEvent>>(got.view().meta).unwrap();
        }
    };
    assert_eq!(event.payload.text, "[    1.5] npu: up\r\n");
}

#[test]
fn with_a_key_the_line_is_sealed_and_without_it_nobody_is_served() {
    let folder = Folder::new();
    let path = folder.0.join("key");
    agent::access::create(&path).unwrap();
    let key = agent::access::read(&path).unwrap();
    let (_process, mut host) = serve(&folder, &["--key", path.to_str().unwrap()]);
    host.open();
    host.send(&frame(FrameType::Hello, 0, 0, &[0xa0], &[]));
    let bye: Bye = from_slice(host.receive().view().meta).unwrap();
    assert!(bye.reason.starts_with("denied"), "{}", bye.reason);
    host.line = Line::new(Role::Host, 0x0bad_cafe, None);
    host.frames.clear();
    host.open();
    host.handshake(&key);
    host.hello(None);
    host.exercise(&noise(40_000, 4));
    let (counts, _) = host.call::<LinkCounts>(Method::SysLink, &Nothing {}, &[]).unwrap();
    assert!(counts.secured);
}

#[test]
fn an_agent_that_was_killed_is_noticed_by_its_new_epoch() {
    let folder = Folder::new();
    let (mut process, mut host) = serve(&folder, &[]);
    host.open();
    let first = host.hello(None);
    process.0.kill().unwrap();
    process.0.wait().unwrap();
    // The same pty, a new agent: its first SYN tells of the reset without any timeout of the session.
    let path = ptsname(&host.master, Vec::new()).unwrap().into_string().unwrap();
    let (store, log) = (folder.0.join("store"), folder.0.join("agent2.log"));
    let listen = format!("serial://{path}?baud=4000000");
    let (_process, _) = start(&mut npulabd(), &listen, &store, &log);
    host.until(|host| (host.opened == 2).then_some(()));
    host.frames.clear();
    let second = host.hello(Some(*first.token));
    assert!(!second.resumed);
    assert_ne!(second.boot_id, first.boot_id);
}

#[test]
fn lanes_have_sessions_of_their_own_and_one_that_ends_leaves_the_others() {
    let folder = Folder::new();
    let (_process, mut host) = serve(&folder, &[]);
    host.open();
    host.share();
    host.lane = Some(1);
    let first = host.hello(None);
    let buffer = host.exercise(&noise(20_000, 5));
    host.lane = Some(2);
    let second = host.hello(None);
    assert_ne!(first.token, second.token);
    // The first lane's handle means nothing here: the sessions share the line, not what they hold.
    let theirs = RangeArgs {
        handle: buffer.handle,
        offset_bytes: 0,
        length_bytes: 16,
    };
    assert_eq!(
        code(host.call::<Nothing>(Method::MemRead, &theirs, &[])),
        ErrorCode::StaleHandle
    );
    // The first program dies and comes back on a lane of its own, with its token; the second notices nothing.
    host.end_lane(1);
    let mine = host.exercise(&[9; 4_096]);
    host.lane = Some(3);
    assert!(host.hello(Some(*first.token)).resumed);
    assert_eq!(host.read(buffer, 0, 16), noise(20_000, 5)[..16]);
    host.lane = Some(2);
    assert_eq!(host.read(mine, 0, 4_096), [9; 4_096]);
    // What comes late for a lane that has ended is dropped, and opens nothing.
    host.lane = Some(1);
    host.send(&frame(FrameType::Hello, 0, 0, &[0xa0], &[]));
    host.lane = Some(2);
    assert_eq!(host.read(mine, 0, 16), [9; 16]);
    assert!(host.frames.is_empty(), "{:?}", host.frames);
}

#[test]
fn a_lane_that_breaks_the_rules_is_ended_alone_and_one_too_many_at_once() {
    let folder = Folder::new();
    let (_process, mut host) = serve(&folder, &[]);
    host.open();
    host.share();
    host.lane = Some(1);
    host.hello(None);
    let mine = host.exercise(&[9; 4_096]);
    host.lane = Some(2);
    host.send(&frame(FrameType::Ping, 0, 0, &[0xa0], &[]));
    let bye: Bye = from_slice(host.receive().view().meta).unwrap();
    assert!(bye.reason.starts_with("badArgument"), "{}", bye.reason);
    assert!(host.next_bytes().1.is_empty(), "its end follows");
    for lane in 3..=MAX_LANES + 1 {
        host.lane = Some(lane);
        host.hello(None);
    }
    host.lane = Some(MAX_LANES + 2);
    host.send(&frame(FrameType::Hello, 0, 0, &[0xa0], &[]));
    assert!(host.next_bytes().1.is_empty());
    host.lane = Some(1);
    assert_eq!(host.read(mine, 0, 16), [9; 16]);
}

#[test]
fn each_lane_shows_a_key_of_its_own() {
    let folder = Folder::new();
    let path = folder.0.join("key");
    agent::access::create(&path).unwrap();
    let key = agent::access::read(&path).unwrap();
    let (_process, mut host) = serve(&folder, &["--key", path.to_str().unwrap()]);
    host.open();
    host.share();
    host.lane = Some(1);
    host.send(&frame(FrameType::Hello, 0, 0, &[0xa0], &[]));
    let bye: Bye = from_slice(host.receive().view().meta).unwrap();
    assert!(bye.reason.starts_with("denied"), "{}", bye.reason);
    host.lane = Some(2);
    host.handshake(&key);
    host.hello(None);
    host.exercise(&noise(40_000, 6));
    let sealed = host.secured.take();
    host.lane = Some(3);
    host.handshake(&key);
    host.hello(None);
    host.exercise(&noise(10_000, 7));
    (host.lane, host.secured) = (Some(2), sealed);
    let (counts, _) = host.call::<LinkCounts>(Method::SysLink, &Nothing {}, &[]).unwrap();
    assert!(counts.secured);
}
