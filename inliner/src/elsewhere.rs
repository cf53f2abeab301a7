//! What a program runs outside of the files as they were read: a function's text, and children with an environment of
//! their own.
//!
//! Owns the analysis of one file by how values go through it, and the decision whether a file is worth that. A function of
//! ours is missing where another function's text runs, and a value that is built in cannot give way to the one that a
//! child is given: such reads stay, and the variables are set before the program starts.
//!
//! | module | owns |
//! |---|---|
//! | `words` | whether a tree has to be asked |
//! | `value`, `walk` | from a tree to what is given to whom |
//! | `graph` | the ways that values go |
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

use crate::prefilter::is_part;
use crate::reads::{FileReads, Note, Wanted};
use crate::report::Reason;
use child_env::Withheld;
use graph::Graph;
use words::Words;

/// What one file tells about all of them.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere {
    /// It may start children.
    pub(crate) starts_children: bool,
    /// Variables that a child may be given with another value.
    pub(crate) given: BTreeSet<String>,
    /// Any variable may be.
    pub(crate) gives_any: bool,
    /// The text of a function that another file may give is run as code.
    pub(crate) runs_any_text: bool,
}

/// Words of which one stands where a function is turned into text, or text is run.
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

/// What a file's bytes tell, before anything is parsed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outside(Words);

impl Outside {
    pub(crate) fn of(text: &[u8]) -> Self {
        Self(Words::of(text))
    }

    /// Whether children may be started, whatever else is in the text.
    pub(crate) fn starts_children(self) -> bool {
        self.0.starts_children
    }

    /// Whether a text that names no variable may matter to the files that do.
    pub(crate) fn concerns_others(self, text: &[u8]) -> bool {
        self.0.runs_text || self.0.starts_children && memmem::find(text, b"env").is_some()
    }

    /// What has to be expected of a file of which there is no tree.
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

    /// Whether the tree of a file with these reads has to be asked.
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

/// Words of which one stands where a text is run.
const RUN_TEXT: [&str; 6] = ["eval(", "eval)(", "eval:", "runIn", "Blob(", "Script("];

/// Looks at a file's tree, and turns the reads into notes that must stay. `reads_nothing` says whether a script beside
/// the file reads no variable, whatever it is started with.
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

/// Variables in texts that are run, unless the tree told of them already.
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
