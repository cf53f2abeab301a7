//! Progress, cancellation and timing of a run.
//!
//! One [`Run`] per run, shared by its threads, does the counting. It displays nothing: a program
//! reads its [`Progress`] at any time.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::Error;
use crate::tree::Watch;

/// The phases of a run, in order. Progress counts parsing as part of scanning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Finding out which files belong to the server and which are public.
    List,
    /// Searching public files for values.
    Search,
    /// Reading server files and their tokens.
    Scan,
    /// Building syntax trees of files whose tokens are not enough.
    Parse,
    /// Deciding the new contents of each file.
    Edit,
    /// Writing the files.
    Write,
}

impl Phase {
    const ALL: [Self; 6] = [Self::List, Self::Search, Self::Scan, Self::Parse, Self::Edit, Self::Write];

    /// A one-word name of the phase.
    pub fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Search => "search",
            Self::Scan => "scan",
            Self::Parse => "parse",
            Self::Edit => "edit",
            Self::Write => "write",
        }
    }
}

/// The progress of a run, for a program that displays it from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    done: AtomicUsize,
    files: AtomicUsize,
}

/// The progress at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    pub phase: Phase,
    /// Finished files of this phase, and all of them; both are zero while files are being listed.
    pub done: usize,
    pub files: usize,
}

impl Progress {
    /// The run's current step. The numbers are approximate, because another thread may be changing
    /// them.
    pub fn step(&self) -> Step {
        let phase = Phase::ALL[usize::from(self.phase.load(Ordering::Acquire))];
        let files = self.files.load(Ordering::Relaxed);
        Step { phase, done: self.done.load(Ordering::Relaxed).min(files), files }
    }

    fn begin(&self, phase: Phase, files: usize) {
        self.done.store(0, Ordering::Relaxed);
        self.files.store(files, Ordering::Relaxed);
        self.phase.store(phase as u8, Ordering::Release);
    }
}

/// The time of each phase, summed over all threads. In JSON: per phase, seconds and the share of
/// the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases([Duration; 6]);

impl Phases {
    /// The time of one phase.
    pub fn of(&self, phase: Phase) -> Duration {
        self.0[phase as usize]
    }

    /// The time of all phases.
    pub fn whole(&self) -> Duration {
        self.0.iter().sum()
    }

    /// Each phase with its share of the whole.
    pub fn shares(&self) -> impl Iterator<Item = (Phase, f64)> + '_ {
        let whole = self.whole().as_secs_f64();
        let share = move |phase| if whole > 0.0 { self.of(phase).as_secs_f64() / whole } else { 0.0 };
        Phase::ALL.into_iter().map(move |phase| (phase, share(phase)))
    }
}

impl Serialize for Phases {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(serde::Serialize)]
        struct Part {
            seconds: f64,
            share: f64,
        }
        let mut map = serializer.serialize_map(Some(Phase::ALL.len()))?;
        for (phase, share) in self.shares() {
            map.serialize_entry(phase.name(), &Part { seconds: self.of(phase).as_secs_f64(), share })?;
        }
        map.end()
    }
}

/// State that the threads of a run share.
#[derive(Debug, Default)]
pub(crate) struct Run<'a> {
    watch: Watch<'a>,
    progress: Option<&'a Progress>,
    nanoseconds: [AtomicU64; 6],
}

impl<'a> Run<'a> {
    pub(crate) fn new(watch: Watch<'a>, progress: Option<&'a Progress>) -> Self {
        Self { watch, progress, ..Self::default() }
    }

    /// Fails once the run is stopped or past its deadline.
    pub(crate) fn goes_on(&self) -> Result<(), Error> {
        self.watch.goes_on()
    }

    pub(crate) fn begin(&self, phase: Phase, files: usize) {
        if let Some(progress) = self.progress {
            progress.begin(phase, files);
        }
    }

    /// Processes one file of a phase.
    pub(crate) fn file<T>(&self, phase: Phase, task: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.goes_on()?;
        let result = self.time(phase, task);
        if let Some(progress) = self.progress {
            progress.done.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Times a task, which must not use other threads.
    pub(crate) fn time<T>(&self, phase: Phase, task: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = task();
        let spent = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds[phase as usize].fetch_add(spent, Ordering::Relaxed);
        result
    }

    /// The times counted so far.
    pub(crate) fn phases(&self) -> Phases {
        let spent = |phase: Phase| self.nanoseconds[phase as usize].load(Ordering::Relaxed);
        // Parsing happens within scanning.
        let own = |phase| match phase {
            Phase::Scan => spent(phase).saturating_sub(spent(Phase::Parse)),
            _ => spent(phase),
        };
        Phases(Phase::ALL.map(|phase| Duration::from_nanos(own(phase))))
    }
}
