//! Code that runs outside the program that contains it: functions turned into text
//! (`job.toString()`), and child processes or workers with an environment of their own.
//!
//! Decides whether a file needs the analysis, then follows the data flow within that file. A
//! function that another process runs from its text cannot call a function that the inliner adds,
//! and a value written into the code overrides the one that a parent passes to its child. Such
//! reads are not replaced; the variables are set before the program starts instead.
//!
//! | module | content |
//! |---|---|
//! | `words` | the byte search that decides whether the tree is analysed |
//! | `value`, `walk` | from a tree to assignments and calls |
//! | `graph` | the data flow between names, properties and parameters |
//! | `function_text` | functions that are turned into text |
//! | `child_env` | environments that children are given |

mod child_env;
mod function_text;
mod graph;
mod value;
mod walk;
mod words;

use std::collections::BTreeSet;

use memchr::memmem;
use swc_atoms::Atom;
use swc_ecma_ast::Program;

use crate::finding::Reason;
use crate::reads::{FileReads, Note, Wanted};
use crate::words::is_part;
use child_env::Withheld;
use graph::Graph;
use words::Words;

/// What one file says about code that runs elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    /// The file may start child processes or workers.
    pub(crate) starts_children: bool,
    /// Variables that a child may get with a different value.
    pub(crate) given: BTreeSet<String>,
    /// Any variable may get a different value in a child.
    pub(crate) gives_any: bool,
    /// The file runs the text of a function that may come from another file.
    pub(crate) runs_any_text: bool,
}

/// A file that turns a function into text, or runs a text, contains at least one of these words.
const CONVERSIONS: [&str; 16] = [
    "toString",
    "String(",
    "${",
    "evaluate",
    "$eval",
    "InitScript",
    "execute",
    "waitFor",
    "eval",
    "Function",
    "Worker",
    "Blob",
    "runIn",
    "concat(",
    ")(",
    "join(",
];

/// What a byte search finds in a file before it is parsed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outside(Words);

impl Outside {
    pub(crate) fn of(text: &[u8]) -> Self {
        Self(Words::of(text))
    }

    /// Whether the file may start children, whatever else it contains.
    pub(crate) fn starts_children(self) -> bool {
        self.0.starts_children
    }

    /// Whether a file that names no variable may affect the files that do.
    pub(crate) fn concerns_others(self, text: &[u8]) -> bool {
        self.0.runs_text || self.0.starts_children && memmem::find(text, b"env").is_some()
    }

    /// The worst case, for a file without a syntax tree.
    pub(crate) fn unknown(self, reads: &mut FileReads) -> Elsewhere {
        reads.leave_within(&[(0, u32::MAX)], Reason::FunctionText);
        let Words { starts_children, runs_text } = self.0;
        Elsewhere {
            starts_children,
            gives_any: starts_children,
            runs_any_text: runs_text,
            ..Elsewhere::default()
        }
    }

    /// Whether a file with these reads needs its tree analysed.
    pub(crate) fn is_worth_a_look(self, text: &[u8], reads: &FileReads, parsed: bool) -> bool {
        let has = |word: &&str| memmem::find(text, word.as_bytes()).is_some();
        let converts = || CONVERSIONS.iter().any(has) || function_text::has_package(text);
        let reads_one = !reads.reads.is_empty() || !reads.objects.is_empty();
        reads_one && converts()
            || parsed && !reads.notes.is_empty()
            || self.concerns_others(text)
            // A text that names the environment may be run as code.
            || has(&"env") && RUN_TEXT.iter().any(has)
    }
}

/// A file that runs a text as code contains at least one of these words.
const RUN_TEXT: [&str; 6] = ["eval(", "eval)(", "eval:", "runIn", "Blob(", "Script("];

/// Analyses a file's tree, and turns reads that must not be replaced into notes. `reads_nothing`
/// says whether a script beside the file reads no variable under any environment.
pub(crate) fn look(
    program: &Program,
    text: &[u8],
    wanted: &dyn Wanted,
    reads_nothing: &dyn Fn(&str) -> bool,
    reads: &mut FileReads,
) -> Elsewhere {
    let graph = Graph::new(walk::walk(program));
    let texts = function_text::find(&graph, text);
    reads.leave_within(&texts.functions, Reason::FunctionText);
    note_run(&texts.run, wanted, reads);
    let starts_children = Words::of(text).starts_children;
    let given = child_env::find(&graph, wanted, starts_children);
    let mut withheld = given.withheld;
    withheld.retain(|one| !one.script.as_deref().is_some_and(reads_nothing));
    let note = |one: Withheld| Note { at: one.at, name: one.name, reason: Reason::WithheldFromChild };
    reads.notes.extend(withheld.into_iter().map(note));
    Elsewhere { starts_children, given: given.names, gives_any: given.is_any, runs_any_text: texts.is_any }
}

/// Notes the variables named in texts that are run as code, except those that the tree already
/// reported.
fn note_run(run: &[(Atom, u32)], wanted: &dyn Wanted, reads: &mut FileReads) {
    let told = reads.notes.iter().filter(|note| note.reason == Reason::Eval);
    let mut told: BTreeSet<String> = told.filter_map(|note| note.name.clone()).collect();
    for (text, at) in run {
        let words = text.split(|letter: char| !(letter.is_ascii() && is_part(&(letter as u8))));
        for name in words.filter(|word| wanted.is_wanted(word)) {
            if told.insert(name.to_owned()) {
                reads.notes.push(Note { at: *at, name: Some(name.to_owned()), reason: Reason::Eval });
            }
        }
    }
}
