//! Pages of the book that tests make from the code.

use std::fs;

use crate::workspace_root;

/// With this variable set, the tests write the pages anew. `cargo xtask reference` sets it.
pub const UPDATE: &str = "UPDATE_REFERENCE";

/// Checks that a page of `docs/reference/` is the one that the code makes; writes it if [`UPDATE`]
/// is set.
///
/// # Panics
/// If the page is another one, or cannot be written.
#[track_caller]
pub fn assert_current(page: &str, text: &str) {
    let path = workspace_root().join("docs/reference").join(page);
    if std::env::var_os(UPDATE).is_some() {
        fs::write(&path, text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        return;
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let (is, should) = first_difference(&found, text);
    assert!(
        found == text,
        "docs/reference/{page} is not what the code says; `cargo xtask reference` writes it anew\n\
         page: {is:?}\ncode: {should:?}"
    );
}

/// The first lines that differ, one of each text.
fn first_difference<'a>(one: &'a str, other: &'a str) -> (&'a str, &'a str) {
    let (mut ours, mut theirs) = (one.lines(), other.lines());
    loop {
        match (ours.next(), theirs.next()) {
            (Some(our), Some(their)) if our == their => {}
            // A text that ends first has an empty line there.
            (our, their) => return (our.unwrap_or_default(), their.unwrap_or_default()),
        }
    }
}

/// A text as a cell of a table.
pub fn cell(text: &str) -> String {
    text.replace('|', "\\|").split_whitespace().collect::<Vec<_>>().join(" ")
}
