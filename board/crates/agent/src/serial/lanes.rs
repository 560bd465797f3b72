//! The connections of a line: one that has it alone, or one per lane once the host has offered lanes.
//!
//! Knows lanes and their turns; refuses to know the port. Surprising: bulk frames are taken from one lane after the other,
//! so that a long upload of one program halves another's speed and no more.

use std::collections::VecDeque;
use std::sync::Arc;

use link::uart::lanes::{MAX_LANES, tag, untag};
use link::uart::pdu::Channel;

use super::lane::Lane;
use crate::connection::Connection;

/// What became of the connections when they were looked after.
pub struct Aftermath {
    /// Lanes that ended, as frames that tell the host so.
    pub ends: Vec<Vec<u8>>,
    /// The connection that had the line alone has ended: the line is to be reset.
    pub line: bool,
}

/// The connections of a line.
#[derive(Default)]
pub struct Lanes {
    /// In turns; a number per lane, none for the connection that has the line alone.
    list: VecDeque<(Option<u32>, Lane)>,
    shared: bool,
    newest: u32,
}

impl Lanes {
    /// The line was opened: one connection has it, until its first frame offers lanes.
    pub fn alone(&mut self, lane: Lane) {
        self.list = VecDeque::from([(None, lane)]);
        self.shared = false;
    }

    /// The host offered lanes in its first frame.
    pub fn share(&mut self) {
        self.list.clear();
        (self.shared, self.newest) = (true, 0);
    }

    /// True where the first frame of the line is still to come.
    pub fn is_waiting(&self) -> bool {
        !self.shared && self.list.iter().any(|(_, lane)| lane.is_waiting())
    }

    /// True where nobody is connected.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Every connection.
    pub fn connections(&self) -> Vec<Arc<Connection>> {
        self.list
            .iter()
            .map(|(_, lane)| Arc::clone(lane.connection()))
            .collect()
    }

    /// Every lane.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Lane> {
        self.list.iter_mut().map(|(_, lane)| lane)
    }

    /// When they are to be looked after at the latest.
    pub fn wake_us(&self) -> Option<u64> {
        self.list.iter().filter_map(|(_, lane)| lane.farewell_us()).min()
    }

    /// Gives a frame to its lane, and makes the lane where the number is new. A frame to be sent in answer, or `Err` where
    /// the frame has no lane although lanes were agreed on.
    pub fn frame(
        &mut self,
        channel: Channel,
        bytes: Vec<u8>,
        make: impl FnOnce() -> Lane,
    ) -> Result<Option<Vec<u8>>, &'static str> {
        if !self.shared {
            if let Some((_, lane)) = self.list.front_mut() {
                lane.frame(channel, bytes);
            }
            return Ok(None);
        }
        let (number, frame) = untag(bytes).ok_or("a frame without a lane")?;
        let known = self.list.iter().position(|(known, _)| *known == Some(number));
        match known {
            Some(at) if frame.is_empty() => {
                if let Some((_, mut lane)) = self.list.remove(at) {
                    lane.lost("the host ended the lane");
                }
            }
            Some(at) => self.list[at].1.frame(channel, frame),
            // What comes late for a lane that has ended here.
            None if number <= self.newest || frame.is_empty() => {}
            None => {
                self.newest = number;
                if self.list.len() as u32 >= MAX_LANES {
                    return Ok(Some(tag(Vec::new(), number)));
                }
                let mut lane = make();
                lane.frame(channel, frame);
                self.list.push_back((Some(number), lane));
            }
        }
        Ok(None)
    }

    /// The next frame of a channel, from one lane after the other.
    pub fn next(&mut self, channel: Channel) -> Option<Vec<u8>> {
        for _ in 0..self.list.len() {
            let (number, mut lane) = self.list.pop_front()?;
            let frame = lane.next(channel);
            self.list.push_back((number, lane));
            if let Some(frame) = frame {
                return Some(match number {
                    Some(number) => tag(frame, number),
                    None => frame,
                });
            }
        }
        None
    }

    /// True where so much waits to be sent that no further call should come in.
    pub fn full(&self) -> bool {
        self.list.iter().any(|(_, lane)| lane.connection().outbox.full())
    }

    /// Ends what asked for it.
    pub fn look_after(&mut self, now_us: u64, line_idle: bool) -> Aftermath {
        let mut aftermath = Aftermath {
            ends: Vec::new(),
            line: false,
        };
        self.list.retain_mut(|(number, lane)| {
            let over = lane.is_over(now_us, line_idle);
            match number {
                Some(number) if over => aftermath.ends.push(tag(Vec::new(), *number)),
                None if over => aftermath.line = true,
                _ => {}
            }
            !over
        });
        aftermath
    }

    /// The line is gone, or its host began anew.
    pub fn lost(&mut self, why: &str) {
        for (_, mut lane) in self.list.drain(..) {
            lane.lost(why);
        }
        self.shared = false;
    }
}
