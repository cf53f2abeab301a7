//! Cancels long work on a signal or at a deadline, and waits for whatever comes first.
//!
//! Signals and the deadline set one flag, which everything that can take long checks. Signals are
//! also counted, because cleaning up goes on after the first one. For `capy build`: after the first
//! signal nothing new begins, what runs is stopped, and the folder is removed. After the second,
//! nothing waits for the engine any more. The third ends this process at once, and the next build
//! cleans up.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use capy_client::signals::{end_by, to_catch};
use signal_hook::iterator::Signals;

/// How long cleaning up may take when the deadline has passed.
const CLEANUP_GRACE: Duration = Duration::from_secs(10);

/// How many signals a wait ignores: none while a build runs, one while an engine cleans up, and all
/// while this program removes what holds secrets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(crate) enum IgnoredSignals {
    None = 0,
    First = 1,
    All = u32::MAX,
}

/// What came before the work was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cancelled {
    Signal,
    Timeout,
}

/// The signals and the deadline of this process; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Cancellation(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Set by a signal and by the deadline.
    is_set: AtomicBool,
}

#[derive(Default)]
struct State {
    signals: u32,
    first: i32,
    deadline: Option<Instant>,
}

/// An event that can be waited for, such as a program's end.
#[derive(Clone)]
pub(crate) struct Completion {
    cancellation: Cancellation,
    is_complete: Arc<AtomicBool>,
}

impl Cancellation {
    /// Catches signals for the rest of the program's life.
    pub(crate) fn catch_signals() -> io::Result<Self> {
        let cancellation = Self::default();
        let mut caught = Signals::new(to_catch())?;
        let shared = cancellation.clone();
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || caught.forever().for_each(|number| shared.count_signal(number)))?;
        Ok(cancellation)
    }

    /// Counts a signal; the third one ends the process.
    pub(crate) fn count_signal(&self, number: i32) {
        let mut state = self.lock();
        state.signals += 1;
        if state.signals == 1 {
            state.first = number;
        }
        if state.signals > 2 {
            end_by(number);
        }
        self.0.is_set.store(true, Ordering::SeqCst);
        self.0.changed.notify_all();
    }

    /// Sets the deadline: at that time the flag is set, whatever this process does.
    pub(crate) fn set_deadline(&self, until: Instant) -> io::Result<()> {
        self.lock().deadline = Some(until);
        let shared = Arc::downgrade(&self.0);
        let sleep = move || {
            thread::sleep(until.saturating_duration_since(Instant::now()));
            if let Some(shared) = shared.upgrade() {
                shared.is_set.store(true, Ordering::SeqCst);
            }
        };
        thread::Builder::new().name("deadline".into()).spawn(sleep).map(drop)
    }

    /// When cleaning up that starts now gives up: at the deadline, but not before [`CLEANUP_GRACE`]
    /// is over.
    pub(crate) fn cleanup_deadline(&self) -> Instant {
        let grace = Instant::now() + CLEANUP_GRACE;
        self.lock().deadline.map_or(grace, |deadline| deadline.max(grace))
    }

    /// The flag, which is set once a signal came or the deadline passed.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.0.is_set
    }

    /// Fails once a signal came or the deadline passed.
    pub(crate) fn check(&self) -> Result<(), Cancelled> {
        if self.0.is_set.load(Ordering::SeqCst) { Err(self.reason()) } else { Ok(()) }
    }

    /// Why the flag is set. A signal takes precedence over the deadline.
    pub(crate) fn reason(&self) -> Cancelled {
        if self.lock().signals > 0 { Cancelled::Signal } else { Cancelled::Timeout }
    }

    /// Ends the process as the first signal would have; does nothing if none came.
    pub(crate) fn end_process(&self) {
        let (signals, first) = {
            let state = self.lock();
            (state.signals, state.first)
        };
        if signals > 0 {
            end_by(first);
        }
    }

    /// A new event to wait for.
    pub(crate) fn completion(&self) -> Completion {
        Completion { cancellation: self.clone(), is_complete: Arc::default() }
    }

    /// Runs work that cannot be interrupted, such as a call to the service, in another thread. On a
    /// signal or at the deadline the work is abandoned, so it must leave nothing behind that
    /// matters.
    ///
    /// # Errors
    /// What came before the work was done.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        until: Instant,
        ignored: IgnoredSignals,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Cancelled> {
        let done = self.completion();
        let guard = CompleteOnDrop(done.clone());
        let thread = thread::spawn(move || {
            let _guard = guard;
            work()
        });
        done.wait(Some(until), ignored)?;
        Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Completion {
    /// Marks the event as having happened, and wakes whoever waits for it.
    pub(crate) fn complete(&self) {
        let _state = self.cancellation.lock();
        self.is_complete.store(true, Ordering::SeqCst);
        self.cancellation.0.changed.notify_all();
    }

    /// Waits for the event, a deadline or a signal.
    ///
    /// # Errors
    /// What came before the event.
    pub(crate) fn wait(&self, until: Option<Instant>, ignored: IgnoredSignals) -> Result<(), Cancelled> {
        let mut state = self.cancellation.lock();
        loop {
            if self.is_complete.load(Ordering::SeqCst) {
                return Ok(());
            }
            if state.signals > ignored as u32 {
                return Err(Cancelled::Signal);
            }
            let changed = &self.cancellation.0.changed;
            state = match until.map(|until| until.checked_duration_since(Instant::now())) {
                Some(None) => return Err(Cancelled::Timeout),
                Some(Some(left)) => {
                    changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// Marks the work as done even if it panics.
struct CompleteOnDrop(Completion);

impl Drop for CompleteOnDrop {
    fn drop(&mut self) {
        self.0.complete();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use signal_hook::consts::SIGINT;

    use super::*;

    #[test]
    fn a_wait_ends_with_what_comes_first() {
        let cancellation = Cancellation::default();
        let done = cancellation.completion();
        assert_eq!(done.wait(Some(Instant::now()), IgnoredSignals::None), Err(Cancelled::Timeout));
        cancellation.count_signal(SIGINT);
        assert_eq!(done.wait(None, IgnoredSignals::None), Err(Cancelled::Signal));
        assert!(cancellation.check().is_err());
        // Cleaning up waits through the first signal.
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(done.wait(Some(soon), IgnoredSignals::First), Err(Cancelled::Timeout));
        cancellation.count_signal(SIGINT);
        assert_eq!(done.wait(None, IgnoredSignals::First), Err(Cancelled::Signal));
        done.complete();
        assert_eq!(done.wait(None, IgnoredSignals::None), Ok(()));
    }

    #[test]
    fn the_deadline_and_signals_set_one_flag_and_a_signal_counts_more() {
        let cancellation = Cancellation::default();
        assert!(cancellation.check().is_ok());
        cancellation.set_deadline(Instant::now()).unwrap();
        while !cancellation.flag().load(Ordering::SeqCst) {
            thread::yield_now();
        }
        assert!(matches!(cancellation.check(), Err(Cancelled::Timeout)));
        // Waits during cleaning up continue after the deadline.
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(cancellation.completion().wait(Some(soon), IgnoredSignals::None), Err(Cancelled::Timeout));
        cancellation.count_signal(SIGINT);
        assert!(matches!(cancellation.check(), Err(Cancelled::Signal)));
    }

    #[test]
    fn work_that_cannot_be_interrupted_is_left() {
        let cancellation = Cancellation::default();
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(60));
        assert_eq!(cancellation.run(later, IgnoredSignals::None, || 1).unwrap(), 1);
        let wait_for_ever = || {
            let (keep, never) = std::sync::mpsc::channel::<()>();
            move || never.recv().is_err() && keep.send(()).is_ok()
        };
        assert!(matches!(
            cancellation.run(now, IgnoredSignals::None, wait_for_ever()),
            Err(Cancelled::Timeout)
        ));
        cancellation.count_signal(SIGINT);
        assert!(matches!(
            cancellation.run(later, IgnoredSignals::None, wait_for_ever()),
            Err(Cancelled::Signal)
        ));
    }
}
