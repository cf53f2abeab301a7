//! Comparison of both analyses, for tests and for the fuzzer: a feature that no program enables.

use std::path::Path;

use capy_protocol::env_map::EnvMap;

use crate::link::{Links, Seen};
use crate::prefilter::Prefilter;
use crate::reads::{self, FileReads};
pub use crate::scan::Doubt;
use crate::variables::InlinedVariables;
use crate::{syntax, with_large_stacks};

/// Whether the token scan and the syntax tree find the same in a text.
#[derive(Debug, PartialEq, Eq)]
pub enum Agreement {
    NotSure(Doubt),
    /// The number of reads and notes.
    Same(usize),
    /// What the tokens show, and what the tree shows; `None` if the text does not parse.
    Different(String, Option<String>),
}

/// Compares both analyses.
///
/// # Panics
/// If no thread can be started.
pub fn tokens_and_tree(text: &str, values: &EnvMap) -> Agreement {
    with_large_stacks(1, || both(text, values)).expect("one more thread")
}

fn both(text: &str, values: &EnvMap) -> Agreement {
    let variables = InlinedVariables::of(values);
    let tokens = match Prefilter::new(variables.iter()).tokens(text, &variables) {
        Ok(reads) => in_order(reads),
        Err(doubt) => return Agreement::NotSure(doubt),
    };
    let links = Links::default();
    let no_files = Seen { links: &links, folder: Path::new("") };
    let tree = syntax::parse(text).ok();
    let tree = tree.map(|program| in_order(reads::find(&program, &variables, &no_files)));
    match tree {
        Some(tree) if tree == tokens => Agreement::Same(tree.reads.len() + tree.notes.len()),
        tree => Agreement::Different(format!("{tokens:?}"), tree.map(|tree| format!("{tree:?}"))),
    }
}

/// Sorted by place: the two analyses find them in different orders.
fn in_order(mut found: FileReads) -> FileReads {
    found.reads.sort_by_key(|read| read.start);
    found.notes.sort_by_key(|note| (note.at, note.reason));
    found
}

/// Whether the parser accepts this text.
///
/// # Panics
/// If no thread can be started.
pub fn parses(text: &str) -> bool {
    with_large_stacks(1, || syntax::parse(text).is_ok()).expect("one more thread")
}
