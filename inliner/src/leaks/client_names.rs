//! Finds variables that a client script names.
//!
//! Decides whether a name in a script can be a read. A script for browsers may have a copy on the
//! server that renders the same component, and a value inlined into that copy would be printed into
//! HTML. Any number of aliases and patterns may lie between a client's `env` and the name, so every
//! property, key and string with that name counts, and so does a string that lists several such
//! names. A use that reads from no object does not count, such as `HOST` as a local name or in a
//! sentence.
//!
//! The inline scripts of an HTML page are client scripts too; data and payloads inside a page are
//! its text. Parses only as much HTML as that requires: attributes with code are ignored, and a
//! script inside a comment counts as a script.

use std::collections::BTreeSet;

use capy_protocol::variable_name::is_public;
use memchr::memmem;
use zeroize::Zeroizing;

use super::multi_pattern::Finder;
use super::search::PAYLOAD_CALLS;
use crate::unescape;
use crate::variables::InlinedVariables;
use crate::words::is_part;

/// How many bytes to each side are checked for a list of names in one string.
const MAX_LIST_LENGTH: usize = 4096;

/// The names to look for.
pub(crate) struct ClientNames {
    names: Vec<String>,
    finder: Finder,
    /// The bytes that names consist of.
    letters: [bool; 256],
}

impl ClientNames {
    /// Skips names that are public by their prefix, since a page may print their values.
    pub(crate) fn of(variables: &InlinedVariables) -> Self {
        Self::new(variables.iter().filter(|name| !is_public(name)).map(str::to_owned).collect())
    }

    fn new(names: Vec<String>) -> Self {
        let finder =
            Finder::new(names.iter().map(|name| Zeroizing::new(name.clone().into_bytes())).collect());
        let mut letters = [false; 256];
        names.iter().flat_map(|name| name.bytes()).for_each(|byte| letters[usize::from(byte)] = true);
        Self { names, finder, letters }
    }

    /// Adds the variables that the scripts inside a page name.
    pub(crate) fn add_from_page(&self, page: &[u8], named: &mut BTreeSet<String>) {
        page_scripts(page).for_each(|script| self.add_from_script(script, named));
    }

    /// Adds the variables that `script` names, plainly or with escapes.
    pub(crate) fn add_from_script(&self, script: &[u8], named: &mut BTreeSet<String>) {
        self.add_unescaped(script, named);
        if !unescape::regions(script, &self.letters, 0).is_empty() {
            unescape::once(script).into_iter().for_each(|script| self.add_unescaped(&script, named));
        }
    }

    fn add_unescaped(&self, script: &[u8], named: &mut BTreeSet<String>) {
        let mut found = vec![false; self.names.len()];
        self.finder.each(script, |start, name| {
            let end = start + self.names[name].len();
            found[name] = found[name] || may_read(&script[..start], &script[end..]);
        });
        let found = self.names.iter().zip(found).filter(|(_, found)| *found);
        named.extend(found.map(|(name, _)| name.clone()));
    }
}

/// Whether a name between these texts can be a read: `.NAME`, `"NAME"`, `{NAME}`, `{a,NAME:b}`,
/// `{NAME=d}`.
fn may_read(before: &[u8], after: &[u8]) -> bool {
    if before.last().is_some_and(is_part) || after.first().is_some_and(is_part) {
        return false;
    }
    let is_quote = |byte: Option<&u8>| matches!(byte, Some(b'"' | b'\'' | b'`' | b'\\'));
    if is_quote(before.last()) || is_quote(after.first()) {
        return true;
    }
    if follows_line_comment(before) || is_in_list(before, after) {
        return true;
    }
    let (before, after) = (before.trim_ascii_end(), after.trim_ascii_start());
    match before.last() {
        Some(b'.') => !before.ends_with(b"..."),
        // The text before a comment is not inspected.
        Some(b'/') => before.ends_with(b"*/"),
        Some(b'{' | b',') => matches!(after.first(), Some(b':' | b'}' | b',' | b'=' | b'/')),
        _ => false,
    }
}

/// Whether a name begins a line, and the last line before it that is not blank may end with a
/// comment; the text before that comment is not inspected.
fn follows_line_comment(before: &[u8]) -> bool {
    let code = before.trim_ascii_end();
    if !before[code.len()..].iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        return false;
    }
    let line = memchr::memrchr2(b'\n', b'\r', code).map_or(0, |end| end + 1);
    memmem::find(&code[line..], b"//").is_some()
}

/// Whether a name stands in a string that holds only names, as in `"A NAME B".split(" ")`.
fn is_in_list(before: &[u8], after: &[u8]) -> bool {
    is_list_to_quote(before.iter().rev()) && is_list_to_quote(after.iter())
}

/// Whether only names follow up to a quote. A list has a name directly at its quotes, whereas code
/// between two strings has an operator there.
fn is_list_to_quote<'t>(bytes: impl Iterator<Item = &'t u8>) -> bool {
    let is_name = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let mut last = 0;
    for byte in bytes.take(MAX_LIST_LENGTH) {
        match byte {
            b'"' | b'\'' | b'`' | b'\\' => return is_name(last),
            b' ' | b',' | b';' | b'|' | b':' => {}
            byte if is_name(*byte) => {}
            _ => return false,
        }
        last = *byte;
    }
    false
}

const OPENING_TAG: &[u8] = b"<script";
const CLOSING_TAG: &[u8] = b"</script";

/// The text of each script, in order; an unclosed script extends to the end of the page.
fn page_scripts(page: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = page;
    let elements = std::iter::from_fn(move || {
        let opened = after(rest, OPENING_TAG)?;
        let tag = &opened[..memchr::memchr(b'>', opened)?];
        let inside = opened.get(tag.len() + 1..)?;
        let end = after(inside, CLOSING_TAG)
            .map_or(inside.len(), |after| inside.len() - after.len() - CLOSING_TAG.len());
        rest = &inside[end..];
        Some((tag, &inside[..end]))
    });
    elements.filter(|(tag, script)| is_run(tag) && !is_payload(script)).map(|(_, script)| script)
}

/// The text after the next occurrence of a tag, ignoring case.
fn after<'t>(text: &'t [u8], tag: &[u8]) -> Option<&'t [u8]> {
    let is_here = |at: &usize| {
        let (found, next) = (text.get(*at..at + tag.len()), text.get(at + tag.len()));
        found.is_some_and(|found| found.eq_ignore_ascii_case(tag))
            && next.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))
    };
    let at = memchr::memchr_iter(b'<', text).find(is_here)?;
    Some(&text[at + tag.len()..])
}

/// Whether browsers run an element with these attributes; data has a type of its own.
fn is_run(attributes: &[u8]) -> bool {
    let attributes = attributes.to_ascii_lowercase();
    let mut types = memmem::find_iter(&attributes, b"type=");
    // Skips the end of `data-type`.
    let Some(at) = types.find(|at| at.checked_sub(1).is_some_and(|at| attributes[at].is_ascii_whitespace()))
    else {
        return true;
    };
    let value = attributes[at + b"type=".len()..].trim_ascii_start();
    let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    let types: [&[u8]; 5] =
        [b"module", b"text/javascript", b"application/javascript", b"text/ecmascript", b"\""];
    types.iter().any(|run| value.starts_with(run))
}

/// Whether a script only pushes a framework's payload, which is text rather than a program.
fn is_payload(script: &[u8]) -> bool {
    PAYLOAD_CALLS.iter().any(|push| memmem::find(script, push).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_named(script: &str) -> bool {
        let mut named = BTreeSet::new();
        ClientNames::new(vec!["KEY".to_owned()]).add_from_script(script.as_bytes(), &mut named);
        !named.is_empty()
    }

    #[test]
    fn whatever_may_read_the_variable_counts() {
        for script in [
            "e.default.env.KEY",
            "process.env?.KEY",
            "process.env\n  .KEY",
            "x.env[\"KEY\"]",
            "x.env[ 'KEY' ]",
            "x.env[`KEY`]",
            "let{A:a,KEY:k}=r.default.env,b",
            "let{KEY}=r.env",
            "let{ A, KEY , B } = r.env",
            "let{KEY=1}=r.env",
            "let{\n  KEY,\n}=r.env",
            "let{/* the key */KEY}=r.env",
            "let o=e.default.env;f(o.KEY)",
            "let{env:{KEY:i}}=e.default",
            "let o=\"KEY\";f(r.default.env[o])",
            "eval(\"process.env[\\\"KEY\\\"]\")",
            "\"KEY,OTHER\".split(',').map(k=>env[k])",
            "\"OTHER KEY\".split(' ').map(k=>env[k])",
            "`${KEY}`",
            "\"A KEY B\".split(\" \").map(k=>env[k])",
            "'A, KEY, B'.split(/, /).map(k=>env[k])",
            "const { A, // the first\n  KEY } = process.env",
            "env. // the key\r\n\r\n  KEY",
            "env.K\\u0045Y",
            "env.\\u{4b}EY",
            "env[\"K\\x45Y\"]",
            "let{K\\u0045Y:k}=r.env",
        ] {
            assert!(is_named(script), "{script}");
        }
    }

    #[test]
    fn what_reads_nothing_from_an_object_does_not() {
        for script in [
            "env.MONKEY",
            "env.KEYS",
            "KEY_2",
            "$KEY",
            "const KEY=1",
            "f(KEY)",
            "f(a,KEY)",
            "f(...KEY)",
            "a?KEY:b",
            "KEY()",
            "class KEY{}",
            "throw Error(\"set KEY to something\")",
            "// the KEY of it",
            "return KEY",
            "x = KEY[0]",
            "{KEY.push(1)}",
            "f(a,\n  KEY)",
            "KEY = 1 // one\nx = KEY",
            "f(\"a\" | A | KEY | B | \"b\")",
            "throw Error(\"set K\\x45Y to something\")",
            "f(K\\u0045Y)",
        ] {
            assert!(!is_named(script), "{script}");
        }
    }

    #[test]
    fn of_a_page_only_its_scripts_count() {
        for (page, expected) in [
            ("<script>f(env.KEY)</script>", true),
            ("<p>a < b</p><SCRIPT type=module async>f(env.KEY)</SCRIPT>", true),
            ("<script type=\"text/javascript\">f(1)</script><script>\nf(env.KEY)", true),
            ("<pre>process.env.KEY</pre><script>f(1)</script><p>env.KEY", false),
            ("<script type=\"application/json\">{\"KEY\":1}</script>", false),
            ("<script>self.__next_f.push([1,\"process.env.KEY\"])</script>", false),
            ("<script>window.__reactRouterContext.streamController.enqueue(\"env.KEY\")</script>", false),
            ("<script data-type=x>f(env.KEY)</script>", true),
            ("<scripts>env.KEY</scripts><!-- <script -->", false),
        ] {
            let mut named = BTreeSet::new();
            ClientNames::new(vec!["KEY".to_owned()]).add_from_page(page.as_bytes(), &mut named);
            assert_eq!(!named.is_empty(), expected, "{page}");
        }
    }
}
