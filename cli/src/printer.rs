//! Output to the terminal: data to stdout, everything else to stderr, no colour. All output of this
//! crate goes through this module.
//!
//! Text for stderr may quote a repository's file, an answer or a path. Control characters in it are
//! replaced with blanks, so that the text cannot control the terminal.

use std::io::{self, Write};

use capy_protocol::terminal_text::clean_lines;
use serde::Serialize;

use crate::error::{Error, Result};

/// Writes data to stdout. An error means that the reader may not have got all of it.
pub(crate) fn data(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::Output)
}

/// Writes an answer to stdout, as JSON.
pub(crate) fn json(answer: &impl Serialize) -> Result<()> {
    let json = serde_json::to_string_pretty(answer).expect("strings and numbers are always JSON");
    data(&(json + "\n"))
}

/// The plural ending of a word after a count: `s`, or nothing for 1.
pub(crate) fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Writes a line for people to stderr. A failure is ignored: without a reader the command still
/// goes on.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{}", clean_lines(text));
}

/// Writes text for people to stderr, without a new line after it.
pub(crate) fn prompt(text: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(clean_lines(text).as_bytes()).and_then(|()| err.flush());
}

/// Writes an error: what failed, an empty line, and what to do.
pub(crate) fn error(error: &Error) {
    note(&format!("error[{}]: {error}", error.code()));
    if let Some(hint) = error.hint() {
        note(&format!("\nhint: {hint}"));
    }
}
