//! One piece of work for the device thread. It may go on later: a token at a time, or when its stream gets credit.

use std::sync::Arc;

use crate::call::Call;
use crate::room::Room;

/// What becomes of work that ran.
pub enum Next {
    /// It is over.
    Done,
    /// Runs again when its call has credit, or is over.
    Credited(Work),
    /// Runs again behind what is queued now.
    Again(Work),
}

type Run = Box<dyn FnOnce(&mut Room) -> Next + Send>;

/// A piece of work.
pub struct Work {
    /// The call it answers, where it is for one.
    pub call: Option<Arc<Call>>,
    run: Run,
}

impl Work {
    /// Work that answers a call; skipped where the call is over before it begins.
    pub fn for_call(call: &Arc<Call>, run: impl FnOnce(&mut Room) -> Next + Send + 'static) -> Self {
        Self {
            call: Some(Arc::clone(call)),
            run: Box::new(run),
        }
    }

    /// Work without a call, such as freeing.
    pub fn background(run: impl FnOnce(&mut Room) + Send + 'static) -> Self {
        let run = |room: &mut Room| {
            run(room);
            Next::Done
        };
        Self {
            call: None,
            run: Box::new(run),
        }
    }

    /// Runs it.
    pub fn run(self, room: &mut Room) -> Next {
        (self.run)(room)
    }
}
