//! Who may change the board while several sessions are open: one holder, a queue in order of arrival, expiry on the
//! board's monotonic clock.
//!
//! Knows sessions by number and calls as something to answer. Surprising: a board nobody holds may be changed by all; the
//! lease binds the others only while somebody has it.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use link::ErrorCode;
use link::cbor::Nullable;
use link::message::lease::{LeaseArgs, LeaseChange, LeaseEvent, LeaseState};

use crate::call::Call;
use crate::failure::Failure;

/// Shortest and longest time without a sign of life.
const TTL_MS: std::ops::RangeInclusive<u64> = 1_000..=86_400_000;
/// Sessions that may wait.
const LONGEST_QUEUE: usize = 64;
/// Longest name or reason kept, characters.
const LONGEST_TEXT: usize = 200;

struct Holder {
    session: u64,
    who: String,
    why: String,
    ttl_ns: u64,
    since_ns: u64,
    expires_ns: u64,
}

struct Waiter {
    call: Arc<Call>,
    args: LeaseArgs,
    until_ns: u64,
}

/// What changed: told to every session; `loser` lost its lease by it.
pub struct Change {
    /// The event, `lost` still open.
    pub event: LeaseEvent,
    /// Number of the session that lost it.
    pub loser: Option<u64>,
}

/// The book.
#[derive(Default)]
pub struct Leases {
    holder: Option<Holder>,
    queue: VecDeque<Waiter>,
    lost: HashSet<u64>,
    /// Holder and place that each waiting session was told last.
    told: HashMap<u64, (Option<u64>, u32)>,
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect()
}

impl Leases {
    /// Checks the arguments of lease.acquire and lease.take.
    pub fn check(args: &LeaseArgs) -> Result<(), Failure> {
        if TTL_MS.contains(&args.ttl_ms) {
            return Ok(());
        }
        let (least, most) = (TTL_MS.start(), TTL_MS.end());
        Err(Failure::bad_argument(format!(
            "ttl {} ms is outside {least}..={most}",
            args.ttl_ms
        )))
    }

    /// What the session of a number is told.
    pub fn state(&self, session: u64, now_ns: u64) -> LeaseState {
        let holder = self.holder.as_ref();
        let ms = |ns: u64| ns / 1_000_000;
        let queue: Vec<u64> = self
            .queue
            .iter()
            .filter(|waiter| !waiter.call.answered())
            .map(|waiter| waiter.call.session)
            .collect();
        LeaseState {
            mine: holder.is_some_and(|holder| holder.session == session),
            holder: Nullable(holder.map(|holder| holder.who.clone())),
            why: holder.map_or(String::new(), |holder| holder.why.clone()),
            held_ms: holder.map_or(0, |holder| ms(now_ns.saturating_sub(holder.since_ns))),
            expires_ms: holder.map_or(0, |holder| ms(holder.expires_ns.saturating_sub(now_ns))),
            waiting: queue.len() as u32,
            place: queue
                .iter()
                .position(|&number| number == session)
                .map(|at| at as u32 + 1),
        }
    }

    /// Refuses a change by a session while another one holds the lease.
    pub fn admits(&self, session: u64, now_ns: u64) -> Result<(), Failure> {
        match &self.holder {
            Some(holder) if holder.session != session && now_ns < holder.expires_ns => {
                let code = if self.lost.contains(&session) {
                    ErrorCode::LeaseLost
                } else {
                    ErrorCode::LeaseHeld
                };
                Err(self.held(code, session, now_ns))
            }
            _ => Ok(()),
        }
    }

    fn held(&self, code: ErrorCode, session: u64, now_ns: u64) -> Failure {
        let state = self.state(session, now_ns);
        let who = state.holder.0.unwrap_or_default();
        Failure::new(code, format!("{who} holds the board: {}", state.why))
            .text("holder", who)
            .text("why", state.why)
            .number("heldMs", state.held_ms)
            .number("expiresMs", state.expires_ms)
            .number("waiting", u64::from(state.waiting))
    }

    /// Takes a call of lease.acquire: it is answered now, or when its turn or its end comes.
    pub fn acquire(&mut self, call: Arc<Call>, args: LeaseArgs, now_ns: u64) -> Vec<Change> {
        let session = call.session;
        let mine = self.holder.as_ref().is_none_or(|holder| holder.session == session);
        if mine && (self.holder.is_some() || self.queue.is_empty()) {
            return self.grant(&call, &args, now_ns, LeaseChange::Granted);
        }
        self.queue.retain(|waiter| !waiter.call.answered());
        if args.wait_ms == 0 {
            call.fail(self.held(ErrorCode::LeaseHeld, session, now_ns));
        } else if self.queue.len() >= LONGEST_QUEUE {
            call.fail(Failure::new(
                ErrorCode::Busy,
                format!("{LONGEST_QUEUE} sessions wait for the lease already"),
            ));
        } else {
            let until_ns = now_ns.saturating_add(args.wait_ms.saturating_mul(1_000_000));
            self.queue.push_back(Waiter { call, args, until_ns });
        }
        Vec::new()
    }

    /// Takes the lease by force.
    pub fn take(&mut self, call: &Arc<Call>, args: &LeaseArgs, now_ns: u64) -> Vec<Change> {
        let change = match &self.holder {
            Some(holder) if holder.session != call.session => LeaseChange::Taken,
            _ => LeaseChange::Granted,
        };
        self.grant(call, args, now_ns, change)
    }

    fn grant(&mut self, call: &Arc<Call>, args: &LeaseArgs, now_ns: u64, change: LeaseChange) -> Vec<Change> {
        let session = call.session;
        let ttl_ns = args.ttl_ms.saturating_mul(1_000_000);
        let (who, why) = (short(&args.who), short(&args.why));
        let before = self.holder.take();
        let since_ns = before
            .as_ref()
            .filter(|b| b.session == session)
            .map_or(now_ns, |b| b.since_ns);
        let expires_ns = now_ns.saturating_add(ttl_ns);
        let event = LeaseEvent {
            change,
            who: who.clone(),
            why: why.clone(),
            lost: false,
        };
        self.holder = Some(Holder {
            session,
            who,
            why,
            ttl_ns,
            since_ns,
            expires_ns,
        });
        if !call.reply(&self.state(session, now_ns), &[]) {
            // The call was over: nobody knows that it holds the lease.
            self.holder = before;
            return Vec::new();
        }
        self.lost.remove(&session);
        let loser = before.map(|before| before.session).filter(|&loser| loser != session);
        self.lost.extend(loser);
        vec![Change { event, loser }]
    }

    /// Gives the lease back, where the session has it, and leaves the queue.
    pub fn release(&mut self, session: u64, ended: bool, now_ns: u64) -> Vec<Change> {
        if ended {
            self.lost.remove(&session);
            self.queue.retain(|waiter| waiter.call.session != session);
        }
        if self.holder.as_ref().is_none_or(|holder| holder.session != session) {
            return Vec::new();
        }
        self.pass_on(LeaseChange::Released, None, now_ns)
    }

    fn pass_on(&mut self, change: LeaseChange, loser: Option<u64>, now_ns: u64) -> Vec<Change> {
        let Some(before) = self.holder.take() else {
            return Vec::new();
        };
        let event = LeaseEvent {
            change,
            who: before.who,
            why: before.why,
            lost: false,
        };
        let mut changes = vec![Change { event, loser }];
        while self.holder.is_none()
            && let Some(next) = self.queue.pop_front()
        {
            changes.extend(self.grant(&next.call, &next.args, now_ns, LeaseChange::Granted));
        }
        changes
    }

    /// What is new to sessions that wait: their place, or who holds the lease.
    pub fn news(&mut self, now_ns: u64) -> Vec<(u64, LeaseState)> {
        self.queue.retain(|waiter| !waiter.call.answered());
        let holder = self.holder.as_ref().map(|holder| holder.session);
        let before = std::mem::take(&mut self.told);
        let mut news = Vec::new();
        for (at, waiter) in self.queue.iter().enumerate() {
            let session = waiter.call.session;
            // A session that waits twice stands where it stands first.
            if self.told.contains_key(&session) {
                continue;
            }
            let now = (holder, at as u32 + 1);
            self.told.insert(session, now);
            if before.get(&session) != Some(&now) {
                news.push((session, self.state(session, now_ns)));
            }
        }
        news
    }

    /// A session has another connection: what it was told may not have arrived.
    pub fn tell_again(&mut self, session: u64) {
        self.told.remove(&session);
    }

    /// A sign of life of a session.
    pub fn renew(&mut self, session: u64, now_ns: u64) {
        if let Some(holder) = self.holder.as_mut().filter(|holder| holder.session == session) {
            holder.expires_ns = now_ns.saturating_add(holder.ttl_ns);
        }
    }

    /// Does what is due: expiry, and waiters whose time is over.
    pub fn tick(&mut self, now_ns: u64) -> Vec<Change> {
        let late = self
            .holder
            .as_ref()
            .filter(|holder| now_ns >= holder.expires_ns)
            .map(|holder| holder.session);
        let changes = match late {
            Some(session) => {
                self.lost.insert(session);
                self.pass_on(LeaseChange::Expired, Some(session), now_ns)
            }
            None => Vec::new(),
        };
        let (over, waiting) = std::mem::take(&mut self.queue)
            .into_iter()
            .partition(|waiter| now_ns >= waiter.until_ns);
        self.queue = waiting;
        let over: VecDeque<Waiter> = over;
        for waiter in over {
            waiter
                .call
                .fail(self.held(ErrorCode::LeaseHeld, waiter.call.session, now_ns));
        }
        changes
    }
}
