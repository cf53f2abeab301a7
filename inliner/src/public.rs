//! What the public can fetch: does it hold a value, and which variables does it name?
//!
//! Owns the reading of public files and source maps. A client file that names a variable may read it, and has a copy on
//! the server that renders the same component: baked in there, the value would be printed into HTML.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use aho_corasick::AhoCorasick;
use rayon::prelude::*;

use crate::Error;
use crate::layout::{Inventory, is_script};
use crate::leak::{Search, line_of};
use crate::report::Leak;
use crate::subject::Subjects;

/// What was found in all files together.
#[derive(Debug, Default)]
pub(crate) struct Public {
    pub(crate) leaks: Vec<Leak>,
    /// Variables that client code names.
    pub(crate) named_by_client: BTreeSet<String>,
    pub(crate) scanned: usize,
    pub(crate) unreadable: usize,
}

impl Public {
    fn merge(mut self, other: Self) -> Self {
        self.leaks.extend(other.leaks);
        self.named_by_client.extend(other.named_by_client);
        self.scanned += other.scanned;
        self.unreadable += other.unreadable;
        self
    }
}

/// Reads every public file and every source map once.
pub(crate) fn scan(inventory: &Inventory, search: &Search, subjects: &Subjects) -> Result<Public, Error> {
    let names: Vec<&str> = subjects.iter().collect();
    let finder = AhoCorasick::new(&names).expect("names of variables are far below the automaton's limits");
    let public = inventory.public.iter().map(|file| (file, true));
    let maps = inventory.maps.iter().filter(|(real, _)| !inventory.public.contains_key(*real));
    let files: Vec<_> = public.chain(maps.map(|file| (file, false))).collect();
    let one = |((real, path), is_public): &((&std::path::PathBuf, &std::path::PathBuf), bool)| {
        let text = fs::read(real).map_err(|source| Error::Read { path: (*path).clone(), source })?;
        let mut public = Public { scanned: 1, leaks: leaks(&text, path, search), ..Public::default() };
        public.unreadable = usize::from(is_compressed(path));
        if *is_public && is_script(path) {
            public.named_by_client = mentions(&text, &names, &finder);
        }
        Ok(public)
    };
    files.par_iter().map(one).try_reduce(Public::default, |all, one| Ok(all.merge(one)))
}

/// Values in one text, once per line and variable.
pub(crate) fn leaks(text: &[u8], path: &Path, search: &Search) -> Vec<Leak> {
    let found = search.scan(text).into_iter();
    let mut leaks: Vec<Leak> = found
        .map(|found| Leak {
            file: path.to_owned(),
            line: line_of(text, found.at),
            name: search.names[found.name].clone(),
            encoding: found.encoding,
            allowed: false,
        })
        .collect();
    leaks.sort();
    leaks.dedup_by(|a, b| (a.line, &a.name) == (b.line, &b.name));
    leaks
}

fn is_compressed(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "gz" || extension == "br" || extension == "zst")
}

/// Names that stand anywhere in a script as a whole word. Between a client's `env` and the name there may be any number
/// of aliases and patterns, so a mention is enough.
fn mentions(text: &[u8], names: &[&str], finder: &AhoCorasick) -> BTreeSet<String> {
    let mut found = vec![false; names.len()];
    for hit in finder.find_overlapping_iter(text) {
        let (before, after) = (text[..hit.start()].last(), text[hit.end()..].first());
        if !before.is_some_and(is_word) && !after.is_some_and(is_word) {
            found[hit.pattern().as_usize()] = true;
        }
    }
    names.iter().zip(found).filter(|(_, found)| *found).map(|(name, _)| (*name).to_owned()).collect()
}

fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mentioned(text: &str) -> bool {
        let finder = AhoCorasick::new(["KEY"]).unwrap();
        !mentions(text.as_bytes(), &["KEY"], &finder).is_empty()
    }

    #[test]
    fn any_mention_by_a_client_counts() {
        for text in [
            "e.default.env.KEY",
            "process.env?.KEY",
            "x.env[\"KEY\"]",
            "let{A:a,KEY:k}=r.default.env,b",
            "let o=e.default.env;f(o.KEY)",
            "let{env:{KEY:i}}=e.default",
            "let o=\"KEY\";f(r.default.env[o])",
        ] {
            assert!(mentioned(text), "{text}");
        }
        for text in ["env.MONKEY", "env.KEYS", "KEY_2", "$KEY"] {
            assert!(!mentioned(text), "{text}");
        }
    }
}
