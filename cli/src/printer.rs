//! Output to the terminal: data to stdout, everything else to stderr, no colour, and tables with
//! columns and times. All output of this crate goes through this module.
//!
//! Text for stderr may quote a repository's file, an answer or a path. Control characters in it are
//! replaced with blanks, so that the text cannot control the terminal.

use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use capy_client::help_line;
use capy_protocol::terminal_text::{clean_line, clean_lines};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::error::{Error, Result};

/// Writes data to stdout. An error means that the reader may not have got all of it.
pub(crate) fn data(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(Error::Output)
}

/// Writes an answer to stdout, as JSON.
pub(crate) fn json(answer: &impl Serialize) -> Result<()> {
    data(&json_text(answer))
}

/// An answer as JSON, which may hold a secret.
pub(crate) fn json_text(answer: &impl Serialize) -> Zeroizing<String> {
    let json = serde_json::to_string_pretty(answer).expect("strings and numbers are always JSON");
    let mut text = Zeroizing::new(json);
    text.push('\n');
    text
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

/// Writes an error: what failed, an empty line, what to do, and which command explains the error.
pub(crate) fn error(error: &Error) {
    let hint = error.hint().map(|hint| format!("hint: {hint}\n")).unwrap_or_default();
    note(&format!(
        "error[{code}]: {error}\n\n{hint}{help}",
        code = error.code(),
        help = help_line(error.code())
    ));
}

/// The rows under their head, each column as wide as its widest cell.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let mut all = vec![head.map(String::from)];
    all.extend(rows);
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in &all {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// Text from others for one cell or line, without terminal control characters; `-` for none.
pub(crate) fn shown(text: Option<&str>) -> String {
    clean_line(text.filter(|text| !text.is_empty()).unwrap_or("-"))
}

/// The current time, in milliseconds since the Unix epoch.
pub(crate) fn now() -> u64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(age.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds since the Unix epoch as a date and time.
pub(crate) fn time(millis: u64) -> String {
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(millis));
    // The formatter fails for years after 9999.
    let sane = at.filter(|_| millis < 253_402_300_800_000);
    sane.map_or_else(|| "?".into(), |at| humantime::format_rfc3339_seconds(at).to_string())
}

/// [`time`], or a word if there is no time.
pub(crate) fn time_or(millis: Option<u64>, word: &str) -> String {
    millis.map_or_else(|| word.into(), time)
}
