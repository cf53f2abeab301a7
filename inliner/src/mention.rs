//! Which variables a client script names.
//!
//! Owns the question whether a name in a script can be a read. A script that browsers load may have a copy on the server
//! that renders the same component: a value baked in there would be printed into HTML. Between a client's `env` and the
//! name there may be any number of aliases and patterns, so that each property, key and string of that name counts. What
//! reads nothing from any object does not: `HOST` as a name of the script's own.

use std::collections::BTreeSet;

use zeroize::Zeroizing;

use crate::skip::Finder;
use crate::subject::Subjects;

/// The names to look for.
pub(crate) struct Mentions {
    names: Vec<String>,
    finder: Finder,
}

impl Mentions {
    pub(crate) fn of(subjects: &Subjects) -> Self {
        Self::new(subjects.iter().map(str::to_owned).collect())
    }

    fn new(names: Vec<String>) -> Self {
        let finder =
            Finder::new(names.iter().map(|name| Zeroizing::new(name.clone().into_bytes())).collect());
        Self { names, finder }
    }

    /// Adds the variables that `script` names.
    pub(crate) fn note(&self, script: &[u8], named: &mut BTreeSet<String>) {
        let mut found = vec![false; self.names.len()];
        self.finder.each(script, |start, name| {
            let end = start + self.names[name].len();
            found[name] = found[name] || may_read(&script[..start], &script[end..]);
        });
        let found = self.names.iter().zip(found).filter(|(_, found)| *found);
        named.extend(found.map(|(name, _)| name.clone()));
    }
}

/// Whether a name between these texts can be what is read: `.NAME`, `"NAME"`, `{NAME}`, `{a,NAME:b}`, `{NAME=d}`.
fn may_read(before: &[u8], after: &[u8]) -> bool {
    if before.last().is_some_and(is_word) || after.first().is_some_and(is_word) {
        return false;
    }
    let is_quote = |byte: Option<&u8>| matches!(byte, Some(b'"' | b'\'' | b'`' | b'\\'));
    if is_quote(before.last()) || is_quote(after.first()) {
        return true;
    }
    let (before, after) = (before.trim_ascii_end(), after.trim_ascii_start());
    match before.last() {
        Some(b'.') => !before.ends_with(b"..."),
        // What is behind a comment is not looked at.
        Some(b'/') => before.ends_with(b"*/"),
        Some(b'{' | b',') => matches!(after.first(), Some(b':' | b'}' | b',' | b'=' | b'/')),
        _ => false,
    }
}

fn is_word(byte: &u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_named(script: &str) -> bool {
        let mut named = BTreeSet::new();
        Mentions::new(vec!["KEY".to_owned()]).note(script.as_bytes(), &mut named);
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
        ] {
            assert!(!is_named(script), "{script}");
        }
    }
}
