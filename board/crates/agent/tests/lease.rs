//! Who may change the board while several sessions are open: one holder, a queue, force, expiry.

mod support;

use link::cbor::{Nothing, from_slice, to_vec};
use link::message::call::OneHandle;
use link::message::hello::Ping;
use link::message::lease::{LeaseArgs, LeaseChange, LeaseEvent, LeaseState};
use link::message::mem::Alloc;
use link::message::stream::{Event, TOPIC_LEASE, TOPIC_QUEUE};
use link::{ErrorCode, FrameType, Method};
use support::*;

/// The next lease event of a session; other frames in between are dropped.
fn next_change(peer: &mut Peer) -> (LeaseChange, String, bool) {
    loop {
        let frame = peer.receive().unwrap();
        let view = frame.view();
        if view.head.kind == FrameType::Event && view.head.method == TOPIC_LEASE {
            let event: Event<LeaseEvent> = from_slice(view.meta).unwrap();
            return (event.payload.change, event.payload.who, event.payload.lost);
        }
    }
}

#[test]
fn while_one_session_holds_the_lease_the_other_reads_and_changes_nothing() {
    let rig = Rig::new();
    let (mut ann, mut bob) = (rig.peer(), rig.peer());
    let before = bob.alloc(8);
    let state: LeaseState = ann.call(Method::LeaseAcquire, &lease("ann", 0)).unwrap();
    assert_eq!(
        (state.mine, state.holder.0.as_deref(), state.expires_ms),
        (true, Some("ann"), 10_000)
    );
    rig.clock.advance_ms(1_500);
    let held = bob
        .call::<LeaseState>(Method::LeaseAcquire, &lease("bob", 0))
        .unwrap_err();
    assert_eq!(
        (held.code, held.cause.as_str()),
        (ErrorCode::LeaseHeld, "ann holds the board: test")
    );
    let fields = format!("{:?}", held.fields.unwrap());
    assert!(
        fields.contains("\"heldMs\", Uint(1500)") && fields.contains("\"expiresMs\", Uint(8500)"),
        "{fields}"
    );
    assert_eq!(code(bob.write(before, 0, b"x")), ErrorCode::LeaseHeld);
    assert_eq!(bob.read(before, 0, 8).unwrap(), [0; 8]);
    bob.call::<Nothing>(Method::MemFree, &OneHandle { handle: before })
        .unwrap();
    let mine = ann.alloc(8);
    ann.write(mine, 0, b"mine").unwrap();
    ann.call::<Nothing>(Method::LeaseRelease, &Nothing {}).unwrap();
    bob.alloc(8);
}

#[test]
fn the_queue_is_served_in_order_when_a_holder_leaves_dies_or_falls_silent() {
    let rig = Rig::new();
    let [mut ann, mut bob, mut eve] = [0; 3].map(|_| rig.peer());
    ann.call::<LeaseState>(Method::LeaseAcquire, &lease("ann", 0)).unwrap();
    let of_bob = bob.begin(Method::LeaseAcquire, &lease("bob", 60_000), None, &[]);
    // Answered after it was queued: the agent has seen it.
    bob.call::<LeaseState>(Method::LeaseState, &Nothing {}).unwrap();
    let of_eve = eve.begin(Method::LeaseAcquire, &lease("eve", 60_000), None, &[]);
    let waiting: LeaseState = eve.call(Method::LeaseState, &Nothing {}).unwrap();
    assert_eq!((waiting.waiting, waiting.place, waiting.mine), (2, Some(2), false));
    let first: LeaseState = bob.call(Method::LeaseState, &Nothing {}).unwrap();
    assert_eq!(first.place, Some(1));
    ann.bye();
    let granted: LeaseState = answer(&bob.end_of(of_bob, |_, _| {})).unwrap().0;
    assert_eq!((granted.mine, granted.place), (true, None));
    // A PING renews it; without one it expires on the board's clock, link or no link.
    rig.clock.advance_ms(9_000);
    bob.send(&frame(FrameType::Ping, 0, 0, &to_vec(&Ping { host_us: 1 }), &[]));
    while bob.receive().unwrap().view().head.kind != FrameType::Pong {}
    rig.clock.advance_ms(9_000);
    rig.agent.tick();
    assert!(bob.call::<LeaseState>(Method::LeaseState, &Nothing {}).unwrap().mine);
    rig.clock.advance_ms(1_000);
    rig.agent.tick();
    let granted: LeaseState = answer(&eve.end_of(of_eve, |_, _| {})).unwrap().0;
    assert!(granted.mine);
    let lost = bob.call::<OneHandle>(Method::MemAlloc, &Alloc { size_bytes: 1 });
    assert_eq!(code(lost), ErrorCode::LeaseLost);
}

/// Places in the queue that a session is told until an event of the lease comes.
fn next_place(peer: &mut Peer) -> (Option<u32>, String) {
    loop {
        let frame = peer.receive().unwrap();
        let view = frame.view();
        if view.head.kind == FrameType::Event && view.head.method == TOPIC_QUEUE {
            let event: Event<LeaseState> = from_slice(view.meta).unwrap();
            return (event.payload.place, event.payload.holder.0.unwrap());
        }
    }
}

#[test]
fn who_waits_is_told_its_place_when_it_queues_when_it_moves_up_and_again_after_a_resume() {
    let rig = Rig::new();
    let [mut ann, mut bob, mut eve] = [0; 3].map(|_| rig.peer());
    ann.call::<LeaseState>(Method::LeaseAcquire, &lease("ann", 0)).unwrap();
    bob.begin(Method::LeaseAcquire, &lease("bob", 60_000), None, &[]);
    assert_eq!(next_place(&mut bob), (Some(1), "ann".into()));
    eve.begin(Method::LeaseAcquire, &lease("eve", 60_000), None, &[]);
    assert_eq!(next_place(&mut eve), (Some(2), "ann".into()));
    let token = eve.token();
    drop(eve);
    rig.until(|agent| agent.suspended_count() == 1);
    bob.bye();
    rig.until(|agent| agent.session_count() == 2);
    // What it missed comes with the resume, once.
    let mut eve = Peer::open(rig.address, Some(token), &[]);
    eve.next_call = 100;
    assert_eq!(next_place(&mut eve), (Some(1), "ann".into()));
    rig.agent.tick();
    let mut topics = Vec::new();
    let asked = eve.begin(Method::LeaseState, &Nothing {}, None, &[]);
    let end = eve.end_of(asked, |_, frame| topics.push(frame.view().head.method));
    let state: LeaseState = answer(&end).unwrap().0;
    assert_eq!((state.place, topics), (Some(1), vec![]));
}

#[test]
fn waiting_ends_with_its_time_its_cancel_or_its_session() {
    let rig = Rig::new();
    let [mut ann, mut bob, mut eve] = [0; 3].map(|_| rig.peer());
    ann.call::<LeaseState>(Method::LeaseAcquire, &lease("ann", 0)).unwrap();
    let late = bob.begin(Method::LeaseAcquire, &lease("bob", 2_000), None, &[]);
    bob.call::<LeaseState>(Method::LeaseState, &Nothing {}).unwrap();
    rig.clock.advance_ms(2_000);
    rig.agent.tick();
    assert_eq!(
        code(answer::<LeaseState>(&bob.end_of(late, |_, _| {}))),
        ErrorCode::LeaseHeld
    );
    let cancelled = bob.begin(Method::LeaseAcquire, &lease("bob", 60_000), None, &[]);
    bob.send(&frame(
        FrameType::Cancel,
        Method::LeaseAcquire as u16,
        cancelled,
        &[0xa0],
        &[],
    ));
    assert_eq!(
        code(answer::<LeaseState>(&bob.end_of(cancelled, |_, _| {}))),
        ErrorCode::Cancelled
    );
    eve.begin(Method::LeaseAcquire, &lease("eve", 60_000), None, &[]);
    eve.call::<LeaseState>(Method::LeaseState, &Nothing {}).unwrap();
    eve.bye();
    ann.bye();
    // Other threads read the goodbyes. The lease that comes shows that both were read: eve stood before bob.
    let of_bob = bob.begin(Method::LeaseAcquire, &lease("bob", 60_000), None, &[]);
    let granted: LeaseState = answer(&bob.end_of(of_bob, |_, _| {})).unwrap().0;
    assert_eq!((granted.mine, granted.waiting), (true, 0));
}

#[test]
fn a_lease_taken_by_force_is_announced_to_its_loser_and_outlives_a_lost_link() {
    let rig = Rig::new();
    let (mut ann, mut bob) = (rig.peer(), rig.peer());
    ann.call::<LeaseState>(Method::LeaseAcquire, &lease("ann", 0)).unwrap();
    assert_eq!(next_change(&mut bob), (LeaseChange::Granted, "ann".into(), false));
    let token = ann.token();
    drop(ann);
    rig.until(|agent| agent.suspended_count() == 1);
    assert_eq!(
        code(bob.call::<OneHandle>(Method::MemAlloc, &Alloc { size_bytes: 1 })),
        ErrorCode::LeaseHeld
    );
    let mut ann = Peer::open(rig.address, Some(token), &[]);
    ann.next_call = 100;
    assert!(ann.call::<LeaseState>(Method::LeaseState, &Nothing {}).unwrap().mine);
    bob.call::<LeaseState>(Method::LeaseTake, &lease("bob", 0)).unwrap();
    assert_eq!(next_change(&mut ann), (LeaseChange::Taken, "bob".into(), true));
    assert_eq!(
        code(ann.call::<OneHandle>(Method::MemAlloc, &Alloc { size_bytes: 1 })),
        ErrorCode::LeaseLost
    );
    let wrong = LeaseArgs {
        ttl_ms: 999,
        ..lease("ann", 0)
    };
    assert_eq!(
        code(ann.call::<LeaseState>(Method::LeaseTake, &wrong)),
        ErrorCode::BadArgument
    );
}
