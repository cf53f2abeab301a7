//! Bakes a deployment's decrypted values into a framework's finished server bundles.
//!
//! [`inline`] plans everything, then writes: it reads the environment of no process, prints nothing and keeps no state.
//! It refuses to write anything when a value is found where the public can fetch it, or when a bundle would still lack
//! a variable that it reads.
//!
//! | module | owns |
//! |---|---|
//! | `layout` | which files are the server's, which are public |
//! | `older` | outputs that were there before the run |
//! | `subject` | which variables, and the names of their functions |
//! | `prefilter`, `scan` | bytes → tokens → reads of the environment, where that is certain |
//! | `syntax`, `reads` | bytes → tree → reads of the environment |
//! | `suspect` | bytes → what may be a use of the environment, and is followed by neither |
//! | `elsewhere` | tree → functions that become text, and children with an environment of their own |
//! | `replace`, `edit`, `tail`, `prefix`, `map` | read + value → new text and a map that still fits |
//! | `prelude` | what is set before the program starts, because it cannot be replaced |
//! | `leak`, `skip`, `unescape`, `public` | the search of everything public |
//! | `mask` | values out of a text that passes by |
//! | `link` | what server files hand to each other |
//! | `map_file` | which map is a bundle's own |
//! | `report`, `printable` | what people and scripts are told |
//! | `bundle`, `plan`, `write`, `seen` | one file, all files, and what is written |
//! | `tree`, `lock` | every way to the disk; one run at a time |
//! | `program` | the command line of `capy-inline`, which alone reads the environment and prints |
//! | `work` | how far a run is, and what its time went into |

mod bundle;
mod data_url;
mod edit;
mod elsewhere;
mod error;
mod explain;
mod how;
mod layout;
mod leak;
mod link;
mod lock;
mod map;
mod map_file;
mod mask;
mod mention;
mod older;
mod place;
mod plan;
mod prefilter;
mod prefix;
mod prelude;
mod printable;
#[cfg(feature = "program")]
pub mod program;
mod public;
mod reads;
mod replace;
mod report;
mod rewrite;
mod scan;
mod seen;
mod skip;
mod subject;
mod suspect;
mod syntax;
mod tail;
pub mod tree;
mod unescape;
mod work;
mod write;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Instant, SystemTime};

use capy_protocol::env_map::EnvMap;

use seen::Seen;
use tree::Watch;
use work::Work;

pub use error::Error;
pub use explain::{CountedRoot, EntryFile, Explanation, explain};
pub use how::How;
pub use layout::Evidence;
pub use mask::{Mask, Masking};
pub use report::{
    Encoding, Finding, Leak, NotScanned, NotSearched, Reason, Report, Root, RootKind, Severity, Unscanned,
    Variable,
};
pub use tree::{Limits, Within};
pub use work::{Phase, Phases, Progress, Step};

/// What to inline, and where.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The names and values of the deployment.
    pub values: &'a EnvMap,
    /// Folders of applications whose build output is recognised by its manifests.
    pub apps: Vec<PathBuf>,
    /// Folders of server bundles that the caller vouches for.
    pub server: Vec<PathBuf>,
    /// Single server bundles that the caller vouches for.
    pub files: Vec<PathBuf>,
    /// Further folders that the public can fetch.
    pub public: Vec<PathBuf>,
    /// Leave outputs alone that are older: neither their times say that they were written since, nor the file system's.
    pub written_since: Option<SystemTime>,
    /// Fail with [`Error::OlderThanRun`] where such an output does not hold these values.
    pub refuse_older: bool,
    /// Search what builds of static sites leave, and name scripts that were written since and belong to no known layout.
    /// An application without a known output is no error then.
    pub beside_layouts: bool,
    /// Variables whose values may stand in public files.
    pub allow_leak: BTreeSet<String>,
    /// Variables to inline although a public script names them.
    pub allow_mention: BTreeSet<String>,
    pub dynamic: Dynamic,
    /// How far around the named folders a run may go.
    pub within: Within,
    /// How much is read of large files.
    pub limits: Limits,
    /// From then on the run fails with [`Error::TimeOver`], as one that is stopped.
    pub deadline: Option<Instant>,
    /// Set by somebody else to stop the run: it fails with [`Error::Stopped`] and leaves no temporary file behind.
    pub stop: Option<&'a AtomicBool>,
    /// Told how far the run is.
    pub progress: Option<&'a Progress>,
}

impl<'a> Request<'a> {
    /// A request for these values and nothing else yet.
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

/// What becomes of uses of the environment that cannot be replaced by a value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Dynamic {
    /// The variables that they may want are set before the program starts. What cannot be set fails the run.
    #[default]
    Auto,
    /// All variables are set before the program starts, beside the reads that are replaced.
    Prelude,
    /// Nothing is set; what stays is reported, and fails nothing.
    Warn,
    /// Nothing is set; whatever may read a variable fails the run.
    Error,
}

/// Plans and, if nothing speaks against it, writes.
///
/// A run that fails by a read that stays or by a leak answers `Ok` with [`Report::worst`] at [`Severity::Failure`] and
/// [`Report::written`] unset.
///
/// # Errors
/// When the files cannot be read or written, or the layout is refused: see [`Error`].
pub fn inline(request: &Request<'_>) -> Result<Report, Error> {
    let pool = rayon::ThreadPoolBuilder::new().stack_size(STACK).build().map_err(|_| Error::Threads)?;
    pool.install(|| run(request))
}

/// Of each thread, in bytes: a text whose tree needs more is refused. A stack is only used as far as it is needed.
pub(crate) const STACK: usize = 256 << 20;

fn run(request: &Request<'_>) -> Result<Report, Error> {
    let work = Work::new(request.watch(), request.progress);
    let mut inventory = work.time(Phase::List, || layout::inventory(request))?;
    let older = older::outputs(request, std::mem::take(&mut inventory.older), &work)?;
    let unrecognised = std::mem::take(&mut inventory.unrecognised);
    let tree = &inventory.tree;
    let _locks = lock::lock(tree, inventory.written_folders())?;
    write::sweep(tree, &inventory.leftovers)?;
    let seen = Seen::now(tree, inventory.server.keys().chain(inventory.maps.keys()));
    let (mut report, changes) = plan::plan(request, &inventory, &work)?;
    tree.refuse_faults()?;
    report.written = report.worst() != Some(Severity::Failure);
    if report.written {
        write::commit(tree, &changes, &seen, &work)?;
    }
    report.older = older;
    report.unrecognised = unrecognised;
    report.phases = work.phases();
    Ok(report)
}

/// For the fuzzer and the table of one-line tests.
#[doc(hidden)]
pub mod testing {
    use capy_protocol::env_map::EnvMap;

    /// As in a run: a tree may want more stack than a test's thread has.
    fn with_stack<T: Send>(task: impl FnOnce() -> T + Send) -> T {
        std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().stack_size(crate::STACK).spawn_scoped(scope, task);
            thread.expect("one more thread").join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    pub use crate::plan::Inlined;
    use crate::prefilter::Prefilter;
    pub use crate::scan::Doubt;
    use crate::subject::Subjects;

    /// Whether tokens and tree tell the same about a text.
    #[derive(Debug, PartialEq, Eq)]
    pub enum Agreement {
        NotSure(Doubt),
        /// So many reads and notes.
        Same(usize),
        /// What the tokens tell, and what the tree does; nothing when the text does not parse.
        Different(String, Option<String>),
    }

    /// Asks both.
    pub fn tokens_and_tree(text: &str, values: &EnvMap) -> Agreement {
        with_stack(|| both(text, values))
    }

    fn both(text: &str, values: &EnvMap) -> Agreement {
        let subjects = Subjects::of(values);
        let tokens = match Prefilter::new(subjects.iter()).tokens(text, &subjects) {
            Ok(reads) => reads.in_order(),
            Err(doubt) => return Agreement::NotSure(doubt),
        };
        let links = crate::link::Links::default();
        let nobody = crate::link::Seen { links: &links, folder: std::path::Path::new("") };
        let tree = crate::syntax::parse(text)
            .ok()
            .map(|program| crate::reads::find(&program, &subjects, &nobody).in_order());
        match tree {
            Some(tree) if tree == tokens => Agreement::Same(tree.reads.len() + tree.notes.len()),
            tree => Agreement::Different(format!("{tokens:?}"), tree.map(|tree| format!("{tree:?}"))),
        }
    }

    /// Whether the parser accepts this text.
    pub fn parses(text: &str) -> bool {
        with_stack(|| crate::syntax::parse(text).is_ok())
    }

    /// One bundle without a file system.
    pub fn inline(text: &str, values: &EnvMap) -> Inlined {
        with_stack(|| crate::plan::inline_text(text, None, values))
    }

    /// The same, with its source map.
    pub fn inline_with_map(text: &str, map: &str, values: &EnvMap) -> Inlined {
        with_stack(|| crate::plan::inline_text(text, Some(map), values))
    }
}
