//! The sending half: two queues of frames, their parts, what is in flight, what was lost.
//!
//! Knows sequence numbers, credit and time; refuses to know epochs and sums. Surprising: PDUs on a wire do not overtake
//! each other as a rule, so one that went out before an acknowledged one and is not acknowledged itself is lost; nobody
//! waits for its timeout.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::pdu::{Channel, Pdu, units};
use super::rate::{MAX_WINDOW_PDUS, MIN_PAYLOAD_BYTES, Rate, SMALL_PAYLOAD_BYTES};
use super::rto::Rto;

/// Timeouts in a row that count as losses of the line; more of them say that it is silent.
const LOSSES_OF_A_SILENCE: u32 = 2;

/// One PDU in flight.
#[derive(Debug)]
pub struct Flight {
    /// Sequence number.
    pub seq: u16,
    /// Whose frame.
    pub channel: Channel,
    /// First part.
    pub first: bool,
    /// Last part.
    pub last: bool,
    /// The part.
    pub payload: Vec<u8>,
    /// How often it went out.
    pub sends: u32,
    /// Mask of the last time.
    pub mask: Option<u8>,
    /// Place of its last sending among all sendings, and of its first.
    order: u64,
    first_order: u64,
    sent_us: u64,
    acked: bool,
    in_pieces: bool,
    lost: bool,
    /// It went out to ask for credit; its loss says nothing of the line.
    probe: bool,
}

#[derive(Debug)]
struct Queued {
    frame: Vec<u8>,
    at: usize,
}

/// What may be made of the next frame.
enum Room {
    /// A payload of so many bytes.
    Payload(usize),
    /// Only credit is missing, and nothing is in flight.
    Creditless,
    /// Nothing now.
    None,
}

/// One direction's sender.
#[derive(Debug)]
pub struct Sender {
    /// Payload and window.
    pub rate: Rate,
    /// Timeouts.
    pub rto: Rto,
    queues: [VecDeque<Queued>; 2],
    flights: VecDeque<Flight>,
    unacked: u16,
    next: u16,
    order: u64,
    credit: u8,
    creditless_since_us: Option<u64>,
    timeouts: u32,
    variety: u64,
}

impl Sender {
    /// A sender with a peer that takes `credit` units; `variety` is a number the peer does not have.
    pub fn new(rate: Rate, credit: u8, variety: u32) -> Self {
        Self {
            rate,
            rto: Rto::default(),
            queues: Default::default(),
            flights: VecDeque::new(),
            unacked: 0,
            next: 0,
            order: 0,
            credit,
            creditless_since_us: None,
            timeouts: 0,
            variety: u64::from(variety),
        }
    }

    /// Queues a frame; an empty one has nothing to say.
    pub fn queue(&mut self, channel: Channel, frame: Vec<u8>) {
        if !frame.is_empty() {
            self.queues[channel as usize].push_back(Queued { frame, at: 0 });
        }
    }

    /// Bytes of a channel that have not gone out for the first time.
    pub fn queued_bytes(&self, channel: Channel) -> usize {
        self.queues[channel as usize]
            .iter()
            .map(|queued| queued.frame.len() - queued.at)
            .sum()
    }

    /// True where everything has arrived.
    pub fn idle(&self) -> bool {
        self.flights.is_empty() && self.queues.iter().all(VecDeque::is_empty)
    }

    /// Index of the flight to send now: control before bulk, lost before new.
    pub fn next(&mut self, now_us: u64) -> Option<usize> {
        for channel in [Channel::Control, Channel::Bulk] {
            let index = self.lost(channel).or_else(|| self.part(channel, now_us));
            if index.is_some() {
                return index;
            }
        }
        None
    }

    /// The first lost flight of a channel, where the window allows to repeat it.
    fn lost(&self, channel: Channel) -> Option<usize> {
        let index = self
            .flights
            .iter()
            .position(|flight| flight.lost && !flight.acked && flight.channel == channel)?;
        let out: usize = self.out().map(|flight| flight.payload.len()).sum();
        let fits =
            out == 0 || !self.windowed(channel) || out + self.flights[index].payload.len() <= self.window_bytes();
        fits.then_some(index)
    }

    /// True where the line is silent: nothing is gained by saying more than one thing to it.
    pub fn one_at_a_time(&self) -> bool {
        self.timeouts > LOSSES_OF_A_SILENCE
    }

    fn window_bytes(&self) -> usize {
        if self.one_at_a_time() {
            0
        } else {
            self.rate.window_bytes()
        }
    }

    /// Control does not wait for the window of bulk, unless bursts must stay short.
    fn windowed(&self, channel: Channel) -> bool {
        channel == Channel::Bulk || self.rate.small() || self.one_at_a_time()
    }

    /// Flights that are on their way as far as anybody knows.
    fn out(&self) -> impl Iterator<Item = &Flight> {
        self.flights.iter().filter(|f| !f.acked && !f.lost && f.sends > 0)
    }

    /// A flight by its index.
    pub fn flight(&self, index: usize) -> Option<&Flight> {
        self.flights.get(index)
    }

    /// Halves the part that `next` has just made, which no mask can encode; false where it is too small or not new.
    pub fn halve(&mut self, index: usize) -> bool {
        let Some(flight) = self
            .flights
            .get_mut(index)
            .filter(|f| f.sends == 0 && f.payload.len() > 1)
        else {
            return false;
        };
        let rest = flight.payload.split_off(flight.payload.len() / 2);
        let queue = &mut self.queues[flight.channel as usize];
        if core::mem::take(&mut flight.last) {
            // Its frame has left the queue; what is left of it comes back as one that has begun.
            let mut frame = alloc::vec![0];
            frame.extend_from_slice(&rest);
            queue.push_front(Queued { frame, at: 1 });
        } else if let Some(queued) = queue.front_mut() {
            queued.at -= rest.len();
        }
        true
    }

    /// The flight is on its way, perhaps in pieces; its last byte is out at `done_us`.
    pub fn sent(&mut self, index: usize, mask: u8, wire_bytes: usize, in_pieces: bool, done_us: u64) {
        let Some(flight) = self.flights.get_mut(index) else {
            return;
        };
        flight.order = self.order;
        if flight.sends == 0 {
            flight.first_order = self.order;
        }
        flight.sends += 1;
        flight.mask = Some(mask);
        flight.sent_us = done_us;
        flight.lost = false;
        flight.in_pieces = in_pieces;
        self.order += 1;
        self.rate.sent(wire_bytes);
    }

    /// The peer has everything before `ack` and what `sack` names, and takes `credit` units more.
    pub fn acknowledged(&mut self, pdu: &Pdu, now_us: u64) {
        let in_flight = self.next.wrapping_sub(self.unacked);
        if pdu.ack.wrapping_sub(self.unacked) > in_flight {
            // Older than what is known, or of no PDU that was sent.
            return;
        }
        self.unacked = pdu.ack;
        self.credit = pdu.credit;
        if pdu.credit > 0 {
            self.creditless_since_us = None;
        }
        let mut newest = None;
        for flight in &mut self.flights {
            let place = flight.seq.wrapping_sub(pdu.ack);
            let here = place >= 0x8000 || (1..=32).contains(&place) && pdu.sack >> (place - 1) & 1 == 1;
            if !here || flight.acked {
                continue;
            }
            flight.acked = true;
            self.rate
                .acked(flight.payload.len() > SMALL_PAYLOAD_BYTES && !flight.in_pieces);
            if flight.sends == 1 && !flight.probe {
                self.rto.sample(now_us.saturating_sub(flight.sent_us));
            }
            // Of one that went out twice the first time counts: which of them arrived is not said, and everything that went
            // out between a timeout that came too early and its answer would be lost.
            newest = newest.max(Some(flight.first_order));
        }
        while self
            .flights
            .front()
            .is_some_and(|f| f.seq.wrapping_sub(pdu.ack) >= 0x8000)
        {
            self.flights.pop_front();
        }
        let Some(newest) = newest else { return };
        self.rto.progressed();
        self.timeouts = 0;
        let (rate, flights) = (&mut self.rate, &mut self.flights);
        for flight in flights
            .iter_mut()
            .filter(|f| !f.acked && !f.lost && f.sends > 0 && f.order < newest)
        {
            lose(flight, rate);
        }
    }

    /// Looks for what nobody acknowledged in time. In a silence one PDU is repeated at a time, the rest waits for its answer.
    pub fn expire(&mut self, now_us: u64) {
        let Some(due_us) = self.timeout_us() else { return };
        if now_us < due_us {
            return;
        }
        self.timeouts += 1;
        self.rto.timed_out();
        let silent = self.one_at_a_time();
        let (rate, flights) = (&mut self.rate, &mut self.flights);
        let out = flights.iter_mut().filter(|f| !f.acked && !f.lost && f.sends > 0);
        if silent {
            out.for_each(|flight| flight.lost = true);
        } else if let Some(oldest) = out.min_by_key(|flight| flight.order) {
            lose(oldest, rate);
        }
    }

    /// When the oldest flight counts as lost.
    fn timeout_us(&self) -> Option<u64> {
        let oldest = self.out().min_by_key(|flight| flight.order)?;
        let wait_us = self.rto.wait_us();
        // Two sides that repeat in step may spoil each other's PDUs for ever: up to a quarter more, by turns.
        let step = if self.timeouts > 0 {
            (oldest.order + self.variety).wrapping_mul(0x9e37_79b9) >> 16 & 63
        } else {
            0
        };
        Some(oldest.sent_us.saturating_add(wait_us + wait_us * step / 256))
    }

    /// When `expire` or `next` has work that only time brings.
    pub fn wake_us(&self) -> Option<u64> {
        let timeout = self.timeout_us();
        let probe = self
            .creditless_since_us
            .map(|since| since.saturating_add(self.rto.wait_us()));
        timeout.into_iter().chain(probe).min()
    }

    /// True where `next` has something that needs no time to pass.
    pub fn ready(&self) -> bool {
        let waits = self.creditless_since_us.is_some();
        [Channel::Control, Channel::Bulk].into_iter().any(|channel| {
            self.lost(channel).is_some()
                || match self.room(channel) {
                    Room::Payload(_) => true,
                    // The clock of a probe has to be started first.
                    Room::Creditless => !waits,
                    Room::None => false,
                }
        })
    }

    fn room(&self, channel: Channel) -> Room {
        let Some(queued) = self.queues[channel as usize].front() else {
            return Room::None;
        };
        let open = self.next.wrapping_sub(self.unacked);
        if usize::from(open) >= MAX_WINDOW_PDUS {
            return Room::None;
        }
        let in_flight: usize = self.flights.iter().filter(|f| !f.acked).map(|f| f.payload.len()).sum();
        let taken: u32 = self.flights.iter().map(|f| units(f.payload.len())).sum();
        let size = self.rate.payload_bytes().min(queued.frame.len() - queued.at);
        if self.windowed(channel) && in_flight > 0 && in_flight + size > self.window_bytes() {
            return Room::None;
        }
        match u32::from(self.credit).saturating_sub(taken) {
            0 if self.flights.is_empty() => Room::Creditless,
            0 => Room::None,
            left => Room::Payload(size.min(left as usize * 256)),
        }
    }

    fn part(&mut self, channel: Channel, now_us: u64) -> Option<usize> {
        let (size, probe) = match self.room(channel) {
            Room::None => return None,
            Room::Payload(size) => (size, false),
            Room::Creditless => {
                let since = *self.creditless_since_us.get_or_insert(now_us);
                if now_us < since.saturating_add(self.rto.wait_us()) {
                    return None;
                }
                self.creditless_since_us = None;
                (MIN_PAYLOAD_BYTES, true)
            }
        };
        let queue = &mut self.queues[channel as usize];
        let queued = queue.front_mut()?;
        let end = queued.frame.len().min(queued.at + size);
        let (first, last) = (queued.at == 0, end == queued.frame.len());
        let payload = queued.frame[queued.at..end].to_vec();
        queued.at = end;
        if last {
            queue.pop_front();
        }
        self.flights.push_back(Flight {
            seq: self.next,
            channel,
            first,
            last,
            payload,
            sends: 0,
            mask: None,
            order: 0,
            first_order: 0,
            sent_us: now_us,
            acked: false,
            in_pieces: false,
            lost: false,
            probe,
        });
        self.next = self.next.wrapping_add(1);
        Some(self.flights.len() - 1)
    }
}

fn lose(flight: &mut Flight, rate: &mut Rate) {
    flight.lost = true;
    if !flight.probe {
        rate.lost();
    }
}
