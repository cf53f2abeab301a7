//! One server file: read, taken apart, understood.
//!
//! Owns the decision whether to parse at all, and drops the text of files that need no edit. It refuses nothing: what
//! cannot be understood becomes a finding.

use std::path::{Path, PathBuf};

use memchr::memmem;

use crate::elsewhere::{Elsewhere, Outside};
use crate::finding::{Finding, Reason};
use crate::helpers::HelperNames;
use crate::leaks::{Leak, Search, leaks_in_inline_map};
use crate::line_index::{line_and_column, lines_and_columns};
use crate::link::{self, Concern, Links, Seen};
use crate::prefilter::Prefilter;
use crate::progress::{Phase, Run};
use crate::reads::{self, FileReads, Wanted};
use crate::snapshot::Fingerprint;
use crate::syntax::NoTree;
use crate::tree::Tree;
use crate::{Error, elsewhere, footer, heuristics, map_file, prelude, syntax};

/// A server file after reading.
#[derive(Debug, Default)]
pub(crate) struct Bundle {
    pub(crate) path: PathBuf,
    pub(crate) real: PathBuf,
    /// The file of the source map that it names, if there is one.
    pub(crate) map: Option<PathBuf>,
    /// Of its text, where there is something to edit or to compare. The text itself is read again when it is wanted:
    /// all of them together are more than a small machine holds.
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) reads: FileReads,
    pub(crate) findings: Vec<Finding>,
    pub(crate) leaks: Vec<Leak>,
    pub(crate) parsed: bool,
    /// The environment, or `process`, is handed to code that may do anything with it.
    pub(crate) hands_on: bool,
    /// What runs outside of the files.
    pub(crate) elsewhere: Elsewhere,
    /// Packages are loaded that are no part of the bundles.
    pub(crate) loads_packages: bool,
    /// Names that look like our functions'.
    pub(crate) helper_names: HelperNames,
}

/// What every file is read with.
pub(crate) struct Reader<'a> {
    pub(crate) wanted: &'a (dyn Wanted + Sync),
    pub(crate) prefilter: &'a Prefilter,
    pub(crate) search: &'a Search,
    /// What other files hand on, as far as that is known.
    pub(crate) links: &'a Links,
    pub(crate) tree: &'a Tree<'a>,
    pub(crate) run: &'a Run<'a>,
}

impl Reader<'_> {
    pub(crate) fn read(&self, real: &Path, path: &Path) -> Result<Bundle, Error> {
        Ok(self.of_bytes(self.tree.read(real)?, real, path))
    }

    /// The same, when its contents are at hand.
    pub(crate) fn of_bytes(&self, bytes: Vec<u8>, real: &Path, path: &Path) -> Bundle {
        let mut bundle = match String::from_utf8(bytes) {
            Ok(source) => {
                let map = map_file::claim(self.tree, real, &source);
                Bundle { map, ..self.understand(&source, real, path) }
            }
            Err(error) => self.not_text(error.as_bytes(), path),
        };
        bundle.real = real.to_owned();
        bundle
    }

    fn not_text(&self, bytes: &[u8], path: &Path) -> Bundle {
        let mut bundle = Bundle { path: path.to_owned(), ..Bundle::default() };
        if let Some((start, end)) = self.prefilter.names_one(bytes) {
            let name = String::from_utf8_lossy(&bytes[start..end]).into_owned();
            bundle.add(Reason::NotJavaScript, Some(name), (1, 1));
        }
        bundle
    }

    /// Finds the reads of one text.
    pub(crate) fn understand(&self, source: &str, real: &Path, path: &Path) -> Bundle {
        let mut bundle = Bundle { path: path.to_owned(), ..Bundle::default() };
        bundle.leaks = leaks_in_inline_map(source.as_bytes(), path, self.search);
        bundle.loads_packages = prelude::loads_packages(footer::body(source.as_bytes()));
        let inlined = footer::is_inlined(source);
        let is_suspect = heuristics::has_candidates(source.as_bytes());
        let concern = self.links.concern(source.as_bytes(), link::folder_of(real));
        let outside = Outside::of(source.as_bytes());
        bundle.elsewhere.starts_children = outside.starts_children();
        let is_worth_it = concern.is_some() || self.prefilter.is_worth_parsing(source.as_bytes());
        let is_suspect = is_suspect || outside.concerns_others(source.as_bytes());
        if !inlined && !is_suspect && !is_worth_it {
            return bundle;
        }
        let Some(parts) = (if inlined { footer::split(source) } else { Some(footer::split_new(source)) })
        else {
            bundle.add(Reason::OtherValues, None, (1, 1));
            return bundle;
        };
        bundle.helper_names = HelperNames::of(&parts);
        // Our own functions name variables, too.
        let is_worth_it = match inlined {
            true => concern.is_some() || self.prefilter.is_worth_parsing(parts.body.as_bytes()),
            false => is_worth_it,
        };
        if is_worth_it || outside.concerns_others(parts.body.as_bytes()) {
            self.find_reads(parts.body, real, concern, &mut bundle);
        } else if is_suspect {
            bundle.take(FileReads::default(), parts.body);
        }
        let reads = &bundle.reads;
        if inlined || !reads.reads.is_empty() || !reads.objects.is_empty() || !reads.writes.is_empty() {
            bundle.fingerprint = Some(Fingerprint::of(source));
        }
        bundle
    }

    /// From the tokens, or from the tree where they are not enough.
    fn find_reads(&self, body: &str, real: &Path, concern: Option<Concern>, bundle: &mut Bundle) {
        let tokens = (concern != Some(Concern::Takes)).then(|| self.prefilter.tokens(body, self.wanted));
        match tokens {
            Some(Ok(reads)) => self.look_outside(body, real, reads, bundle),
            _ => self.parse(body, real, bundle),
        }
    }

    /// Asks the tree what the program runs elsewhere, where it may.
    fn look_outside(&self, body: &str, real: &Path, mut reads: FileReads, bundle: &mut Bundle) {
        let (text, outside) = (body.as_bytes(), Outside::of(body.as_bytes()));
        if !outside.is_worth_a_look(text, &reads, bundle.parsed) {
            return bundle.take(reads, body);
        }
        let reads_nothing = |script: &str| self.reads_nothing(real, script);
        let look = |program| elsewhere::look(&program, text, self.wanted, &reads_nothing, &mut reads);
        let parse = || syntax::parse(body).map(look);
        match self.run.time(Phase::Parse, parse) {
            Ok(elsewhere) => bundle.elsewhere = elsewhere,
            // It does not run.
            Err(NoTree { reason: Reason::NotJavaScript, .. }) => {}
            Err(_) => bundle.elsewhere = outside.unknown(&mut reads),
        }
        bundle.take(reads, body);
    }

    /// Whether a script in the folder of a bundle reads no variable: neither itself, nor in a file that it loads.
    fn reads_nothing(&self, bundle: &Path, script: &str) -> bool {
        let name = script.strip_prefix("./").unwrap_or(script);
        let Some(folder) = bundle.parent().filter(|_| !name.contains(['/', '\\'])) else { return false };
        let Ok(text) = self.tree.read(&folder.join(name)) else { return false };
        let has = |word: &str| memmem::find(&text, word.as_bytes()).is_some();
        let mut required = memmem::find_iter(&text, "require(").map(|at| text.get(at + "require(".len()));
        !["env", "eval", "Function(", "./", "import(", "createRequire"].into_iter().any(has)
            && required.all(|next| matches!(next, Some(b'"' | b'\'')))
    }

    fn parse(&self, body: &str, real: &Path, bundle: &mut Bundle) {
        bundle.parsed = true;
        let others = Seen { links: self.links, folder: link::folder_of(real) };
        let reads_nothing = |script: &str| self.reads_nothing(real, script);
        let find = || {
            let program = syntax::parse(body)?;
            let mut reads = reads::find(&program, self.wanted, &others);
            let text = body.as_bytes();
            let elsewhere = Outside::of(text)
                .is_worth_a_look(text, &reads, true)
                .then(|| elsewhere::look(&program, text, self.wanted, &reads_nothing, &mut reads));
            Ok::<_, NoTree>((reads, elsewhere))
        };
        match self.run.time(Phase::Parse, find) {
            Ok((reads, elsewhere)) => {
                if let Some(elsewhere) = elsewhere {
                    bundle.elsewhere = elsewhere;
                }
                bundle.take(reads, body);
            }
            Err(fault) => {
                // What does not parse does not run either; what is only not understood may read any variable.
                let named = (fault.reason == Reason::NotJavaScript)
                    .then(|| self.prefilter.names_one(body.as_bytes()))
                    .flatten();
                let name = named.map(|(start, end)| body[start..end].to_owned());
                bundle.add(fault.reason, name, line_and_column(body, fault.at as usize));
            }
        }
    }
}

impl Bundle {
    /// The text that was understood, once more.
    pub(crate) fn text(&self, tree: &Tree<'_>) -> Result<Option<String>, Error> {
        self.fingerprint.map(|fingerprint| fingerprint.read(tree, &self.real)).transpose()
    }

    fn take(&mut self, reads: FileReads, body: &str) {
        let suspects = heuristics::notes(body.as_bytes(), &reads);
        self.reads = reads;
        self.reads.notes.extend(suspects);
        let notes = std::mem::take(&mut self.reads.notes);
        self.hands_on = notes.iter().any(|note| note.name.is_none() && note.reason.hands_on());
        let places = lines_and_columns(body, notes.iter().map(|note| note.at as usize));
        for (note, place) in notes.into_iter().zip(places) {
            self.add(note.reason, note.name, place);
        }
    }

    /// Where `process` is handed to nobody (`hands_on`), nobody's `env` is the environment.
    pub(crate) fn settle(&mut self, hands_on: bool) {
        if !hands_on {
            self.findings.retain(|finding| finding.reason != Reason::UnprovenKey);
        }
    }

    pub(crate) fn add(&mut self, reason: Reason, name: Option<String>, (line, column): (usize, usize)) {
        let severity = reason.severity(name.is_some());
        self.findings.push(Finding {
            severity,
            file: self.path.clone(),
            line,
            column,
            name,
            reason,
            prelude: false,
        });
    }
}
