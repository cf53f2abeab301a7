//! What the public can fetch: does it hold a value, and which variables does it read?
//!
//! Owns the reading of public files and source maps. A client file that reads a variable has a copy on the server that
//! renders the same component: baked in there, the value would be printed into HTML.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use aho_corasick::AhoCorasick;
use memchr::memmem;
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
    /// Variables that client code reads.
    pub(crate) read_by_client: BTreeSet<String>,
    pub(crate) scanned: usize,
    pub(crate) unreadable: usize,
}

impl Public {
    fn merge(mut self, other: Self) -> Self {
        self.leaks.extend(other.leaks);
        self.read_by_client.extend(other.read_by_client);
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
            public.read_by_client = client_reads(&text, &names, &finder);
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

/// Names that stand as `env.NAME`, `env["NAME"]` or in a pattern that is taken from something called `env`.
fn client_reads(text: &[u8], names: &[&str], finder: &AhoCorasick) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for hit in finder.find_overlapping_iter(text) {
        let (before, after) = (&text[..hit.start()], &text[hit.end()..]);
        let glued = before.last().is_some_and(is_word) || after.first().is_some_and(is_word);
        if !glued && (is_property_of_env(before) || is_taken_from_env(before, after)) {
            found.insert(names[hit.pattern().as_usize()].to_owned());
        }
    }
    found
}

fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

fn is_property_of_env(before: &[u8]) -> bool {
    let before = before.trim_ascii_end();
    let object = match before.strip_suffix(b".") {
        Some(object) => object.strip_suffix(b"?").unwrap_or(object),
        None => {
            let Some((b'"' | b'\'' | b'`', open)) = before.split_last() else {
                return false;
            };
            let Some(object) = open.trim_ascii_end().strip_suffix(b"[") else {
                return false;
            };
            object.strip_suffix(b"?.").unwrap_or(object)
        }
    };
    let object = object.trim_ascii_end();
    object.strip_suffix(b"env").is_some_and(|rest| !rest.last().is_some_and(is_word))
}

/// `{…, NAME: a, …} = <something>.env`.
fn is_taken_from_env(before: &[u8], after: &[u8]) -> bool {
    const NEAR: usize = 600;
    if !matches!(before.trim_ascii_end().last(), Some(b'{' | b',' | b'"' | b'\'')) {
        return false;
    }
    let after = &after[..after.len().min(NEAR)];
    let Some(close) = memchr::memchr(b'}', after) else {
        return false;
    };
    let Some(value) = after[close + 1..].trim_ascii_start().strip_prefix(b"=") else {
        return false;
    };
    let value = &value[..memchr::memchr3(b';', b'\n', b'{', value).unwrap_or(value.len())];
    memmem::find_iter(value, b"env").any(|at| {
        let before = at.checked_sub(1).and_then(|at| value.get(at));
        !before.is_some_and(is_word) && !value.get(at + 3).is_some_and(is_word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads(text: &str) -> bool {
        let finder = AhoCorasick::new(["KEY"]).unwrap();
        !client_reads(text.as_bytes(), &["KEY"], &finder).is_empty()
    }

    #[test]
    fn a_client_read_is_told_from_a_mention() {
        for text in [
            "e.default.env.KEY",
            "process.env?.KEY",
            "x.env[\"KEY\"]",
            "let{A:a,KEY:k}=r.default.env,b",
            "env.KEY",
        ] {
            assert!(reads(text), "{text}");
        }
        for text in ["set KEY first", "e.KEY", "{KEY:1}", "env.MONKEY", "fenv.KEY", "{KEY:1},b=2;env"] {
            assert!(!reads(text), "{text}");
        }
    }
}
