//! Words in the bytes of a JavaScript text: where a word ends, which names stand in a text as whole
//! words, and what the language's own words say about the token after them.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;

const PARTS: [bool; 256] = {
    let mut parts = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        parts[byte] = (byte as u8).is_ascii_alphanumeric() || matches!(byte as u8, b'_' | b'$');
        byte += 1;
    }
    parts
};

/// A byte of a name, as far as ASCII goes: a letter, a digit, `_` or `$`.
pub(crate) fn is_part(byte: &u8) -> bool {
    PARTS[usize::from(*byte)]
}

/// Whether no name goes on before or after these bytes.
pub(crate) fn is_word(text: &[u8], start: usize, end: usize) -> bool {
    let before = start.checked_sub(1).and_then(|at| text.get(at));
    !before.is_some_and(is_part) && !text.get(end).is_some_and(is_part)
}

/// Finds names that stand in a text as whole words, in one pass for all names. A word counts
/// whatever it is there for, also in a comment.
pub(crate) struct Words<'n> {
    names: Vec<&'n str>,
    finder: AhoCorasick,
}

impl<'n> Words<'n> {
    pub(crate) fn new(names: impl Iterator<Item = &'n str>) -> Self {
        let names: Vec<&str> = names.collect();
        let finder =
            AhoCorasick::new(&names).expect("names of variables are far below the automaton's limits");
        Self { names, finder }
    }

    pub(crate) fn within(&self, text: &[u8]) -> BTreeSet<&'n str> {
        let mut found = vec![false; self.names.len()];
        for hit in self.finder.find_overlapping_iter(text) {
            if is_word(text, hit.start(), hit.end()) {
                found[hit.pattern().as_usize()] = true;
            }
        }
        self.names.iter().zip(found).filter(|(_, found)| *found).map(|(name, _)| *name).collect()
    }
}

/// A word or a literal may follow on the same line.
pub(crate) fn goes_before_a_word(word: &[u8]) -> bool {
    matches!(
        word,
        b"var"
            | b"let"
            | b"const"
            | b"function"
            | b"return"
            | b"new"
            | b"typeof"
            | b"class"
            | b"extends"
            | b"else"
            | b"case"
            | b"throw"
            | b"in"
            | b"of"
            | b"instanceof"
            | b"void"
            | b"delete"
            | b"await"
            | b"yield"
            | b"async"
            | b"static"
            | b"get"
            | b"set"
            | b"import"
            | b"export"
            | b"default"
            | b"from"
            | b"as"
            | b"do"
            | b"break"
            | b"continue"
            | b"for"
            | b"using"
    )
}

/// The word may follow a value on the same line.
pub(crate) fn goes_after_a_value(word: &[u8]) -> bool {
    matches!(word, b"in" | b"instanceof" | b"of" | b"as" | b"from" | b"extends" | b"with")
}

/// `if (…)` and the like: what follows the parenthesis is a statement.
pub(crate) fn has_a_head(word: &[u8]) -> bool {
    matches!(word, b"if" | b"for" | b"while" | b"with" | b"switch" | b"catch")
}

/// What declares a variable.
pub(crate) fn declares(word: &[u8]) -> bool {
    matches!(word, b"const" | b"let" | b"var")
}

pub(crate) fn begins_a_block(word: &[u8]) -> bool {
    matches!(word, b"else" | b"do" | b"try" | b"finally")
}

/// Whether a `/` after the word divides; `None` where the word may be a name or not.
pub(crate) fn divides_after(word: &[u8]) -> Option<bool> {
    match word {
        b"return" | b"typeof" | b"case" | b"in" | b"delete" | b"void" | b"throw" | b"new" | b"instanceof"
        | b"do" | b"else" | b"default" | b"extends" => Some(false),
        b"of" | b"yield" | b"await" | b"let" | b"async" | b"static" | b"get" | b"set" | b"as" | b"from"
        // A line's end after these is a statement's.
        | b"break" | b"continue" | b"debugger" => None,
        _ => Some(true),
    }
}

/// Words before a parenthesis that is no call's, or no plain one.
pub(crate) fn is_no_callee(word: &[u8]) -> bool {
    has_a_head(word)
        || goes_before_a_word(word)
        || begins_a_block(word)
        || matches!(word, b"super" | b"this" | b"null" | b"true" | b"false")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_words_count() {
        let words = Words::new(["KEY", "MY_KEY"].into_iter());
        assert_eq!(words.within(b"f('MY_KEY', KEYS)"), BTreeSet::from(["MY_KEY"]));
        assert_eq!(words.within(b"o.KEY"), BTreeSet::from(["KEY"]));
        assert!(words.within(b"__capy_KEY()").is_empty());
    }
}
