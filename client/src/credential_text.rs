//! The text of a credential as it arrives: after a mail, a YAML file, a form or another alphabet of base64.
//!
//! Owns what is forgiven: only what loses nothing and can be read in one way, so that what is accepted has the very bytes
//! that were deployed. Strict reading comes first; this is asked where it fails. It refuses to guess, and says what a text
//! looks like instead.

use zeroize::Zeroizing;

/// Lines of mail and YAML are folded at a width. A shorter piece between spaces may lack something.
const NARROWEST_LINE: usize = 16;

/// What a platform shows where it hides a value.
const HIDDEN: [&str; 19] = [
    "sensitive",
    "redacted",
    "encrypted",
    "hidden",
    "masked",
    "secret",
    "secret_text",
    "secret value",
    "sensitive value",
    "value hidden",
    "hidden value",
    "value encrypted",
    "encrypted value",
    "not shown",
    "write-only",
    "filtered",
    "protected",
    "secured",
    "removed",
];

/// A text that is no credential, and why it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stand {
    /// A platform's word or stars in place of a value that it does not show.
    Hidden,
    /// A reference such as `${{ secrets.NAME }}` that nobody replaced by its value.
    Reference,
}

/// Whether a text stands in place of a value.
pub fn stands_for_value(text: &str) -> Option<Stand> {
    let text = text.trim().trim_matches(['"', '\'', '`']).trim();
    let is_reference = text.starts_with("${")
        || text.starts_with("{{") && text.ends_with("}}")
        || text.strip_prefix(['$', '@', '%']).is_some_and(is_name)
        || ["op://", "secret://", "vault:", "arn:aws:", "projects/"]
            .iter()
            .any(|start| text.starts_with(start));
    if is_reference {
        return Some(Stand::Reference);
    }
    let is_star =
        |letter: char| matches!(letter, '*' | '\u{2022}' | '\u{25cf}' | '\u{00b7}' | '.' | '\u{2026}' | '-');
    let is_stars = !text.is_empty() && text.chars().all(is_star);
    let is_crosses = text.len() >= 3 && text.bytes().all(|byte| byte == b'x' || byte == b'X');
    let word = text.trim_matches(['[', ']', '<', '>', '(', ')', '{', '}', '*', '-', '_', ' ']).to_lowercase();
    let is_hidden = HIDDEN.contains(&word.as_str());
    (is_stars || is_crosses || is_hidden).then_some(Stand::Hidden)
}

fn is_name(text: &str) -> bool {
    let text = text.trim_end_matches('%').trim_matches(['{', '}', '(', ')']);
    !text.is_empty()
        && text.len() < 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// A text without what mail, YAML, a shell or a form put around and between its letters; nothing, where that cannot be
/// told from a loss. `variable` may stand in front of it.
pub(super) fn unwrapped(text: &str, variable: &str) -> Option<Zeroizing<String>> {
    let visible: Zeroizing<String> =
        Zeroizing::new(text.chars().filter(|letter| !is_invisible(*letter)).collect());
    let mut text = visible.trim();
    text = text.strip_prefix("export ").unwrap_or(text).trim_start();
    if let Some(rest) = text.strip_prefix(variable) {
        let rest = rest.trim_start();
        text = rest.strip_prefix('=').or(rest.strip_prefix(':'))?.trim_start();
    }
    text = without_block_mark(text);
    text = text.trim_end_matches([',', ';']).trim_end();
    // In the alphabet for addresses a name is letters like others.
    if names_variable(text) {
        return None;
    }
    text = without_quotes(text);
    let decoded = Zeroizing::new(without_escapes(text)?);
    let pieces: Vec<&str> = decoded.split(' ').filter(|piece| !piece.is_empty()).collect();
    // A form's decoder makes a space of `+`: only lines of one width were certainly folded.
    let (last, lines) = pieces.split_last()?;
    let is_folded = lines.iter().all(|line| line.len() == lines[0].len() && line.len() >= NARROWEST_LINE)
        && lines.first().is_none_or(|line| last.len() <= line.len());
    is_folded.then(|| Zeroizing::new(pieces.concat()))
}

/// Base64 in the standard alphabet and padded, from the one for addresses or without padding.
pub(super) fn standard_base64(text: &str) -> Zeroizing<String> {
    let is_for_addresses = text.contains(['-', '_']) && !text.contains(['+', '/']);
    let mut standard = Zeroizing::new(text.to_owned());
    if is_for_addresses {
        standard = Zeroizing::new(standard.replace('-', "+").replace('_', "/"));
    }
    // How many signs fill the last group is told by the letters alone. One more is a line end of mail in front of them;
    // any other number means that letters are missing.
    let letters = standard.trim_end_matches('=').len();
    let (signs, needed) = (standard.len() - letters, (4 - letters % 4) % 4);
    if needed < 3 && (signs == 0 || signs == needed || needed > 0 && signs == needed + 1) {
        standard.truncate(letters);
        standard.extend(std::iter::repeat_n('=', needed));
    }
    standard
}

/// What a text looks like that is no blob.
pub(super) fn looks_like(text: &str) -> Option<&'static str> {
    let text = text.trim().trim_matches(['"', '\'']);
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.len() == 64 && is_hex {
        Some("it looks like a key: the two variables may have been swapped")
    } else if text.ends_with("...") || text.ends_with('\u{2026}') {
        Some("it ends with dots: it was copied from where it is shown shortened")
    } else if names_variable(text) {
        Some("it holds the name of a variable: a line with both may have been pasted")
    } else if text.contains(' ') {
        Some("it holds spaces, perhaps in place of `+`")
    } else if text.starts_with("-----BEGIN") || text.starts_with("capy:v1:") || text.starts_with('{') {
        Some("it is another kind of text")
    } else if text.starts_with("/") || text.starts_with("./") || text.ends_with(".blob") {
        Some("it looks like a file's name: the variable that ends with _FILE names one")
    } else if text.len() > 60 && text.len() % 4 == 1 {
        Some("it was cut off, or a letter is missing")
    } else {
        None
    }
}

/// Whether the name of a credential's variable stands in a text. No text of its own says one.
fn names_variable(text: &str) -> bool {
    ["SECRETS_BLOB", "PROJECT_KEY", "DEPLOY_KEY"].iter().any(|name| text.contains(name))
}

/// What a text looks like that is no key.
pub(super) fn key_looks_like(text: &str) -> Option<&'static str> {
    let text = text.trim().trim_matches(['"', '\'']);
    let is_hex = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.len() > 100 {
        Some("it looks like a blob: the two variables may have been swapped")
    } else if text.starts_with("capy_") || text.split_whitespace().count() == 24 {
        Some("it is another kind of secret")
    } else if is_hex && text.len() < 64 {
        Some("digits are missing")
    } else if is_hex {
        Some("it has too many digits")
    } else if text.len() == 43 || text.len() == 44 {
        Some("it looks like base64")
    } else {
        None
    }
}

/// Letters that nobody sees: marks at the beginning of a file, joiners, soft hyphens, directions.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{ad}' | '\u{202a}'..='\u{202e}')
}

/// YAML's `|` and `>` in front of a block of lines.
fn without_block_mark(text: &str) -> &str {
    let Some((first, rest)) = text.split_once(['\n', '\r']) else {
        return text;
    };
    let is_mark = matches!(first.trim(), "|" | ">" | "|-" | ">-" | "|+" | ">+");
    if is_mark { rest.trim_start() } else { text }
}

/// One pair of quotes, typewritten or printed.
fn without_quotes(text: &str) -> &str {
    const PAIRS: [(char, char); 6] = [
        ('"', '"'),
        ('\'', '\''),
        ('`', '`'),
        ('\u{201c}', '\u{201d}'),
        ('\u{2018}', '\u{2019}'),
        ('\u{201e}', '\u{201c}'),
    ];
    let inside = PAIRS.iter().find_map(|(open, close)| text.strip_prefix(*open)?.strip_suffix(*close));
    inside.map_or(text, str::trim)
}

/// Line ends, written out or not, the soft ones of mail, and percent signs of addresses. Line ends are gone without a
/// trace, other white space is one space.
fn without_escapes(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(letter) = rest.chars().next() {
        let after = &rest[letter.len_utf8()..];
        rest = after;
        match letter {
            '\n' | '\r' => rest = after.trim_start_matches([' ', '\t']),
            '\\' => {
                let end = ["r\\n", "n", "r", "t"].iter().find_map(|escape| after.strip_prefix(escape));
                // A backslash at the end of a line continues it.
                rest = end.or_else(|| after.starts_with(['\n', '\r']).then_some(after))?;
            }
            '=' => match after.strip_prefix("3D").or(after.strip_prefix("3d")) {
                Some(mail) => {
                    plain.push('=');
                    rest = mail;
                }
                None => {
                    let end = after.trim_start_matches([' ', '\t']);
                    let is_soft = end.starts_with(['\r', '\n']) && !end.trim().trim_matches('=').is_empty();
                    if !is_soft {
                        plain.push('=');
                    }
                }
            },
            // A stray sign is told from an encoded one by the rest of the text, which would be encoded, too.
            '%' if text.contains(['+', '/', '=']) => return None,
            '%' => {
                plain.push(match after.get(..2)?.to_ascii_uppercase().as_str() {
                    "2B" => '+',
                    "2F" => '/',
                    "3D" => '=',
                    _ => return None,
                });
                rest = &after[2..];
            }
            ' ' | '\t' | '\u{a0}' | '\u{3000}' => plain.push(' '),
            letter => plain.push(letter),
        }
    }
    Some(plain)
}

#[cfg(test)]
mod tests;
