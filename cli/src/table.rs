//! Tables for people to read: columns, times, and cells with text from others.

use std::time::{Duration, UNIX_EPOCH};

use capy_protocol::terminal_text::clean_line;

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
