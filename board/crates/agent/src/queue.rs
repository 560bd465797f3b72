//! Two threads that do what the protocol threads must not wait for: one owns the device, one does file work.
//!
//! Knows queues, not what is in them. Work of a stream without credit is kept aside until its call is woken.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use link::ErrorCode;

use crate::call::Call;
use crate::failure::Failure;
use crate::room::Room;
use crate::work::{Next, Work};

/// The device thread's queue.
pub struct DeviceQueue {
    sender: Mutex<Sender<Work>>,
    current: Arc<Mutex<Option<Arc<Call>>>>,
    aside: Arc<Aside>,
}

/// Work that waits for credit. Locked before the stream of a call.
#[derive(Default)]
struct Aside(Mutex<Vec<Work>>);

impl Aside {
    /// Keeps work until its call may go on; gives it back where it may by now.
    fn keep(&self, work: Work) -> Option<Work> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if work.call.as_ref().is_none_or(|call| call.may_go_on()) {
            return Some(work);
        }
        kept.push(work);
        None
    }

    /// The work of a call that may go on.
    fn take(&self, call: &Call) -> Option<Work> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mine = |work: &Work| work.call.as_ref().is_some_and(|other| std::ptr::eq(&**other, call));
        let at = kept.iter().position(mine).filter(|_| call.may_go_on())?;
        Some(kept.swap_remove(at))
    }
}

impl DeviceQueue {
    /// Starts the thread; it ends when the queue is dropped.
    pub fn start(mut room: Room) -> io::Result<Self> {
        let (sender, receiver) = channel::<Work>();
        let again = sender.clone();
        let current: Arc<Mutex<Option<Arc<Call>>>> = Arc::default();
        let running = Arc::clone(&current);
        let aside: Arc<Aside> = Arc::default();
        let waiting = Arc::clone(&aside);
        let set = move |call| *running.lock().unwrap_or_else(PoisonError::into_inner) = call;
        thread::Builder::new().name("device".into()).spawn(move || {
            for work in receiver {
                let call = work.call.clone();
                if call.as_ref().is_some_and(|call| !call.start()) {
                    continue;
                }
                set(call.clone());
                room.enter(call.as_ref().map(|call| call.session));
                let next = guarded(call.as_deref(), || work.run(&mut room));
                set(None);
                let next = match next {
                    Some(Next::Again(work)) => Some(work),
                    Some(Next::Credited(work)) => waiting.keep(work),
                    Some(Next::Done) | None => None,
                };
                // The receiver lives in this very thread.
                next.into_iter().for_each(|work| drop(again.send(work)));
            }
        })?;
        Ok(Self {
            sender: Mutex::new(sender),
            current,
            aside,
        })
    }

    /// Queues work.
    pub fn push(&self, work: Work) {
        // The thread ends with the process only.
        let _ = self.sender.lock().unwrap_or_else(PoisonError::into_inner).send(work);
    }

    /// Has a call's work go on that waited for credit, where there is some by now or the call is over.
    pub fn wake(&self, call: &Call) {
        self.aside.take(call).into_iter().for_each(|work| self.push(work));
    }

    /// The call being worked on.
    pub fn current(&self) -> Option<Arc<Call>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Runs something a call asked for. A panic in it is a defect that must cost its call only, not the thread.
pub fn guarded<R>(call: Option<&Call>, run: impl FnOnce() -> R) -> Option<R> {
    let outcome = catch_unwind(AssertUnwindSafe(run));
    if let (Err(panic), Some(call)) = (&outcome, call) {
        let text = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or(panic.downcast_ref::<&str>().copied());
        let cause = format!("{} panicked: {}", call.method.name(), text.unwrap_or("no text"));
        call.fail(Failure::new(ErrorCode::Internal, cause));
    }
    outcome.ok()
}

type Job = Box<dyn FnOnce() + Send>;

fn run_job(job: Job) {
    // The job has answered its call, or its own guard did.
    let _ = guarded(None, job);
}

/// The file thread's queue.
pub struct FileQueue(Mutex<Sender<Job>>);

impl FileQueue {
    /// Starts the thread; it ends when the queue is dropped.
    pub fn start() -> io::Result<Self> {
        let (sender, receiver) = channel::<Job>();
        thread::Builder::new()
            .name("files".into())
            .spawn(move || receiver.into_iter().for_each(run_job))?;
        Ok(Self(Mutex::new(sender)))
    }

    /// Queues a job.
    pub fn push(&self, job: impl FnOnce() + Send + 'static) {
        // The thread ends with the process only.
        let _ = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send(Box::new(job));
    }
}
