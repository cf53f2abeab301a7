//! What mail, YAML, forms and other alphabets do to the text of a credential without losing anything. The unit tests and
//! the fuzzer share it.

/// `text` in lines of `width` letters, with `between` at their ends.
pub(crate) fn folded(text: &str, width: usize, between: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let lines: Vec<String> = letters.chunks(width).map(|line| line.iter().collect()).collect();
    lines.join(between)
}

/// Ways in which a blob's text arrives whole. The names in them are those of the default pair.
pub(crate) const WAYS: [fn(&str) -> String; 22] = [
    |text| folded(text, 76, "\r\n"),
    |text| folded(text, 64, "\n  "),
    |text| folded(text, 60, " "),
    |text| folded(text, 75, "=\r\n"),
    |text| folded(text, 40, "\\n"),
    |text| folded(text, 40, "\\\n"),
    |text| format!("|\n  {}\n", folded(text, 70, "\n  ")),
    |text| format!(">-\n    {text}"),
    |text| format!("\"{text}\""),
    |text| format!("'{text}',"),
    |text| format!("\u{201c}{text}\u{201d}"),
    |text| format!("SECRETS_BLOB={text}"),
    |text| format!("export SECRETS_BLOB=\"{text}\"\n"),
    |text| format!("SECRETS_BLOB: {text}"),
    |text| format!("\u{feff}{text}\r\n"),
    |text| folded(text, 30, "\u{200b}"),
    |text| text.replace('+', "-").replace('/', "_"),
    |text| text.trim_end_matches('=').to_owned(),
    |text| text.replace('+', "-").replace('/', "_").trim_end_matches('=').to_owned(),
    |text| text.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D"),
    |text| text.replace('=', "=3D"),
    |text| format!("\u{a0}{text};"),
];

/// What gets into a text by the way, and may or may not be taken out again.
pub(crate) const PUT_IN: [&str; 16] = [
    " ",
    "\n",
    "\r\n",
    "\t",
    "\u{200b}",
    "\u{feff}",
    "\"",
    "'",
    "=",
    "=\n",
    "%",
    "\\n",
    ",",
    "|",
    "SECRETS_BLOB=",
    "\u{a0}",
];
