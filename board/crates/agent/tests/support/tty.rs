//! The host's end of a pty that starts as a terminal does (canonical, echo), with what lies in the middle: a terminal that
//! edits what it carries, or a bad line.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use link::Frame;
use link::secure::{self, Initiator, Key, Secured};
use link::uart::lanes::{self, MAX_LANES};
use link::uart::line::{Line, LineAction, Role};
use link::uart::mask::CUT_SEQUENCE;
use link::uart::pdu::Channel;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::faulty::FaultyWire;
use super::peer::Wire;

/// Nothing here takes so long; a test that does fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Both ends of a pty: ours, and the path of the one that an agent opens.
pub struct Terminal {
    pub path: String,
    master: OwnedFd,
}

impl Terminal {
    pub fn new() -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        rustix::io::ioctl_fionbio(&master, true).unwrap();
        Self { path, master }
    }
}

/// A host's line.
pub struct Tty {
    master: OwnedFd,
    pub line: Line,
    start: Instant,
    pub secured: Option<Secured>,
    /// The lane that `send` and `receive` speak on, where the line is shared.
    pub lane: Option<u32>,
    pub frames: Vec<(Channel, Vec<u8>)>,
    pub text: String,
    pub opened: u32,
    /// Behaves as StarryOS's terminal: cuts cursor requests from what the board writes, and answers them.
    pub terminal: bool,
    /// A bad line: to the board, and back.
    faults: Option<[FaultyWire; 2]>,
}

impl Wire for Tty {
    const CAPABILITIES: &'static [&'static str] = &["body.deflate", "item.deflate"];

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

    fn receive(&mut self) -> Option<Frame> {
        let (channel, bytes) = self.next_bytes();
        if bytes.is_empty() {
            return None;
        }
        let mut plain = Vec::new();
        match &mut self.secured {
            Some(secured) => secured.opener.open(channel, &bytes, &mut plain).unwrap(),
            None => plain = bytes,
        }
        Some(link::deflate::inflate(Frame::from_bytes(plain).unwrap(), 1 << 20).unwrap())
    }
}

impl Tty {
    /// A line that has not been opened.
    pub fn on(terminal: &Terminal, epoch: u32, faults: Option<[FaultyWire; 2]>) -> Self {
        Self {
            master: terminal.master.try_clone().unwrap(),
            line: Line::new(Role::Host, epoch, None),
            start: Instant::now(),
            secured: None,
            lane: None,
            frames: Vec::new(),
            text: String::new(),
            opened: 0,
            terminal: false,
            faults,
        }
    }

    fn now_us(&self) -> u64 {
        self.start.elapsed().as_micros() as u64
    }

    /// Moves bytes until something is so.
    pub fn until<R>(&mut self, mut done: impl FnMut(&mut Self) -> Option<R>) -> R {
        let end = Instant::now() + PATIENCE;
        let mut buffer = vec![0; 4096];
        loop {
            while let Some(bytes) = self.line.poll(self.now_us()) {
                self.say(&bytes);
            }
            match rustix::io::read(&self.master, &mut buffer) {
                Ok(got) => self.hear(buffer[..got].to_vec()),
                Err(rustix::io::Errno::AGAIN | rustix::io::Errno::IO) => {}
                Err(error) => panic!("{error}"),
            }
            self.deliver();
            if let Some(result) = done(self) {
                return result;
            }
            assert!(Instant::now() < end, "it did not happen; text {:?}", self.text);
            let on_the_way = self.faults.iter().flatten().filter_map(FaultyWire::next_us);
            let next_us = on_the_way.chain(self.line.wake_us()).min();
            let wait_us = next_us.map_or(100_000, |at| at.saturating_sub(self.now_us()).min(100_000));
            let timeout = Timespec {
                tv_sec: 0,
                tv_nsec: (wait_us * 1000) as i64,
            };
            let _ = poll(&mut [PollFd::new(&self.master, PollFlags::IN)], Some(&timeout));
        }
    }

    fn say(&mut self, bytes: &[u8]) {
        let now_us = self.now_us();
        match &mut self.faults {
            Some([out, _]) => out.write(bytes, now_us),
            None => self.write(bytes),
        }
    }

    fn hear(&mut self, mut bytes: Vec<u8>) {
        if self.terminal {
            while let Some(at) = bytes.windows(4).position(|w| w == CUT_SEQUENCE) {
                bytes.drain(at..at + 4);
                self.write(b"\x1b[1;1R");
            }
        }
        let now_us = self.now_us();
        match &mut self.faults {
            Some([_, back]) => back.write(&bytes, now_us),
            None => self.take(bytes),
        }
    }

    /// What a bad line has for both ends by now.
    fn deliver(&mut self) {
        let now_us = self.now_us();
        let Some([out, back]) = &mut self.faults else { return };
        let (out, back) = (out.take(now_us), back.take(now_us));
        out.iter().for_each(|bytes| self.write(bytes));
        back.into_iter().for_each(|bytes| self.take(bytes));
    }

    /// Writes bytes that need be no PDU.
    pub fn write(&mut self, mut bytes: &[u8]) {
        assert!(self.faults.is_some() || !bytes.windows(4).any(|w| w == CUT_SEQUENCE));
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

    fn take(&mut self, bytes: Vec<u8>) {
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

    pub fn open(&mut self) {
        let before = self.opened;
        self.line.start(self.now_us());
        self.until(|host| (host.opened > before).then_some(()));
    }

    /// Writes half of a PDU with a frame.
    pub fn send_half(&mut self, frame: &Frame) {
        self.line.send(Channel::Control, frame.bytes().to_vec());
        let pdu = self.until(|tty| tty.line.poll(tty.now_us()));
        self.write(&pdu[..pdu.len() / 2]);
    }

    /// The host's program dies and starts again: a line with another epoch, not opened yet.
    pub fn begin_anew(&mut self, epoch: u32) {
        self.line = Line::new(Role::Host, epoch, None);
        self.frames.clear();
    }

    /// Offers lanes in the first frame.
    pub fn share(&mut self) {
        self.line.send(Channel::Control, lanes::offer(0).to_vec());
        let answer = self.next_bytes().1;
        assert_eq!(lanes::read_offer(&answer), Some(MAX_LANES));
    }

    /// Ends a lane.
    pub fn end_lane(&mut self, lane: u32) {
        self.line.send(Channel::Control, lanes::tag(Vec::new(), lane));
    }

    pub fn handshake(&mut self, key: &Key) {
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

    /// The next frame, on the lane of the moment where the line is shared.
    pub fn next_bytes(&mut self) -> (Channel, Vec<u8>) {
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
}
