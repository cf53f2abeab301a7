//! Replaces reads of environment variables in a framework's finished server bundles with a
//! deployment's decrypted values.
//!
//! [`inline`] plans all changes before it writes any. It reads no process environment, prints
//! nothing and keeps no state. It writes nothing if a value is found where the public can fetch it,
//! or if a bundle would still lack a variable that it reads.
//!
//! | module | content |
//! |---|---|
//! | `layout` | which files belong to the server, and which are public |
//! | `variables` | which variables are inlined, and the names of their functions |
//! | `prefilter`, `scan` | reads of the environment found in tokens, where that is certain |
//! | `syntax`, `reads` | reads of the environment found in the syntax tree |
//! | `heuristics` | possible uses of the environment that neither analysis follows |
//! | `elsewhere` | functions that become text, and children with an environment of their own |
//! | `link` | the values that server files export to each other |
//! | `replace` | the edits that put a call in place of a read |
//! | `helpers`, `footer` | the functions that are appended to a bundle |
//! | `map`, `map_file` | adjusted source maps, and which map belongs to a bundle |
//! | `prelude` | variables that are set before the program starts |
//! | `leaks` | the search of public files for values, and the redaction of streamed text |
//! | `words`, `unescape`, `line_index`, `digest` | where words end; escapes undone; lines and columns; short digests |
//! | `bundle`, `rewrite`, `plan` | one file before and after, and all files |
//! | `inline_text` | one file in memory |
//! | `snapshot`, `write` | what was read is unchanged, and what is written |
//! | `finding`, `report`, `printable` | reports for people and for scripts |
//! | `tree`, `lock` | file system access; one run at a time |
//! | `program` | the command line of `capy-inline`; only it reads the environment and prints |
//! | `progress` | progress, and the time of each phase |

mod bundle;
mod digest;
mod elsewhere;
mod error;
mod explain;
mod finding;
mod footer;
mod helpers;
mod heuristics;
mod inline_text;
mod layout;
mod leaks;
mod line_index;
mod link;
mod lock;
mod map;
mod map_file;
mod plan;
mod prefilter;
mod prelude;
mod printable;
#[cfg(feature = "program")]
pub mod program;
mod progress;
mod reads;
mod replace;
mod report;
mod rewrite;
mod scan;
mod snapshot;
mod syntax;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tree;
mod unescape;
mod variables;
mod words;
mod write;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Instant, SystemTime};

use capy_protocol::env_map::EnvMap;

use layout::{Inventory, Layout};
use progress::Run;
use snapshot::Snapshot;
use tree::Watch;

pub use error::Error;
pub use explain::{CountedRoot, EntryFile, Explanation, explain};
pub use finding::{Finding, Reason, Severity};
pub use inline_text::{InlinedText, inline_text};
pub use layout::{Evidence, Root, RootKind};
pub use leaks::{Encoding, Leak, NotScanned, NotSearched, Origin, RedactedStream, Redactor, Unscanned};
pub use progress::{Phase, Phases, Progress, Step};
pub use report::{Report, Variable};
pub use tree::{Limits, Within};

/// What to inline, and where.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The names and values of the deployment.
    pub values: &'a EnvMap,
    /// Application folders whose build output is recognised by its manifests.
    pub apps: Vec<PathBuf>,
    /// Folders of server bundles that the caller vouches for.
    pub server: Vec<PathBuf>,
    /// Single server bundles that the caller vouches for.
    pub files: Vec<PathBuf>,
    /// Workers that wrangler bundled and that are about to be uploaded.
    pub workers: Vec<BundledWorker>,
    /// Further folders that the public can fetch.
    pub public: Vec<PathBuf>,
    /// Skips outputs that are older: neither their modification time nor the file system's status
    /// change time is later.
    pub written_since: Option<SystemTime>,
    /// Fails with [`Error::OlderThanRun`] if such an output does not hold these values.
    pub refuse_older: bool,
    /// Also searches the output of static site builds, and lists scripts that were written since
    /// and belong to no known layout. An application without a known output is then no error.
    pub beside_layouts: bool,
    /// Variables whose values are allowed in public files.
    pub allow_leak: BTreeSet<String>,
    /// Variables to inline although a public script names them.
    pub allow_mention: BTreeSet<String>,
    pub dynamic: Dynamic,
    /// How far outside the named folders a run may go.
    pub within: Within,
    /// How many bytes of files a run may read.
    pub limits: Limits,
    /// After this time the run fails with [`Error::TimeOver`], and cleans up as a stopped run does.
    pub deadline: Option<Instant>,
    /// Set from outside to stop the run: it fails with [`Error::Stopped`] and leaves no temporary
    /// file behind.
    pub stop: Option<&'a AtomicBool>,
    /// Receives the run's progress.
    pub progress: Option<&'a Progress>,
}

impl<'a> Request<'a> {
    /// A request with these values and no files.
    pub fn new(values: &'a EnvMap) -> Self {
        Self {
            values,
            apps: Vec::new(),
            server: Vec::new(),
            files: Vec::new(),
            workers: Vec::new(),
            public: Vec::new(),
            written_since: None,
            refuse_older: false,
            beside_layouts: false,
            allow_leak: BTreeSet::new(),
            allow_mention: BTreeSet::new(),
            dynamic: Dynamic::default(),
            within: Within::default(),
            limits: Limits::default(),
            deadline: None,
            stop: None,
            progress: None,
        }
    }

    fn watch(&self) -> Watch<'a> {
        Watch { stop: self.stop, deadline: self.deadline }
    }
}

/// A Worker as `wrangler deploy --dry-run --outdir` wrote it.
#[derive(Debug, Clone)]
pub struct BundledWorker {
    /// The folder that holds the Worker's modules and nothing else.
    pub output: PathBuf,
    /// The module that Cloudflare's runtime loads first.
    pub entry: PathBuf,
    /// The configuration that wrangler read, which names the folders that are served.
    pub configuration: Option<PathBuf>,
    /// The project's folder, whose files that configuration may name.
    pub project: PathBuf,
}

/// What happens with uses of the environment that cannot be replaced by a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dynamic {
    /// Sets the variables that such uses may need before the program starts. Fails the run if that
    /// is impossible.
    #[default]
    Auto,
    /// Sets all variables before the program starts, and replaces reads as well.
    Prelude,
    /// Sets nothing; reports such uses without failing.
    Warn,
    /// Sets nothing; fails the run if such a use may read a variable.
    Error,
}

/// Whether a file of this name is a module that a run added to a bundle, to set variables.
pub fn is_added_module(name: &str) -> bool {
    prelude::is_file_name(name)
}

/// Plans all changes, and writes them if nothing failed.
///
/// A run that fails because of a leak or of a read that cannot be replaced returns `Ok`, with
/// [`Report::worst`] at [`Severity::Failure`] and [`Report::written`] unset.
///
/// # Errors
/// When the files cannot be read or written, or the layout is refused: see [`Error`].
pub fn inline(request: &Request<'_>) -> Result<Report, Error> {
    with_large_stacks(0, || plan_and_write(request))?
}

/// Runs a task in so many threads of its own, or in one for each core if `threads` is zero.
fn with_large_stacks<T: Send>(threads: usize, task: impl FnOnce() -> T + Send) -> Result<T, Error> {
    /// Stack size of each thread, in bytes; a text whose tree needs more is rejected. The system
    /// commits stack memory only as it is used.
    const STACK: usize = 256 << 20;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).stack_size(STACK).build();
    let pool = pool.map_err(|_| Error::Threads)?;
    std::thread::scope(|scope| {
        // The caller may be a thread of another pool, and must not begin other tasks meanwhile.
        let waiting = std::thread::Builder::new().spawn_scoped(scope, || pool.install(task));
        let result = waiting.map_err(|_| Error::Threads)?.join();
        Ok(result.unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })
}

fn plan_and_write(request: &Request<'_>) -> Result<Report, Error> {
    let run = Run::new(request.watch(), request.progress);
    let mut inventory = run.time(Phase::List, || layout::inventory(request))?;
    let older = older_without_values(request, std::mem::take(&mut inventory.older), &run)?;
    let unrecognised = std::mem::take(&mut inventory.unrecognised);
    let tree = &inventory.tree;
    let _locks = lock::lock(tree, inventory.written_folders())?;
    write::sweep(tree, &inventory.leftovers)?;
    let snapshot = Snapshot::take(tree, inventory.server.keys().chain(inventory.maps.keys()));
    let (mut report, changes) = plan::plan(request, &inventory, &run)?;
    tree.refuse_faults()?;
    report.written = report.worst() != Some(Severity::Failure);
    if report.written {
        write::commit(tree, &changes, &snapshot, &run)?;
    }
    report.older_than_run = older;
    report.unrecognised = unrecognised;
    report.phases = run.phases();
    Ok(report)
}

/// The manifests of known outputs that are older than the run, because a cache kept them or nothing
/// was built, and that do not hold the values from an earlier run either. Never writes into one.
fn older_without_values(
    request: &Request<'_>,
    older: Vec<Layout>,
    run: &Run<'_>,
) -> Result<Vec<PathBuf>, Error> {
    let mut outdated = Vec::new();
    for layout in older {
        let manifest = layout.evidence.first().map_or_else(|| layout.tree.clone(), |(path, _)| path.clone());
        match holds_values(request, layout, run) {
            Ok(true) => {}
            Err(error @ (Error::Stopped | Error::TimeOver)) => return Err(error),
            Ok(false) | Err(_) if request.refuse_older => return Err(Error::OlderThanRun { path: manifest }),
            // A broken output is reported as outdated, too.
            Ok(false) | Err(_) => outdated.push(manifest),
        }
    }
    Ok(outdated)
}

/// Whether a run would change nothing and find no failure.
fn holds_values(request: &Request<'_>, layout: Layout, run: &Run<'_>) -> Result<bool, Error> {
    let inventory = Inventory::of(layout::tree(request)?, &[layout], &[])?;
    let (report, changes) = plan::plan(request, &inventory, run)?;
    Ok(changes.is_empty() && report.worst() != Some(Severity::Failure))
}
