//! What server files hand to each other: `process`, its environment, a `require`.
//!
//! Owns the pass between reading and rewriting: files that import what another one certainly exports are read again with
//! that knowledge, until nothing new is learnt. Paths are resolved among the server files alone; it refuses packages,
//! namespaces and whatever two files disagree about.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use aho_corasick::AhoCorasick;
use rayon::prelude::*;

use crate::Error;
use crate::bundle::{Bundle, Reader};
use crate::reads::{Others, Shared};
use crate::work::Phase;

/// Chains of files longer than this are not followed.
const MOST_ROUNDS: usize = 16;

/// Files that publish without a word about the environment: loaders of modules.
const PUBLISHERS: [&str; 3] = ["createRequire", ".x(\"node:process\"", ".x(\"process\""];

/// All that is known to be handed on, and how to find the files that it concerns.
#[derive(Debug, Default)]
pub(crate) struct Links {
    known: Known,
    finder: Option<AhoCorasick>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Known {
    exports: BTreeMap<PathBuf, BTreeMap<String, Shared>>,
    modules: BTreeSet<String>,
    refuted: BTreeSet<String>,
}

/// The links as one file sees them.
pub(crate) struct Seen<'a> {
    pub(crate) links: &'a Links,
    /// Where the file is.
    pub(crate) folder: &'a Path,
}

impl Others for Seen<'_> {
    fn exported(&self, source: &str, name: &str) -> Option<Shared> {
        self.file(source)?.get(name).copied()
    }

    fn all(&self, source: &str) -> Vec<(String, Shared)> {
        let all = self.file(source).into_iter().flatten();
        all.map(|(name, shared)| (name.clone(), *shared)).collect()
    }

    fn is_process(&self, id: &str) -> bool {
        self.links.known.modules.contains(id)
    }
}

impl Seen<'_> {
    fn file(&self, source: &str) -> Option<&BTreeMap<String, Shared>> {
        let is_relative = source.starts_with("./") || source.starts_with("../");
        is_relative.then(|| self.links.known.exports.get(&resolved(self.folder, source))).flatten()
    }
}

impl Known {
    /// What two files disagree about is not known; that they do is not forgotten.
    fn of(bundles: &[Bundle], refuted: &BTreeSet<String>) -> Self {
        let mut known = Self { refuted: refuted.clone(), ..Self::default() };
        for bundle in bundles {
            if !bundle.reads.exports.is_empty() {
                known.exports.insert(bundle.real.clone(), bundle.reads.exports.clone());
            }
            known.modules.extend(bundle.reads.modules.iter().cloned());
            known.refuted.extend(bundle.reads.refuted.iter().cloned());
        }
        known.modules.retain(|id| !known.refuted.contains(id));
        known
    }
}

impl Links {
    fn new(known: Known) -> Self {
        let files = known.exports.keys().filter_map(|path| path.file_name()?.to_str());
        let mut words =
            files.chain(known.modules.iter().chain(&known.refuted).map(String::as_str)).peekable();
        let finder = words
            .peek()
            .is_some()
            .then(|| AhoCorasick::new(words).expect("names of files are far below the automaton's limits"));
        Self { known, finder }
    }

    /// Whether a file may take something from another one, or hand something on that the prefilter does not look for.
    pub(crate) fn concern(&self, text: &[u8]) -> bool {
        self.takes(text)
            || PUBLISHERS.iter().any(|word| memchr::memmem::find(text, word.as_bytes()).is_some())
    }

    fn takes(&self, text: &[u8]) -> bool {
        self.finder.as_ref().is_some_and(|finder| finder.is_match(text))
    }
}

/// Reads those files again that take something from others.
pub(crate) fn link(bundles: &mut [Bundle], reader: &Reader<'_>) -> Result<Links, Error> {
    let mut links = Links::new(Known::of(bundles, &BTreeSet::new()));
    for _ in 0..MOST_ROUNDS {
        if links.finder.is_none() {
            return Ok(links);
        }
        read_again(bundles, &Reader { links: &links, ..*reader })?;
        let known = Known::of(bundles, &links.known.refuted);
        if known == links.known {
            return Ok(links);
        }
        links = Links::new(known);
    }
    // No end in sight: nobody knows anything of the others.
    links.known = Known::default();
    read_again(bundles, &Reader { links: &links, ..*reader })?;
    Ok(Links::default())
}

fn read_again(bundles: &mut [Bundle], reader: &Reader<'_>) -> Result<(), Error> {
    bundles.par_iter_mut().try_for_each(|bundle| {
        let bytes = fs::read(&bundle.real);
        let bytes = bytes.map_err(|source| Error::Read { path: bundle.path.clone(), source })?;
        if reader.links.takes(&bytes) {
            let read = || reader.read(&bundle.real, &bundle.path);
            *bundle = reader.work.time(Phase::Scan, read)?;
        }
        Ok(())
    })
}

/// A relative path without its `.` and `..`.
fn resolved(folder: &Path, source: &str) -> PathBuf {
    let mut path = folder.to_owned();
    for part in Path::new(source).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}
