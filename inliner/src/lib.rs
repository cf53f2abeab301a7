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
//! | `older_outputs` | outputs that existed before the run |
//! | `variables` | which variables are inlined, and the names of their functions |
//! | `prefilter`, `scan` | reads of the environment found in tokens, where that is certain |
//! | `syntax`, `reads` | reads of the environment found in the syntax tree |
//! | `heuristics` | possible uses of the environment that neither analysis follows |
//! | `elsewhere` | functions that become text, and children with an environment of their own |
//! | `link` | the values that server files export to each other |
//! | `replace`, `edit` | the text in place of a read |
//! | `helpers`, `footer` | the functions that are appended to a bundle |
//! | `map`, `map_file`, `data_url` | adjusted source maps, and which map belongs to a bundle |
//! | `prelude` | variables that are set before the program starts |
//! | `leaks` | the search of public files for values, and the redaction of streamed text |
//! | `unescape`, `line_index` | escapes of several languages undone; lines and columns |
//! | `bundle`, `rewrite`, `plan` | one file before and after, and all files |
//! | `snapshot`, `write` | what was read is unchanged, and what is written |
//! | `finding`, `report`, `printable` | reports for people and for scripts |
//! | `tree`, `lock` | file system access; one run at a time |
//! | `program` | the command line of `capy-inline`; only it reads the environment and prints |
//! | `progress` | progress, and the time of each phase |

mod bundle;
mod data_url;
mod edit;
mod elsewhere;
mod error;
mod explain;
mod finding;
mod footer;
mod helpers;
mod heuristics;
mod layout;
mod leaks;
mod line_index;
mod link;
mod lock;
mod map;
mod map_file;
mod older_outputs;
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
pub mod tree;
mod unescape;
mod variables;
mod write;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Instant, SystemTime};

use capy_protocol::env_map::EnvMap;

use progress::Run;
use snapshot::Snapshot;
use tree::Watch;

pub use error::Error;
pub use explain::{CountedRoot, EntryFile, Explanation, explain};
pub use finding::{Finding, Reason, Severity};
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
}

impl<'a> Request<'a> {
    fn watch(&self) -> Watch<'a> {
        Watch { stop: self.stop, deadline: self.deadline }
    }
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

/// Plans all changes, and writes them if nothing failed.
///
/// A run that fails because of a leak or of a read that cannot be replaced returns `Ok`, with
/// [`Report::worst`] at [`Severity::Failure`] and [`Report::written`] unset.
///
/// # Errors
/// When the files cannot be read or written, or the layout is refused: see [`Error`].
pub fn inline(request: &Request<'_>) -> Result<Report, Error> {
    let pool = rayon::ThreadPoolBuilder::new().stack_size(STACK).build().map_err(|_| Error::Threads)?;
    pool.install(|| plan_and_write(request))
}

/// Stack size of each thread, in bytes; a text whose tree needs more is rejected. The system
/// commits stack memory only as it is used.
pub(crate) const STACK: usize = 256 << 20;

fn plan_and_write(request: &Request<'_>) -> Result<Report, Error> {
    let run = Run::new(request.watch(), request.progress);
    let mut inventory = run.time(Phase::List, || layout::inventory(request))?;
    let older = older_outputs::without_values(request, std::mem::take(&mut inventory.older), &run)?;
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

/// For the fuzzer and the table of one-line tests.
#[doc(hidden)]
pub mod testing {
    use capy_protocol::env_map::EnvMap;

    /// Runs with the stack size of a real run, because a tree may need more than a test thread has.
    fn with_stack<T: Send>(task: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(crate::STACK).spawn_scoped(scope, task);
            thread.expect("one more thread").join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    pub use crate::plan::Inlined;
    use crate::prefilter::Prefilter;
    pub use crate::scan::Doubt;
    use crate::variables::InlinedVariables;

    /// Whether the token scan and the syntax tree find the same in a text.
    #[derive(Debug, PartialEq, Eq)]
    pub enum Agreement {
        NotSure(Doubt),
        /// The number of reads and notes.
        Same(usize),
        /// What the tokens show, and what the tree shows; `None` if the text does not parse.
        Different(String, Option<String>),
    }

    /// Compares both analyses.
    pub fn tokens_and_tree(text: &str, values: &EnvMap) -> Agreement {
        with_stack(|| both(text, values))
    }

    fn both(text: &str, values: &EnvMap) -> Agreement {
        let variables = InlinedVariables::of(values);
        let tokens = match Prefilter::new(variables.iter()).tokens(text, &variables) {
            Ok(reads) => reads.in_order(),
            Err(doubt) => return Agreement::NotSure(doubt),
        };
        let links = crate::link::Links::default();
        let nobody = crate::link::Seen { links: &links, folder: std::path::Path::new("") };
        let tree = crate::syntax::parse(text)
            .ok()
            .map(|program| crate::reads::find(&program, &variables, &nobody).in_order());
        match tree {
            Some(tree) if tree == tokens => Agreement::Same(tree.reads.len() + tree.notes.len()),
            tree => Agreement::Different(format!("{tokens:?}"), tree.map(|tree| format!("{tree:?}"))),
        }
    }

    /// Whether the parser accepts this text.
    pub fn parses(text: &str) -> bool {
        with_stack(|| crate::syntax::parse(text).is_ok())
    }

    /// Inlines one bundle without a file system.
    pub fn inline(text: &str, values: &EnvMap) -> Inlined {
        with_stack(|| crate::plan::inline_text(text, None, values))
    }

    /// Inlines one bundle and adjusts its source map.
    pub fn inline_with_map(text: &str, map: &str, values: &EnvMap) -> Inlined {
        with_stack(|| crate::plan::inline_text(text, Some(map), values))
    }
}
