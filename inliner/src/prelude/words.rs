//! Finds names that stand in a text as whole words, in one pass for all names.
//!
//! A word counts whatever it is there for, also in a comment.

use std::collections::BTreeSet;

use aho_corasick::AhoCorasick;

use crate::prefilter::is_word;

pub(super) struct Words<'n> {
    names: Vec<&'n str>,
    finder: AhoCorasick,
}

impl<'n> Words<'n> {
    pub(super) fn new(names: impl Iterator<Item = &'n str>) -> Self {
        let names: Vec<&str> = names.collect();
        let finder =
            AhoCorasick::new(&names).expect("names of variables are far below the automaton's limits");
        Self { names, finder }
    }

    pub(super) fn within(&self, text: &[u8]) -> BTreeSet<&'n str> {
        let mut found = vec![false; self.names.len()];
        for hit in self.finder.find_overlapping_iter(text) {
            if is_word(text, hit.start(), hit.end()) {
                found[hit.pattern().as_usize()] = true;
            }
        }
        self.names.iter().zip(found).filter(|(_, found)| *found).map(|(name, _)| *name).collect()
    }
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
