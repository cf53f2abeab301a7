//! Which files are worth parsing, decided on bytes.
//!
//! Owns a fast "no": a file without the word `env`, or one that reads only other variables by name, costs nothing but
//! its reading. It never says yes to a replacement, and when in doubt it asks for a parse.

use aho_corasick::AhoCorasick;
use memchr::memmem::Finder;

pub(crate) struct Prefilter {
    env: Finder<'static>,
    process: Finder<'static>,
    names: AhoCorasick,
}

impl Prefilter {
    pub(crate) fn new<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let names = AhoCorasick::new(names).expect("names of variables are far below the automaton's limits");
        Self {
            env: Finder::new("env"),
            process: Finder::new("process"),
            names,
        }
    }

    /// The first wanted name that stands in `text` as a word.
    pub(crate) fn names_one(&self, text: &[u8]) -> Option<(usize, usize)> {
        let mut found = self.names.find_overlapping_iter(text);
        found
            .find(|found| is_word(text, found.start(), found.end()))
            .map(|found| (found.start(), found.end()))
    }

    /// Whether a parse could find a read.
    pub(crate) fn is_worth_parsing(&self, text: &[u8]) -> bool {
        if self.env.find(text).is_none() {
            return false;
        }
        if self.names_one(text).is_some() {
            return true;
        }
        self.process.find(text).is_some()
            && self
                .env
                .find_iter(text)
                .any(|at| is_word(text, at, at + 3) && !is_followed_by_a_name(&text[at + 3..]))
    }
}

fn is_word(text: &[u8], start: usize, end: usize) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
    let before = start.checked_sub(1).and_then(|at| text.get(at));
    !before.is_some_and(is_part) && !text.get(end).is_some_and(is_part)
}

/// `.NAME`, `?.NAME`, `["NAME"]`: a read of one variable, which is none of ours.
fn is_followed_by_a_name(text: &[u8]) -> bool {
    let text = text.trim_ascii_start();
    let (text, optional) = match text.strip_prefix(b"?.") {
        Some(rest) => (rest.trim_ascii_start(), true),
        None => (text, false),
    };
    if let Some(key) = text.strip_prefix(b"[") {
        return matches!(key.trim_ascii_start().first(), Some(b'"' | b'\''));
    }
    let name = match text.strip_prefix(b".") {
        Some(rest) => rest.trim_ascii_start(),
        None if optional => text,
        None => return false,
    };
    let about_all: [&[u8]; 3] = [b"hasOwnProperty", b"propertyIsEnumerable", b"toString"];
    matches!(name.first(), Some(byte) if byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$'))
        && !about_all.iter().any(|method| name.starts_with(method))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_that_may_read_a_wanted_name_are_parsed() {
        let filter = Prefilter::new(["KEY"].into_iter());
        for (text, expected) in [
            ("process.env.KEY", true),
            ("process.env.MONKEYS", false),
            ("process.env.NODE_ENV", false),
            ("process?.env?.[\"NODE_ENV\"]", false),
            ("process.env[name]", true),
            ("f(process.env)", true),
            ("process.env.hasOwnProperty(x)", true),
            ("const {env: e} = process", true),
            ("environment(process)", false),
            ("KEY", false),
        ] {
            assert_eq!(filter.is_worth_parsing(text.as_bytes()), expected, "{text}");
        }
    }
}
