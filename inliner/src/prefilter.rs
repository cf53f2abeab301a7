//! Which files are worth parsing, decided on bytes.
//!
//! Owns a fast "no": a file without the word `env`, or one that reads only other variables by name, costs nothing but
//! its reading. It never says yes to a replacement, and when in doubt it asks for a parse.

use aho_corasick::{AhoCorasick, MatchKind};
use capy_protocol::variable_name::is_object_property;
use memchr::memmem::Finder;

use crate::reads::{FileReads, Wanted};
use crate::scan::{Doubt, Scanner};
use crate::words::{is_part, is_word};

pub(crate) struct Prefilter {
    env: Finder<'static>,
    process: Finder<'static>,
    export: Finder<'static>,
    names: AhoCorasick,
    /// Names of letters, digits, `_` and `$` alone: no match that is a whole word can lie inside another.
    plain: bool,
    scanner: Scanner,
}

impl Prefilter {
    pub(crate) fn new<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let names: Vec<&str> = names.collect();
        let plain = names.iter().all(|name| name.as_bytes().iter().all(is_part));
        // Only the other kind of automaton finds overlapping matches, and it is several times slower.
        let kind = if plain { MatchKind::LeftmostLongest } else { MatchKind::Standard };
        let automaton = AhoCorasick::builder().match_kind(kind).build(&names);
        Self {
            env: Finder::new("env"),
            process: Finder::new("process"),
            export: Finder::new("export"),
            names: automaton.expect("names of variables are far below the automaton's limits"),
            plain,
            scanner: Scanner::new(&names),
        }
    }

    /// The first wanted name that stands in `text` as a word.
    pub(crate) fn names_one(&self, text: &[u8]) -> Option<(usize, usize)> {
        let is_word = |start, end| is_word(text, start, end).then_some((start, end));
        if self.plain {
            self.names.find_iter(text).find_map(|found| is_word(found.start(), found.end()))
        } else {
            let mut found = self.names.find_overlapping_iter(text);
            found.find_map(|found| is_word(found.start(), found.end()))
        }
    }

    /// Whether a wanted name is a property that is perhaps written: the environment may have come from another file.
    fn assigns_one(&self, text: &[u8]) -> bool {
        let is_written = |start, end| is_word(text, start, end) && is_written(&text[..start], &text[end..]);
        if self.plain {
            self.names.find_iter(text).any(|found| is_written(found.start(), found.end()))
        } else {
            self.names.find_overlapping_iter(text).any(|found| is_written(found.start(), found.end()))
        }
    }

    /// The reads of a text without a tree, where its tokens tell enough.
    pub(crate) fn tokens(&self, text: &str, wanted: &dyn Wanted) -> Result<FileReads, Doubt> {
        self.scanner.find(text, wanted)
    }

    /// Whether a parse could find a read.
    pub(crate) fn is_worth_parsing(&self, text: &[u8]) -> bool {
        let spelt = self.env.find(text).is_some();
        if if spelt { self.names_one(text).is_some() } else { self.assigns_one(text) } {
            return true;
        }
        let mut passed_on = false;
        for at in self.process.find_iter(text).filter(|at| is_word(text, *at, at + 7)) {
            match after_process(text, at) {
                Process::Env(rest) if !is_followed_by_a_name(rest) => return true,
                // `globalThis.process = shim`: nobody need name the environment for that.
                _ if is_assigned(&text[at + 7..]) => return true,
                Process::Unclear => return true,
                Process::PassedOn => passed_on = true,
                Process::Env(_) | Process::Other => {}
            }
        }
        // Another file may take it from there.
        let handed_on =
            || self.export.find_iter(text).any(|at| matches!(text.get(at + 6), Some(b' ' | b'{' | b'*')));
        let named = || {
            let mut found = self.env.find_iter(text);
            found.any(|at| is_word(text, at, at + 3) && !is_followed_by_a_name(&text[at + 3..]))
        };
        passed_on && (named() || handed_on())
    }
}

/// Whether a property's name between these texts is assigned, updated, deleted or a target in a pattern.
fn is_written(before: &[u8], after: &[u8]) -> bool {
    let is_property = matches!(before.trim_ascii_end().last(), Some(b'.' | b'"' | b'\'' | b'`' | b'/'));
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'' | b'`' | b']') || byte.is_ascii_whitespace();
    let quotes = after.iter().take_while(|byte| is_quote(byte)).count();
    let is_target = match &after[quotes..] {
        [b'=', b'=' | b'>', ..] => false,
        [b'=', ..] | [b'+', b'+', ..] | [b'-', b'-', ..] | [_, b'=', ..] | [_, _, b'=', ..] => true,
        [b'o', b'f', ..] | [b'i', b'n', ..] | [b'}' | b']' | b',' | b'/', ..] => true,
        _ => before[before.len().saturating_sub(FAR)..].windows(6).any(|word| word == b"delete"),
    };
    is_property && is_target
}

/// How far before a name a `delete` is looked for.
const FAR: usize = 120;

/// `=` but neither `==` nor `=>` follows.
fn is_assigned(after: &[u8]) -> bool {
    matches!(after.trim_ascii_start(), [b'=', next, ..] if !matches!(next, b'=' | b'>'))
}

/// What an occurrence of the word `process` may be.
enum Process<'t> {
    /// Its environment, before this text.
    Env(&'t [u8]),
    /// A property whose name is not written out plainly: it may be `env`.
    Unclear,
    /// The object itself goes somewhere: `p = process`, `f(process)`, `from "process"`.
    PassedOn,
    /// Another property, a key, `typeof process`, or a word in a comment.
    Other,
}

fn after_process(text: &[u8], at: usize) -> Process<'_> {
    match property(&text[at + 7..]) {
        Property::Named(b"env", rest) => return Process::Env(rest),
        Property::Named(..) => return Process::Other,
        Property::Unclear => return Process::Unclear,
        // `process[key]`, or prose with a full stop.
        Property::Computed => return Process::PassedOn,
        Property::None => {}
    }
    let (line, after) = (before_on_line(&text[..at]), &text[at + 7..]);
    let word = line.iter().rev().take_while(|byte| is_part(byte)).count();
    let word = &line[line.len() - word..];
    let is_value = if word.is_empty() {
        line.ends_with(b"*/") || !matches!(line.last(), Some(b'/' | b'*'))
    } else {
        BEFORE_A_VALUE.contains(&word)
    };
    // Two words in a row are prose, but for `process in x` and the like, which take nothing from it. A line's end may
    // be a statement's.
    let blanks = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let prose = after.get(blanks).is_some_and(is_part);
    if is_value && !prose { Process::PassedOn } else { Process::Other }
}

/// What stands before on the same line: nothing, if the word is the line's first. Earlier lines may come along: whoever
/// asks looks at the end, and a line may be the whole file.
fn before_on_line(before: &[u8]) -> &[u8] {
    let is_line_end = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let blanks =
        before.iter().rev().take_while(|byte| byte.is_ascii_whitespace() && !is_line_end(byte)).count();
    let before = &before[..before.len() - blanks];
    if before.last().is_some_and(is_line_end) { &[] } else { before }
}

/// What follows an object.
enum Property<'t> {
    /// `.NAME`, `?.NAME`, `["NAME"]`, and the text after it.
    Named(&'t [u8], &'t [u8]),
    /// A name with an escape in it, or behind a comment.
    Unclear,
    /// `[key]`, or a point with nothing of a name after it.
    Computed,
    None,
}

fn property(text: &[u8]) -> Property<'_> {
    let text = text.trim_ascii_start();
    let dotted = text.strip_prefix(b"?.").or_else(|| text.strip_prefix(b"."));
    let key = dotted.unwrap_or(text).trim_ascii_start();
    if let Some(key) = key.strip_prefix(b"[") {
        return key_in_brackets(key.trim_ascii_start());
    }
    if dotted.is_none() {
        return Property::None;
    }
    let length = key.iter().take_while(|byte| is_part(byte)).count();
    let (name, rest) = key.split_at(length);
    match rest.first() {
        // An escape, a letter or a blank outside ASCII, a comment.
        Some(b'\\' | b'\x0b' | 0x80..) => Property::Unclear,
        Some(b'/') if name.is_empty() => Property::Unclear,
        _ if name.is_empty() => Property::Computed,
        _ => Property::Named(name, rest),
    }
}

/// Only a whole literal without an escape is a name: `["STRIPE_" + k]` is none.
fn key_in_brackets(key: &[u8]) -> Property<'_> {
    let Some((quote @ (b'"' | b'\'' | b'`'), literal)) = key.split_first() else {
        return Property::Computed;
    };
    let Some(end) = memchr::memchr3(*quote, b'\\', b'$', literal) else {
        return Property::Unclear;
    };
    match literal[end + 1..].trim_ascii_start().strip_prefix(b"]") {
        Some(rest) if literal[end] == *quote => Property::Named(&literal[..end], rest),
        _ => Property::Unclear,
    }
}

/// Words after which a value follows; `typeof` only looks at its kind.
const BEFORE_A_VALUE: [&[u8]; 14] = [
    b"return", b"yield", b"await", b"in", b"of", b"case", b"default", b"delete", b"throw", b"new",
    b"extends", b"else", b"do", b"void",
];

/// Whether this word is a whole literal, with `node:` before it or not.
pub(crate) fn is_quoted(text: &[u8], word: &[u8]) -> bool {
    memchr::memmem::find_iter(text, word).any(|at| quoted(text, at, word.len()).is_some())
}

/// The whole literal of a module that is called so, with `node:` or not.
pub(crate) fn quoted(text: &[u8], at: usize, length: usize) -> Option<(usize, usize)> {
    let before = text[..at].strip_suffix(b"node:").unwrap_or(&text[..at]);
    let (quote, after) = (*before.last()?, *text.get(at + length)?);
    (matches!(quote, b'"' | b'\'' | b'`') && quote == after).then_some((before.len() - 1, at + length + 1))
}

/// A read of one variable, which is none of ours, and not of a method that is about all of them.
fn is_followed_by_a_name(text: &[u8]) -> bool {
    matches!(property(text), Property::Named(name, _) if !is_object_property(name))
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
            ("process.env[\"STRIPE_\" + k]", true),
            ("process.env['STRIPE_'.concat(k)]", true),
            ("process.env[`STRIPE_${k}`]", true),
            ("process.env[`NODE_ENV`]", false),
            ("process.env [ 'NODE_ENV' ]", false),
            ("const { env } = process\nmodule.exports = k => env[k]", true),
            ("const { env } = process\r\nmodule.exports = k => env[k]", true),
            ("const { env } = // the process\n  process; f(env)", true),
            ("const { env } = /* the */ process; f(env)", true),
            ("process.env[\"\\x41\"]", true),
            ("process.env.\\u0041", true),
            ("process.env.K\\u0045Y", true),
            ("process[\"\\x65nv\"].KEY", true),
            ("process.\\u0065nv[k]", true),
            ("process[\"e\" + \"nv\"][k]", true),
            ("process./* all */env[k]", true),
            ("process.env.valueOf()[k]", true),
            ("process.env.valueOfAll", false),
            ("globalThis.process = shim", true),
            ("import p from 'process'; export{p}", true),
            ("exports.p = process", false),
            ("globalThis.process == shim", false),
        ] {
            assert_eq!(filter.is_worth_parsing(text.as_bytes()), expected, "{text}");
        }
    }
}
