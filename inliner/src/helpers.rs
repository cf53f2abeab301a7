//! The prefix of helper functions: the functions that the inliner adds to bundles.
//!
//! Chooses one prefix for all files of a run that stays the same in the next run and begins no
//! other name. In a bundle from an earlier run, the functions at its end tell the prefix; it is
//! never guessed from names.

use std::collections::BTreeSet;

use memchr::memmem;

use crate::footer::Parts;
use crate::unescape;
use crate::words::is_part;

const START: &str = "__capy";
/// How many bytes to each side of an escape in an identifier are checked; a longer name with this
/// prefix would not be hand-written.
const ESCAPE_DISTANCE: usize = 64;

/// The names in one bundle that begin like a helper function's.
#[derive(Debug, Default)]
pub(crate) struct HelperNames {
    /// The prefix that an earlier run used.
    held: Option<String>,
    /// Names that do not come from the inliner.
    words: BTreeSet<String>,
}

impl HelperNames {
    pub(crate) fn of(parts: &Parts<'_>) -> Self {
        let held = parts.functions.iter().find_map(|function| prefix_of(function)).map(str::to_owned);
        let mut found = Self { held, words: BTreeSet::new() };
        let body = parts.body.as_bytes();
        found.add(body);
        for at in memmem::find_iter(body, b"\\u") {
            let near = &body[at.saturating_sub(ESCAPE_DISTANCE)..body.len().min(at + ESCAPE_DISTANCE)];
            if let Some(plain) = unescape::once(near) {
                found.add(&plain);
            }
        }
        found
    }

    fn add(&mut self, text: &[u8]) {
        for at in memmem::find_iter(text, START.as_bytes()) {
            let goes_on = |byte: &u8| is_part(byte) || !byte.is_ascii();
            if text[..at].last().is_some_and(goes_on) {
                continue;
            }
            let length = text[at..].iter().take_while(|byte| goes_on(byte)).count();
            let word = String::from_utf8_lossy(&text[at..at + length]);
            if !self.held.as_ref().is_some_and(|held| word.starts_with(held)) {
                self.words.insert(word.into_owned());
            }
        }
    }
}

/// The prefix for all files of a run: that of an earlier run, if no other name begins with it.
pub(crate) fn choose_prefix<'f>(files: impl Iterator<Item = &'f HelperNames> + Clone) -> String {
    let held = files.clone().filter_map(|file| file.held.clone()).collect::<BTreeSet<_>>();
    let usual = ["__capy_", "__capyInlined_"].map(str::to_owned);
    let others = (2..).map(|number| format!("{START}{number}_"));
    let is_free = |start: &String| {
        !files.clone().any(|file| file.words.iter().any(|word| word.starts_with(start.as_str())))
    };
    held.into_iter().chain(usual).chain(others).find(is_free).expect("there is always another number")
}

/// The prefix of a helper function, from its text.
pub(crate) fn prefix_of(function: &str) -> Option<&str> {
    prefix_of_name(function.strip_prefix("function ")?)
}

fn prefix_of_name(name: &str) -> Option<&str> {
    let rest = name.strip_prefix(START)?;
    let number = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
    rest[number..].starts_with('_').then(|| &name[..START.len() + number + 1])
}

/// Whether this is the name of a helper function that returns an object.
pub(crate) fn is_object_helper(name: &str) -> bool {
    prefix_of_name(name).is_some_and(|start| name[start.len()..].starts_with('$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(body: &str, functions: Vec<&'static str>) -> HelperNames {
        HelperNames::of(&Parts { body, functions, trailer: "" })
    }

    #[test]
    fn the_start_is_nobody_elses_however_it_is_written() {
        let choice = |body: &str| choose_prefix([names(body, Vec::new())].iter());
        assert_eq!(choice("a /* __capy */"), "__capy_");
        assert_eq!(choice("x__capy_A"), "__capy_");
        assert_eq!(choice("__capy_A"), "__capyInlined_");
        assert_eq!(choice(r"function f(__cap\u0079_A){}"), "__capyInlined_");
        assert_eq!(choice(r"\u{5f}_capy_A, __capyInlined_B"), "__capy2_");
        assert_eq!(choice("__capy_A, __capyInlined_B, __capy2_C"), "__capy3_");
    }

    #[test]
    fn the_next_run_chooses_alike() {
        let held = vec!["function __capyInlined_A(){return(\n\"v\"\n)}\n"];
        let first = names("var __capy_A=1;__capyInlined_A()", held);
        assert_eq!(choose_prefix([first].iter()), "__capyInlined_");
        let ours = names("__capy_A()", vec!["function __capy_A(){return(\n\"v\"\n)}\n"]);
        let new = names("__capy_B", Vec::new());
        assert_eq!(choose_prefix([ours, new].iter()), "__capyInlined_");
    }
}
