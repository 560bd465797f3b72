//! Helper threads, started when first wanted and kept. Knows how to lend them to a call; refuses to know what the call computes.
//!
//! A thread started for one call costs as much as the decode row of a small matrix. The surprising point: a call never waits for
//! a helper that has not come. It works itself, takes its offer back when nothing is left, and waits only for helpers that are
//! inside. A helper that leaves a call looks out for the next one for a moment before it sleeps, since the rows of one token follow each
//! other within microseconds, and waking a sleeper takes tens of them. So a busy machine, a forked process without helpers and a thread that cannot be had cost time, never progress.

use core::hint::spin_loop;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Most helpers a process keeps.
const MOST: usize = 64;
/// How long an idle helper looks out before it sleeps: about what waking it would cost.
const LOOK_OUT: Duration = Duration::from_micros(50);
/// Looks between two looks at the clock.
const LOOKS: usize = 64;

/// A call that is under way, as the helpers see it.
struct Call {
    id: u64,
    work: *const (dyn Fn() + Sync),
    /// Helpers that may still join.
    seats: usize,
    /// Helpers that have joined and not left.
    inside: usize,
    panicked: bool,
}

// SAFETY: `work` points to something Sync, and `Ending` keeps it alive until no helper can reach it.
unsafe impl Send for Call {}

struct Crew {
    calls: Vec<Call>,
    next_id: u64,
    helpers: usize,
    idle: usize,
    /// Idle ones that must be woken.
    asleep: usize,
}

/// Free seats of all calls, to be seen without the lock.
static SEATS: AtomicUsize = AtomicUsize::new(0);

static CREW: Mutex<Crew> = Mutex::new(Crew {
    calls: Vec::new(),
    next_id: 0,
    helpers: 0,
    idle: 0,
    asleep: 0,
});
/// There is a seat.
static WANTED: Condvar = Condvar::new();
/// The last helper has left a call.
static LEFT: Condvar = Condvar::new();

/// Nothing panics while the lock is held, so a poisoned one is whole.
fn crew() -> MutexGuard<'static, Crew> {
    CREW.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` on this thread and meanwhile on up to `helpers` others; returns when all of them have left it.
///
/// # Panics
/// When `work` panicked, here or in a helper.
pub(crate) fn together(helpers: usize, work: &(dyn Fn() + Sync)) {
    let call = Ending(offer(helpers, work));
    work();
    let panicked = end(call.0);
    core::mem::forget(call);
    assert!(!panicked, "a helper thread panicked");
}

/// Withdraws a call whose own thread panics, so that no helper keeps what that thread unwinds.
struct Ending(u64);

impl Drop for Ending {
    fn drop(&mut self) {
        end(self.0);
    }
}

fn offer(seats: usize, work: &(dyn Fn() + Sync)) -> u64 {
    // SAFETY: only the lifetime is forgotten; `together` does not return before `end`.
    let work = unsafe { core::mem::transmute::<&(dyn Fn() + Sync), &'static (dyn Fn() + Sync)>(work) };
    let mut crew = crew();
    let id = crew.next_id;
    crew.next_id += 1;
    crew.calls.push(Call {
        id,
        work,
        seats,
        inside: 0,
        panicked: false,
    });
    let wanted = SEATS.fetch_add(seats, Ordering::Release) + seats;
    while crew.idle < wanted && crew.helpers < MOST {
        let named = std::thread::Builder::new().name("npu-kernels".into());
        if named.spawn(serve).is_err() {
            break;
        }
        // It counts as idle from now on, so that the next call does not start another in its place.
        crew.helpers += 1;
        crew.idle += 1;
    }
    let looking = crew.idle - crew.asleep;
    drop(crew);
    for _ in looking..wanted {
        WANTED.notify_one();
    }
    id
}

/// Takes the free seats back, waits for the helpers inside and forgets the call; whether one of them panicked.
fn end(id: u64) -> bool {
    let mut crew = crew();
    loop {
        let Some(at) = crew.calls.iter().position(|call| call.id == id) else {
            return false;
        };
        SEATS.fetch_sub(core::mem::take(&mut crew.calls[at].seats), Ordering::Relaxed);
        if crew.calls[at].inside == 0 {
            return crew.calls.swap_remove(at).panicked;
        }
        crew = LEFT.wait(crew).unwrap_or_else(PoisonError::into_inner);
    }
}

/// The life of a helper.
fn serve() {
    let mut crew = crew();
    loop {
        let Some(call) = crew.calls.iter_mut().find(|call| call.seats > 0) else {
            crew = await_seat(crew);
            continue;
        };
        SEATS.fetch_sub(1, Ordering::Relaxed);
        call.seats -= 1;
        call.inside += 1;
        let (id, work) = (call.id, call.work);
        crew.idle -= 1;
        drop(crew);
        // SAFETY: the call is not forgotten, so not returned from, while somebody is inside.
        let panicked = catch_unwind(AssertUnwindSafe(|| unsafe { (*work)() })).is_err();
        crew = self::crew();
        crew.idle += 1;
        if let Some(call) = crew.calls.iter_mut().find(|call| call.id == id) {
            call.inside -= 1;
            call.panicked |= panicked;
            if call.inside == 0 {
                LEFT.notify_all();
            }
        }
    }
}

/// Returns when there may be a seat.
fn await_seat(crew: MutexGuard<'static, Crew>) -> MutexGuard<'static, Crew> {
    drop(crew);
    let since = Instant::now();
    while since.elapsed() < LOOK_OUT {
        for _ in 0..LOOKS {
            if SEATS.load(Ordering::Acquire) > 0 {
                return self::crew();
            }
            spin_loop();
        }
    }
    let mut crew = self::crew();
    // A seat offered since the last look was offered without a call to wake up.
    if SEATS.load(Ordering::Relaxed) == 0 {
        crew.asleep += 1;
        crew = WANTED.wait(crew).unwrap_or_else(PoisonError::into_inner);
        crew.asleep -= 1;
    }
    crew
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn helpers_work_at_the_same_time_as_the_caller() {
        // Nobody passes the barrier before all three are there.
        let barrier = Barrier::new(3);
        let came = AtomicUsize::new(0);
        together(2, &|| {
            came.fetch_add(1, Ordering::Relaxed);
            barrier.wait();
        });
        assert_eq!(came.into_inner(), 3);
    }

    #[test]
    fn a_panic_in_any_thread_reaches_the_caller_and_the_crew_goes_on() {
        let caller = thread::current().id();
        let barrier = Barrier::new(2);
        let of_a_helper = catch_unwind(|| {
            together(1, &|| {
                barrier.wait();
                assert_eq!(thread::current().id(), caller);
            });
        });
        assert!(of_a_helper.is_err());
        let of_the_caller = catch_unwind(|| together(1, &|| assert_ne!(thread::current().id(), caller)));
        assert!(of_the_caller.is_err());
        helpers_work_at_the_same_time_as_the_caller();
    }

    #[test]
    fn calls_from_many_threads_each_end_with_their_own_work_done() {
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
                        together(3, &|| {
                            while next.fetch_add(1, Ordering::Relaxed) < 10 {
                                done.fetch_add(1, Ordering::Relaxed);
                            }
                        });
                        assert_eq!(done.into_inner(), 10);
                    }
                });
            }
        });
        assert!(crew().helpers <= MOST);
    }
}
