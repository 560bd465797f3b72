//! Two threads that do what the protocol threads must not wait for: one owns the device, one does file work.
//!
//! Knows queues, not what is in them.

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
}

impl DeviceQueue {
    /// Starts the thread; it ends when the queue is dropped.
    pub fn start(mut room: Room) -> io::Result<Self> {
        let (sender, receiver) = channel::<Work>();
        let again = sender.clone();
        let current: Arc<Mutex<Option<Arc<Call>>>> = Arc::default();
        let running = Arc::clone(&current);
        let set = move |call| *running.lock().unwrap_or_else(PoisonError::into_inner) = call;
        thread::Builder::new().name("device".into()).spawn(move || {
            for work in receiver {
                let call = work.call.clone();
                if call.as_ref().is_some_and(|call| !call.start()) {
                    continue;
                }
                set(call.clone());
                room.enter(call.as_ref().map(|call| call.session.number));
                let next = guarded(call.as_deref(), || work.run(&mut room));
                set(None);
                if let Some(Next::Again(work)) = next {
                    // The receiver lives in this very thread.
                    let _ = again.send(work);
                }
            }
        })?;
        Ok(Self {
            sender: Mutex::new(sender),
            current,
        })
    }

    /// Queues work.
    pub fn push(&self, work: Work) {
        // The thread ends with the process only.
        let _ = self.sender.lock().unwrap_or_else(PoisonError::into_inner).send(work);
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
