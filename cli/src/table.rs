//! Formatting for lists that people read: tables, times, and text from others without control
//! characters.

use std::time::{Duration, UNIX_EPOCH};

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

/// Text from others with a blank in place of each character that could control the terminal; `-`
/// for none.
pub(crate) fn shown(text: Option<&str>) -> String {
    let text: String = text
        .unwrap_or("-")
        .chars()
        .map(|c| if capy_client::terminal_text::steers(c) { ' ' } else { c })
        .collect();
    if text.is_empty() { "-".into() } else { text }
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
