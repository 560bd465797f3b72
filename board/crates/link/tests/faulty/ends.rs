//! Both ends of a line with applications that send numbered messages and check those they get.

use link::uart::line::{Line, LineAction, Role};
use link::uart::pdu::Channel;

use super::{FaultyWire, Random};

const PING: &[u8] = b"ping";
const PING_US: u64 = 1_000_000;
/// An hour of virtual time: no run of a few kB needs so long.
const LIMIT_US: u64 = 3_600_000_000;

/// Messages of one end, by channel.
pub type Messages = [Vec<Vec<u8>>; 2];

/// What must never be, with where it stood.
#[derive(Debug)]
pub enum Broken {
    /// A frame was taken that was not sent, or not at this place.
    WrongFrame(String),
    /// Time was up.
    Hang(String),
}

/// One end with an application.
pub struct End {
    pub line: Line,
    /// What this end has to send.
    messages: Messages,
    /// How many messages of each channel came in over this connection.
    got: [usize; 2],
    ping_us: u64,
    opened: bool,
}

impl End {
    pub fn new(role: Role, epoch: u32, messages: Messages) -> Self {
        Self {
            line: Line::new(role, epoch, Some(150_000)),
            messages,
            got: [0; 2],
            ping_us: 0,
            opened: false,
        }
    }

    fn take(&mut self, bytes: &[u8], now_us: u64, expected: &Messages) -> Result<(), Broken> {
        for action in self.line.receive(bytes, now_us) {
            match action {
                LineAction::Open { again } => {
                    assert_eq!(again, self.opened);
                    (self.opened, self.got) = (true, [0; 2]);
                    for (channel, messages) in [Channel::Control, Channel::Bulk].into_iter().zip(&self.messages) {
                        messages
                            .iter()
                            .for_each(|message| self.line.send(channel, message.clone()));
                    }
                }
                LineAction::Frame(_, frame) if frame == PING => {}
                LineAction::Frame(channel, frame) => {
                    let got = &mut self.got[channel as usize];
                    if Some(&frame) != expected[channel as usize].get(*got) {
                        return Err(Broken::WrongFrame(format!("number {got} of {channel:?}")));
                    }
                    *got += 1;
                }
                LineAction::Console(_) => {}
                LineAction::Broken(error) => return Err(Broken::WrongFrame(error.to_string())),
            }
        }
        Ok(())
    }

    fn done(&self, expected: &Messages) -> bool {
        self.got == [expected[0].len(), expected[1].len()]
    }
}

/// Runs both ends until everything has arrived, with restarts of one end at a time; returns the virtual time it took.
pub fn run(
    ends: &mut [End; 2],
    wires: &mut [FaultyWire; 2],
    restarts: &[(u64, usize)],
    random: &mut Random,
) -> Result<u64, Broken> {
    let expected = [ends[1].messages.clone(), ends[0].messages.clone()];
    let mut restarts = restarts.to_vec();
    let mut now_us = 0;
    ends.iter_mut().for_each(|end| end.line.start(0));
    loop {
        for end in 0..2 {
            for bytes in wires[1 - end].take(now_us) {
                ends[end].take(&bytes, now_us, &expected[end])?;
            }
            while let Some(bytes) = ends[end].line.poll(now_us) {
                wires[end].write(&bytes, now_us);
            }
            if now_us >= ends[end].ping_us {
                ends[end].ping_us = now_us + PING_US;
                if ends[end].line.is_open() && ends[end].line.idle() {
                    ends[end].line.send(Channel::Control, PING.to_vec());
                }
            }
        }
        if restarts.first().is_some_and(|(at, _)| *at <= now_us) {
            let (_, which) = restarts.remove(0);
            let role = if which == 0 { Role::Host } else { Role::Board };
            let mut fresh = End::new(role, random.next() as u32, ends[which].messages.clone());
            fresh.line.start(now_us);
            fresh.ping_us = now_us;
            ends[which] = fresh;
        }
        if restarts.is_empty() && ends[0].done(&expected[0]) && ends[1].done(&expected[1]) {
            return Ok(now_us);
        }
        let next = (0..2)
            .flat_map(|i| [wires[i].next_us(), ends[i].line.wake_us(), Some(ends[i].ping_us)])
            .flatten()
            .chain(restarts.first().map(|(at, _)| *at))
            .min()
            .unwrap();
        if next >= LIMIT_US {
            return Err(Broken::Hang(state(ends, wires, &expected)));
        }
        now_us = next.max(now_us + 1);
    }
}

fn state(ends: &[End; 2], wires: &[FaultyWire; 2], expected: &[Messages; 2]) -> String {
    let of = |i: usize| {
        let (end, wanted) = (&ends[i], [expected[i][0].len(), expected[i][1].len()]);
        format!(
            "got {:?} of {wanted:?}, {:?} {:?}, {:?}",
            end.got,
            end.line.counts(),
            end.line.sizes(),
            wires[i].faults
        )
    };
    format!("host {}; board {}", of(0), of(1))
}
