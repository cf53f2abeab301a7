//! What server files hand to each other: `process`, its environment, a `require`.
//!
//! Owns the pass between reading and rewriting: files that import what another one certainly exports are read again with
//! that knowledge, until nothing new is learnt. Paths are resolved among the server files alone; it refuses packages,
//! namespaces and whatever two files disagree about.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

use aho_corasick::AhoCorasick;
use rayon::prelude::*;

use crate::Error;
use crate::bundle::{Bundle, Reader};
use crate::progress::Phase;
use crate::reads::{Others, Shared};
use crate::tree::Tree;

/// Chains of files longer than this are not followed.
const MOST_ROUNDS: usize = 16;

/// Files that publish without a word about the environment: loaders of modules.
const PUBLISHERS: [&str; 3] = ["createRequire", ".x(\"node:process\"", ".x(\"process\""];

/// All that is known to be handed on, and how to find the files that it concerns.
#[derive(Debug, Default)]
pub(crate) struct Links {
    known: Known,
    finder: Option<AhoCorasick>,
    /// So many of the finder's words are names of files, and so many more are ids of modules; the others are ids that a
    /// file was perhaps read with before they were refuted.
    files: usize,
    modules: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Known {
    exports: BTreeMap<PathBuf, BTreeMap<String, Shared>>,
    modules: BTreeSet<String>,
    refuted: BTreeSet<String>,
    /// Those that some text refutes, so that no file was ever read as if they were known.
    unheard: BTreeSet<String>,
}

/// What a file has to do with others, perhaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Concern {
    /// It takes something from another one.
    Takes,
    /// It hands something on that the prefilter does not look for.
    Publishes,
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
        is_relative(source).then(|| self.links.known.exports.get(&resolved(self.folder, source))).flatten()
    }
}

impl Known {
    /// What two files disagree about is not known; that they do is not forgotten.
    fn of(bundles: &[Bundle], before: &Self) -> Self {
        let (refuted, unheard) = (before.refuted.clone(), before.unheard.clone());
        let mut known = Self { refuted, unheard, ..Self::default() };
        for bundle in bundles {
            if !bundle.reads.exports.is_empty() {
                known.exports.insert(bundle.real.clone(), bundle.reads.exports.clone());
            }
            known.modules.extend(bundle.reads.modules.iter().cloned());
            known.refuted.extend(bundle.reads.refuted.iter().cloned());
        }
        known.modules.retain(|id| !known.refuted.contains(id) && !known.unheard.contains(id));
        known
    }

    /// Without modules that another file's text defines as something else: every bundle that stands alone counts its modules
    /// from one, or nearly so.
    fn heard_by_all(mut self, bundles: &[Bundle], tree: &Tree<'_>) -> Result<Self, Error> {
        let ids: Vec<&String> = self.modules.iter().collect();
        if ids.is_empty() {
            return Ok(self);
        }
        let finder = AhoCorasick::new(&ids).expect("ids are far below the automaton's limits");
        let one = |bundle: &Bundle| {
            let text = tree.read(&bundle.real)?;
            let found = finder.find_overlapping_iter(&text);
            let others = found.filter(|found| is_another(&text[..found.start()], &text[found.end()..]));
            Ok(others.map(|found| ids[found.pattern()].clone()).collect())
        };
        let merge = |mut all: BTreeSet<String>, one: BTreeSet<String>| {
            all.extend(one);
            Ok::<_, Error>(all)
        };
        self.unheard = bundles.par_iter().map(one).try_reduce(BTreeSet::new, merge)?;
        self.modules.retain(|id| !self.unheard.contains(id));
        Ok(self)
    }
}

impl Links {
    fn new(known: Known) -> Self {
        let names = known.exports.keys().filter_map(|path| path.file_name()?.to_str());
        let mut words: Vec<&str> = names.collect();
        let (files, modules) = (words.len(), known.modules.len());
        words.extend(known.modules.iter().chain(&known.refuted).map(String::as_str));
        let finder = (!words.is_empty())
            .then(|| AhoCorasick::new(words).expect("names of files are far below the automaton's limits"));
        Self { known, finder, files, modules }
    }

    /// What a file in this folder may have to do with others.
    pub(crate) fn concern(&self, text: &[u8], folder: &Path) -> Option<Concern> {
        if self.files + self.modules > 0 && self.takes(text, folder, self.files + self.modules) {
            return Some(Concern::Takes);
        }
        let publishes = PUBLISHERS.iter().any(|word| memchr::memmem::find(text, word.as_bytes()).is_some());
        publishes.then_some(Concern::Publishes)
    }

    /// Whether one of the finder's first words stands where it may be what it is looked for.
    fn takes(&self, text: &[u8], folder: &Path, words: usize) -> bool {
        let found = self.finder.iter().flat_map(|finder| finder.find_overlapping_iter(text));
        found.filter(|found| found.pattern().as_usize() < words).any(|found| {
            if found.pattern().as_usize() < self.files {
                self.is_imported(text, found.range(), folder)
            } else {
                may_be_an_id(&text[..found.start()], &text[found.end()..])
            }
        })
    }

    /// Whether a file's name here may be the end of the specifier of one that hands something on.
    fn is_imported(&self, text: &[u8], name: Range<usize>, folder: &Path) -> bool {
        let Some(quote @ (b'"' | b'\'' | b'`')) = text.get(name.end) else { return false };
        let Some(open) = memchr::memrchr3(b'"', b'\'', b'`', &text[..name.start]) else { return false };
        match std::str::from_utf8(&text[open + 1..name.end]) {
            Ok(source) if text[open] == *quote && !source.contains('\\') => {
                is_relative(source) && self.known.exports.contains_key(&resolved(folder, source))
            }
            _ => true,
        }
    }
}

fn is_relative(source: &str) -> bool {
    source.starts_with("./") || source.starts_with("../")
}

/// Whether a module's id between these texts may be a key, an element or an argument. A comment may stand beside it.
fn may_be_an_id(before: &[u8], after: &[u8]) -> bool {
    let (before, after) = unquoted(before, after);
    matches!(before.last(), Some(b'(' | b'[' | b'{' | b',' | b'/'))
        && matches!(after.first(), Some(b')' | b']' | b':' | b',' | b'(' | b'/'))
}

/// Whether a module's id between these texts begins a module that is not the process module: a function follows, and no
/// word of `process` where it would be.
fn is_another(before: &[u8], after: &[u8]) -> bool {
    const NEAR: usize = 300;
    let (before, after) = unquoted(before, after);
    let near = &after[..after.len().min(NEAR)];
    let is_defined = match near.split_first() {
        Some((b':' | b',', value)) => is_function(value.trim_ascii_start()),
        Some((b'(', _)) => true,
        _ => false,
    };
    is_defined
        && matches!(before.last(), Some(b'{' | b',' | b'[' | b'/'))
        && memchr::memmem::find(near, b"process").is_none()
}

fn is_function(text: &[u8]) -> bool {
    let name = text.iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"_$".contains(byte)).count();
    text.starts_with(b"function") || text.starts_with(b"(") || name > 0 && text[name..].starts_with(b"=>")
}

/// What stands around a word and its quotes, if it has them.
fn unquoted<'t>(before: &'t [u8], after: &'t [u8]) -> (&'t [u8], &'t [u8]) {
    match (before.split_last(), after.split_first()) {
        (Some((a, before)), Some((b, after))) if a == b && b"\"'`".contains(a) => {
            (before.trim_ascii_end(), after.trim_ascii_start())
        }
        _ => (before.trim_ascii_end(), after.trim_ascii_start()),
    }
}

/// Reads those files again that take something from others.
pub(crate) fn link(bundles: &mut [Bundle], reader: &Reader<'_>) -> Result<Links, Error> {
    let known = Known::of(bundles, &Known::default()).heard_by_all(bundles, reader.tree)?;
    let mut links = Links::new(known);
    for _ in 0..MOST_ROUNDS {
        if links.finder.is_none() {
            return Ok(links);
        }
        read_again(bundles, &links, &Reader { links: &links, ..*reader })?;
        let known = Known::of(bundles, &links.known);
        if known == links.known {
            return Ok(links);
        }
        links = Links::new(known);
    }
    // No end in sight: nobody knows anything of the others.
    let nothing = Links::default();
    read_again(bundles, &links, &Reader { links: &nothing, ..*reader })?;
    Ok(nothing)
}

/// Those that take something by these links, with what the reader knows.
fn read_again(bundles: &mut [Bundle], links: &Links, reader: &Reader<'_>) -> Result<(), Error> {
    bundles.par_iter_mut().try_for_each(|bundle| {
        let text = reader.tree.read(&bundle.real)?;
        if links.takes(&text, folder_of(&bundle.real), usize::MAX) {
            let read = || reader.of_bytes(text, &bundle.real, &bundle.path);
            *bundle = reader.run.time(Phase::Scan, read);
        }
        Ok(())
    })
}

/// Where a file is.
pub(crate) fn folder_of(real: &Path) -> &Path {
    real.parent().unwrap_or(real)
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
