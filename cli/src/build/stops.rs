//! Ends a build early, on a signal or at its deadline, and waits for whatever comes first.
//!
//! Signals and the deadline set one flag, which everything that can take long checks. Signals are
//! also counted. After the first, nothing new begins, what runs is stopped, and the folder is
//! removed. After the second, nothing waits for the engine any more. The third ends this process at
//! once, and the next build cleans up.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use capy_client::signals::{end_by, to_catch};
use signal_hook::iterator::Signals;

use crate::error::BuildFault as Fault;

/// How long cleaning up may take when the build's own time is over.
const GRACE: Duration = Duration::from_secs(10);

/// How many signals a wait ignores: none while a build runs, one while an engine cleans up, and all
/// while this program removes what holds secrets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub(super) enum Patience {
    None = 0,
    One = 1,
    Every = u32::MAX,
}

/// What ended a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Woken {
    Done,
    Asked,
    TimeOver,
}

/// The signals and the deadline of this process; clones share them.
#[derive(Clone, Default)]
pub(crate) struct Stops(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Set by a signal and by the deadline.
    asked: AtomicBool,
}

#[derive(Default)]
struct State {
    signals: u32,
    first: i32,
    deadline: Option<Instant>,
}

/// A completion that can be waited for, such as a program's end.
#[derive(Clone)]
pub(super) struct Done {
    stops: Stops,
    is_done: Arc<AtomicBool>,
}

impl Stops {
    /// Catches signals for the rest of the program's life.
    pub(crate) fn catch() -> io::Result<Self> {
        let stops = Self::default();
        let mut caught = Signals::new(to_catch())?;
        let shared = stops.clone();
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || caught.forever().for_each(|number| shared.note(number)))?;
        Ok(stops)
    }

    /// Counts a signal; the third one ends the process.
    pub(super) fn note(&self, number: i32) {
        let mut state = self.lock();
        state.signals += 1;
        if state.signals == 1 {
            state.first = number;
        }
        if state.signals > 2 {
            end_by(number);
        }
        self.0.asked.store(true, Ordering::SeqCst);
        self.0.changed.notify_all();
    }

    /// Sets the deadline: at that time the flag is set, whatever the build does.
    pub(super) fn end_at(&self, until: Instant) -> io::Result<()> {
        self.lock().deadline = Some(until);
        let shared = Arc::downgrade(&self.0);
        let sleep = move || {
            thread::sleep(until.saturating_duration_since(Instant::now()));
            if let Some(shared) = shared.upgrade() {
                shared.asked.store(true, Ordering::SeqCst);
            }
        };
        thread::Builder::new().name("deadline".into()).spawn(sleep).map(drop)
    }

    /// When cleaning up that starts now gives up: at the deadline, but not before `GRACE` is over.
    pub(super) fn tidy_until(&self) -> Instant {
        let grace = Instant::now() + GRACE;
        self.lock().deadline.map_or(grace, |deadline| deadline.max(grace))
    }

    /// The flag, which is set once a signal came or the deadline passed.
    pub(super) fn flag(&self) -> &AtomicBool {
        &self.0.asked
    }

    /// Fails once a signal came or the deadline passed.
    pub(super) fn check(&self) -> Result<(), Fault> {
        if self.0.asked.load(Ordering::SeqCst) { Err(self.why()) } else { Ok(()) }
    }

    /// Why the flag is set. A signal takes precedence over the deadline.
    pub(super) fn why(&self) -> Fault {
        if self.lock().signals > 0 { Fault::Stopped } else { Fault::TimeOver }
    }

    /// Ends the process as the first signal would have; does nothing if none came.
    pub(crate) fn end(&self) {
        let (signals, first) = {
            let state = self.lock();
            (state.signals, state.first)
        };
        if signals > 0 {
            end_by(first);
        }
    }

    /// A new completion to wait for.
    pub(super) fn pending(&self) -> Done {
        Done { stops: self.clone(), is_done: Arc::default() }
    }

    /// Runs work that cannot be interrupted, such as a call to the service, in another thread. On a
    /// signal or at the deadline the work is abandoned, so it must leave nothing behind that
    /// matters.
    pub(super) fn during<T: Send + 'static>(
        &self,
        until: Instant,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.during_with(until, Patience::None, work).map_err(|woken| match woken {
            Woken::Done | Woken::Asked => Fault::Stopped,
            Woken::TimeOver => Fault::TimeOver,
        })
    }

    /// Like `during`, with the caller's patience.
    ///
    /// # Errors
    /// What came before the work was done.
    pub(super) fn during_with<T: Send + 'static>(
        &self,
        until: Instant,
        patience: Patience,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Woken> {
        let done = self.pending();
        let ring = done.clone();
        let thread = thread::spawn(move || {
            let _ring = Ring(ring);
            work()
        });
        match done.wait(Some(until), patience) {
            Woken::Done => Ok(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))),
            woken => Err(woken),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Done {
    /// Marks the completion as done, and wakes whoever waits for it.
    pub(super) fn ring(&self) {
        let _state = self.stops.lock();
        self.is_done.store(true, Ordering::SeqCst);
        self.stops.0.changed.notify_all();
    }

    /// Waits for the completion, the deadline or a signal.
    pub(super) fn wait(&self, until: Option<Instant>, patience: Patience) -> Woken {
        let mut state = self.stops.lock();
        loop {
            if self.is_done.load(Ordering::SeqCst) {
                return Woken::Done;
            }
            if state.signals > patience as u32 {
                return Woken::Asked;
            }
            let changed = &self.stops.0.changed;
            state = match until.map(|until| until.checked_duration_since(Instant::now())) {
                Some(None) => return Woken::TimeOver,
                Some(Some(left)) => {
                    changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// Marks the work as done even if it panics.
struct Ring(Done);

impl Drop for Ring {
    fn drop(&mut self) {
        self.0.ring();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use signal_hook::consts::SIGINT;

    use super::*;

    #[test]
    fn a_wait_ends_with_what_comes_first() {
        let stops = Stops::default();
        let done = stops.pending();
        assert_eq!(done.wait(Some(Instant::now()), Patience::None), Woken::TimeOver);
        stops.note(SIGINT);
        assert_eq!(done.wait(None, Patience::None), Woken::Asked);
        assert!(stops.check().is_err());
        // Cleaning up waits through the first signal.
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(done.wait(Some(soon), Patience::One), Woken::TimeOver);
        stops.note(SIGINT);
        assert_eq!(done.wait(None, Patience::One), Woken::Asked);
        done.ring();
        assert_eq!(done.wait(None, Patience::None), Woken::Done);
    }

    #[test]
    fn the_deadline_and_signals_set_one_flag_and_a_signal_counts_more() {
        let stops = Stops::default();
        assert!(stops.check().is_ok());
        stops.end_at(Instant::now()).unwrap();
        while !stops.flag().load(Ordering::SeqCst) {
            thread::yield_now();
        }
        assert!(matches!(stops.check(), Err(Fault::TimeOver)));
        // Waits during cleaning up continue after the deadline.
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(stops.pending().wait(Some(soon), Patience::None), Woken::TimeOver);
        stops.note(SIGINT);
        assert!(matches!(stops.check(), Err(Fault::Stopped)));
    }

    #[test]
    fn work_that_cannot_be_interrupted_is_left() {
        let stops = Stops::default();
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(60));
        assert_eq!(stops.during(later, || 1).unwrap(), 1);
        let wait_for_ever = || {
            let (keep, never) = std::sync::mpsc::channel::<()>();
            move || never.recv().is_err() && keep.send(()).is_ok()
        };
        assert!(matches!(stops.during(now, wait_for_ever()), Err(Fault::TimeOver)));
        stops.note(SIGINT);
        assert!(matches!(stops.during(later, wait_for_ever()), Err(Fault::Stopped)));
    }
}
