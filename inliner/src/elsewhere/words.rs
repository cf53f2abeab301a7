//! A fast byte search that decides whether a file's syntax tree needs the analysis of `elsewhere`.
//!
//! Answers "no" quickly; when in doubt, asks for the tree.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;
use memchr::memmem;

use crate::prefilter::quoted;

/// Modules and packages that start children, matched as quoted names.
const MODULES: [&str; 13] = [
    "child_process",
    "worker_threads",
    "cluster",
    "execa",
    "tinyexec",
    "cross-spawn",
    "nano-spawn",
    "zx",
    "piscina",
    "tinypool",
    "workerpool",
    "jest-worker",
    "pm2",
];

/// Runtimes that start children without a module.
const RUNTIMES: [&str; 2] = ["Bun.spawn", "Deno.Command"];

/// Marks of code that runs a text, or puts a function into one.
const RUNNERS: [&str; 11] = [
    "eval:",
    "createObjectURL",
    "(${",
    "\")()",
    "')()",
    "\").call(",
    "').call(",
    "\").apply(",
    "').apply(",
    "\")(",
    "')(",
];

/// How many bytes after `(${` the parentheses that call the function may be.
const NEAR: usize = 200;

static WORDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let words = MODULES.iter().chain(&RUNTIMES).chain(&RUNNERS);
    AhoCorasick::new(words).expect("a few short words are far below the automaton's limits")
});

/// What a file's bytes say about the code that it runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// It may start children.
    pub(super) starts_children: bool,
    /// It may run the text of a function that comes from another file.
    pub(super) runs_text: bool,
}

impl Words {
    pub(super) fn of(text: &[u8]) -> Self {
        let mut words = Self::default();
        for hit in WORDS.find_iter(text) {
            let (word, at) = (hit.pattern().as_usize(), hit.start());
            match word.checked_sub(MODULES.len()) {
                None => words.starts_children |= quoted(text, at, hit.len()).is_some(),
                Some(word) => match word.checked_sub(RUNTIMES.len()) {
                    None => words.starts_children = true,
                    Some(word) => words.runs_text |= RUNNERS[word] != "(${" || is_called(text, at),
                },
            }
            if words.starts_children && words.runs_text {
                break;
            }
        }
        words
    }
}

/// Whether the `(${` at this offset may begin a function that is called.
fn is_called(text: &[u8], at: usize) -> bool {
    let near = &text[at..text.len().min(at + NEAR)];
    let calls = ["})()", "}).call(", "}).apply(", "})(${", "})(..."];
    calls.iter().any(|call| memmem::find(near, call.as_bytes()).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_asked_for_what_its_words_may_mean() {
        for (text, starts_children, runs_text) in [
            ("require('child_process')", true, false),
            ("import{fork}from\"node:child_process\"", true, false),
            ("import x from `worker_threads`", true, false),
            ("// a child_process or a cluster", false, false),
            ("redis.cluster('x')", false, false),
            ("Bun.spawn(['a'])", true, false),
            ("new Worker(f, {eval:true})", false, true),
            ("`(${f})()`", false, true),
            ("`(${f.toString()})(${JSON.stringify(a)})`", false, true),
            ("'('+f+')()'", false, true),
            ("`failed (${code})`", false, false),
            ("f(a)(b)", false, false),
        ] {
            assert_eq!(Words::of(text.as_bytes()), Words { starts_children, runs_text }, "{text}");
        }
    }
}
