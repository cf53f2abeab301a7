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
        Self { env: Finder::new("env"), process: Finder::new("process"), names }
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
        let mut passed_on = false;
        for at in self.process.find_iter(text).filter(|at| is_word(text, *at, at + 7)) {
            match after_process(text, at) {
                Process::Env(end) if !is_followed_by_a_name(&text[end..]) => return true,
                Process::PassedOn => passed_on = true,
                Process::Env(_) | Process::Other => {}
            }
        }
        passed_on
            && self
                .env
                .find_iter(text)
                .any(|at| is_word(text, at, at + 3) && !is_followed_by_a_name(&text[at + 3..]))
    }
}

/// What an occurrence of the word `process` may be.
enum Process {
    /// Its environment, up to this offset.
    Env(usize),
    /// The object itself goes somewhere: `p = process`, `f(process)`, `from "process"`.
    PassedOn,
    /// Another property, a key, `typeof process`, or a word in a comment.
    Other,
}

fn after_process(text: &[u8], at: usize) -> Process {
    let after = text[at + 7..].trim_ascii_start();
    let dotted = after.strip_prefix(b"?.").or_else(|| after.strip_prefix(b"."));
    if let Some(property) = dotted.or_else(|| after.strip_prefix(b"[")) {
        let property = property.trim_ascii_start();
        let name = property.strip_prefix(b"[").unwrap_or(property).trim_ascii_start();
        let (name, quoted) = match name
            .strip_prefix(b"\"")
            .or_else(|| name.strip_prefix(b"'"))
            .or_else(|| name.strip_prefix(b"`"))
        {
            Some(name) => (name, true),
            None => (name, false),
        };
        return match name.strip_prefix(b"env") {
            Some(rest) if !rest.first().is_some_and(is_part) => {
                let rest = if quoted { rest.get(1..).unwrap_or_default().trim_ascii_start() } else { rest };
                let rest = if quoted { rest.strip_prefix(b"]").unwrap_or(rest) } else { rest };
                Process::Env(text.len() - rest.len())
            }
            _ if dotted.is_none() && !quoted => Process::PassedOn,
            _ => Process::Other,
        };
    }
    let before = text[..at].trim_ascii_end();
    let word = before.iter().rev().take_while(|byte| is_part(byte)).count();
    let word = &before[before.len() - word..];
    let is_value = if word.is_empty() {
        !matches!(before.last(), Some(b'/' | b'*'))
    } else {
        BEFORE_A_VALUE.contains(&word)
    };
    // Two words in a row are prose, but for `process in x` and the like, which take nothing from it.
    if is_value && !after.first().is_some_and(is_part) { Process::PassedOn } else { Process::Other }
}

/// Words after which a value follows; `typeof` only looks at its kind.
const BEFORE_A_VALUE: [&[u8]; 14] = [
    b"return", b"yield", b"await", b"in", b"of", b"case", b"default", b"delete", b"throw", b"new",
    b"extends", b"else", b"do", b"void",
];

fn is_part(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

fn is_word(text: &[u8], start: usize, end: usize) -> bool {
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
            ("let p = process; f(p.env)", true),
            ("import p from 'process'; f(p.env[k])", true),
            ("f(require(`node:process`).env)", true),
            ("globalThis.process.env[k]", true),
            ("process[\"env\"][k]", true),
            ("process['env'].NODE_ENV", false),
            ("(process || {}).env", true),
            ("() => process, e.env", true),
            ("return process; e.env", true),
            ("// to process an env, the process starts\nenv = 1; process.cwd()", false),
            ("typeof process; process.nextTick(f, {env: 1})", false),
            ("KEY", false),
        ] {
            assert_eq!(filter.is_worth_parsing(text.as_bytes()), expected, "{text}");
        }
    }
}
