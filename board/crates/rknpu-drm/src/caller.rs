//! Calls with deadlines: each runs on a thread of its own, so that an ioctl which never returns costs a thread and an error
//! and nothing else (starryos.md §2.3).
//!
//! Knows threads and time, no structures.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use npu_device::DeviceError;

use crate::abi::errno;
use crate::ioctl::{Ioctl, Request};

/// What a call came back with.
pub(crate) type Answer = (Result<(), i32>, Request);

/// The device file behind deadlines.
pub(crate) struct Caller {
    device: Arc<dyn Ioctl>,
    allowance: Duration,
    /// Set while a call is overdue; it may return one day.
    overdue: Mutex<Option<Receiver<Answer>>>,
}

/// Words for an errno.
pub(crate) fn cause(name: &str, errno: i32) -> DeviceError {
    match errno {
        errno::EEXIST => DeviceError::Busy,
        errno::ENOENT => DeviceError::Unsupported(format!("{name}: there is no NPU behind this node (ENOENT)")),
        other => DeviceError::Fault(format!("{name}: {}", std::io::Error::from_raw_os_error(other))),
    }
}

impl Caller {
    /// Every call but SUBMIT may take `allowance`.
    pub(crate) fn new(device: Arc<dyn Ioctl>, allowance: Duration) -> Self {
        Self {
            device,
            allowance,
            overdue: Mutex::new(None),
        }
    }

    pub(crate) fn device(&self) -> &dyn Ioctl {
        &*self.device
    }

    /// True while an earlier call has not returned.
    pub(crate) fn is_stuck(&self) -> bool {
        let mut overdue = self.overdue.lock().unwrap_or_else(PoisonError::into_inner);
        if overdue.as_ref().is_some_and(|answer| answer.try_recv().is_ok()) {
            *overdue = None;
        }
        overdue.is_some()
    }

    /// Leaves a call behind that missed its deadline: until it returns, everything else is refused.
    pub(crate) fn give_up(&self, answer: Receiver<Answer>) {
        *self.overdue.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    /// Starts a call; its answer comes through the receiver.
    pub(crate) fn start(&self, request: Request) -> Result<Receiver<Answer>, DeviceError> {
        if self.is_stuck() {
            return Err(DeviceError::Lost);
        }
        let (sender, receiver) = channel();
        let device = Arc::clone(&self.device);
        let run = move || {
            let mut request = request;
            let result = device.call(&mut request);
            // Nobody waits any more where the deadline has passed.
            let _ = sender.send((result, request));
        };
        std::thread::Builder::new()
            .name(request.name().into())
            .spawn(run)
            .map_err(|error| DeviceError::Fault(format!("{}: no thread: {error}", request.name())))?;
        Ok(receiver)
    }

    /// A call that must return within the allowance. `Lost` where it does not.
    pub(crate) fn call(&self, request: Request) -> Result<Request, DeviceError> {
        let answer = self.start(request)?;
        match answer.recv_timeout(self.allowance) {
            Ok((Ok(()), back)) => Ok(back),
            Ok((Err(errno), _)) => Err(cause(request.name(), errno)),
            Err(RecvTimeoutError::Timeout) => {
                self.give_up(answer);
                Err(DeviceError::Lost)
            }
            Err(RecvTimeoutError::Disconnected) => Err(DeviceError::Fault(format!("{}: it panicked", request.name()))),
        }
    }
}
