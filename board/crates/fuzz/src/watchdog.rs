//! Ends the process when one input takes too long: a hang cannot be caught, only reported.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Default)]
struct State {
    /// The input under test and since when.
    current: Option<(Instant, Vec<u8>)>,
    done: bool,
}

/// Watches one loop.
pub struct Watchdog {
    shared: Arc<(Mutex<State>, Condvar)>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watchdog {
    /// Calls `hung` with the input once it has run longer than `limit`; `hung` is expected not to return.
    pub fn new(limit: Duration, hung: impl Fn(&[u8]) + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(State::default()), Condvar::new()));
        let watched = shared.clone();
        let thread = std::thread::spawn(move || {
            let (state, woken) = &*watched;
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            while !state.done {
                match &state.current {
                    Some((since, input)) if since.elapsed() > limit => {
                        hung(input);
                        state.current = None;
                    }
                    _ => {}
                }
                let waited = woken.wait_timeout(state, limit / 4);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        });
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// An input begins.
    pub fn begin(&self, input: &[u8]) {
        self.state().current = Some((Instant::now(), input.to_vec()));
    }

    /// It came back.
    pub fn end(&self) {
        self.state().current = None;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.state().done = true;
        self.shared.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic in `hung` has been printed already.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn an_input_that_does_not_come_back_is_handed_over() {
        let (send, receive) = mpsc::channel();
        let dog = Watchdog::new(Duration::from_millis(20), move |input| {
            send.send(input.to_vec()).unwrap()
        });
        dog.begin(b"quick");
        dog.end();
        dog.begin(b"slow");
        assert_eq!(receive.recv_timeout(Duration::from_secs(20)), Ok(b"slow".to_vec()));
    }
}
