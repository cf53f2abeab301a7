//! How far a run is, whether it shall go on, and what its time went into.
//!
//! Owns the counting: one [`Work`] for a run, shared by its threads. It refuses to draw: a program looks at its
//! [`Progress`] whenever it likes.

use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::Error;
use crate::tree::Watch;

/// What a run does, in this order. Parsing is part of scanning for who counts files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Phase {
    /// Finding out which files are whose.
    List,
    /// Looking for values in everything public.
    Search,
    /// Reading server files, and their tokens.
    Scan,
    /// Trees of those whose tokens are not enough.
    Parse,
    /// Deciding what each becomes.
    Edit,
    /// Writing them.
    Write,
}

impl Phase {
    const ALL: [Self; 6] = [Self::List, Self::Search, Self::Scan, Self::Parse, Self::Edit, Self::Write];

    /// One word for it.
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

/// How far a run is, for a program that shows it from another thread.
#[derive(Debug, Default)]
pub struct Progress {
    phase: AtomicU8,
    done: AtomicUsize,
    files: AtomicUsize,
}

/// A moment of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    pub phase: Phase,
    /// Files of this phase that are done, and all of them; none while they are being listed.
    pub done: usize,
    pub files: usize,
}

impl Progress {
    /// The run's present step. The numbers are for show: another thread may just be changing them.
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

/// What a run's time went into: that of all threads together. In JSON: per phase, seconds and the share of the whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Phases([Duration; 6]);

impl Phases {
    /// What one phase took.
    pub fn of(&self, phase: Phase) -> Duration {
        self.0[phase as usize]
    }

    /// What all phases took.
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

/// What the threads of a run share.
#[derive(Debug, Default)]
pub(crate) struct Work<'a> {
    watch: Watch<'a>,
    progress: Option<&'a Progress>,
    nanoseconds: [AtomicU64; 6],
}

impl<'a> Work<'a> {
    pub(crate) fn new(watch: Watch<'a>, progress: Option<&'a Progress>) -> Self {
        Self { watch, progress, ..Self::default() }
    }

    /// Fails once the caller wants no more of it.
    pub(crate) fn goes_on(&self) -> Result<(), Error> {
        self.watch.goes_on()
    }

    pub(crate) fn begin(&self, phase: Phase, files: usize) {
        if let Some(progress) = self.progress {
            progress.begin(phase, files);
        }
    }

    /// One file of a phase.
    pub(crate) fn file<T>(&self, phase: Phase, task: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.goes_on()?;
        let result = self.time(phase, task);
        if let Some(progress) = self.progress {
            progress.done.fetch_add(1, Ordering::Relaxed);
        }
        result
    }

    /// Something that takes time, and hands nothing to other threads.
    pub(crate) fn time<T>(&self, phase: Phase, task: impl FnOnce() -> T) -> T {
        let begin = Instant::now();
        let result = task();
        let spent = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds[phase as usize].fetch_add(spent, Ordering::Relaxed);
        result
    }

    /// What was counted so far.
    pub(crate) fn phases(&self) -> Phases {
        let spent = |phase: Phase| self.nanoseconds[phase as usize].load(Ordering::Relaxed);
        // Trees are made within a scan.
        let own = |phase| match phase {
            Phase::Scan => spent(phase).saturating_sub(spent(Phase::Parse)),
            _ => spent(phase),
        };
        Phases(Phase::ALL.map(|phase| Duration::from_nanos(own(phase))))
    }
}
