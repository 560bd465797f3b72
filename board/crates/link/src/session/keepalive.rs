//! When a silent link counts as down. Any valid frame is life; a peer that never pinged is held to no rhythm, but not kept
//! for ever.

/// Silence after which the link is down, in ms: three missed PINGs of 2 s.
pub const LINK_DOWN_MS: u64 = 6_000;
/// The same for a peer that never pinged, such as a program that waits for its first answer.
pub const SILENT_PEER_MS: u64 = 30_000;

/// What the keep-alive saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepaliveEvent {
    /// A valid frame; true for a PING.
    Frame {
        /// It was a PING.
        ping: bool,
    },
    /// Time passed.
    Tick,
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepaliveAction {
    /// Nothing.
    Wait,
    /// Close the connection and suspend its session.
    LinkDown,
}

/// State of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Keepalive {
    last_frame_ms: u64,
    rhythm: bool,
}

impl Keepalive {
    /// A connection that was opened now.
    pub const fn new(now_ms: u64) -> Self {
        Self {
            last_frame_ms: now_ms,
            rhythm: false,
        }
    }

    /// Takes an event at a time.
    pub fn on(&mut self, event: KeepaliveEvent, now_ms: u64) -> KeepaliveAction {
        match event {
            KeepaliveEvent::Frame { ping } => {
                self.last_frame_ms = now_ms;
                self.rhythm |= ping;
                KeepaliveAction::Wait
            }
            KeepaliveEvent::Tick => {
                let most_ms = if self.rhythm { LINK_DOWN_MS } else { SILENT_PEER_MS };
                if now_ms.saturating_sub(self.last_frame_ms) >= most_ms {
                    KeepaliveAction::LinkDown
                } else {
                    KeepaliveAction::Wait
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_down_six_seconds_after_its_last_frame() {
        let mut k = Keepalive::new(0);
        assert_eq!(k.on(KeepaliveEvent::Frame { ping: true }, 1_000), KeepaliveAction::Wait);
        assert_eq!(k.on(KeepaliveEvent::Tick, 6_999), KeepaliveAction::Wait);
        assert_eq!(k.on(KeepaliveEvent::Tick, 7_000), KeepaliveAction::LinkDown);
        k.on(KeepaliveEvent::Frame { ping: false }, 7_000);
        assert_eq!(k.on(KeepaliveEvent::Tick, 12_999), KeepaliveAction::Wait);
    }

    #[test]
    fn a_peer_that_never_pinged_is_given_up_after_half_a_minute() {
        let mut k = Keepalive::new(0);
        k.on(KeepaliveEvent::Frame { ping: false }, 1);
        assert_eq!(k.on(KeepaliveEvent::Tick, SILENT_PEER_MS), KeepaliveAction::Wait);
        assert_eq!(
            k.on(KeepaliveEvent::Tick, SILENT_PEER_MS + 1),
            KeepaliveAction::LinkDown
        );
    }
}
