//! Lenient parsing of credentials that mail, YAML, a form or URL-safe base64 changed in transit.
//!
//! Strict parsing comes first; this module handles what fails there. It undoes only changes that
//! lose nothing and have one interpretation, so that accepted text decodes to exactly the deployed
//! bytes. It never guesses; for other text it describes what the text looks like.

use zeroize::Zeroizing;

/// The shortest line width that counts as folding by mail or YAML. Shorter pieces between spaces
/// may have lost characters.
const FOLDED_LINE_MIN: usize = 16;

/// Placeholder words that platforms show instead of a hidden value.
const HIDDEN_VALUE_WORDS: [&str; 19] = [
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

/// A placeholder instead of a credential, by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placeholder {
    /// A platform's word or asterisks for a value that the platform does not show.
    Hidden,
    /// A reference such as `${{ secrets.NAME }}` that was never replaced by its value.
    Reference,
}

/// Whether a text is a placeholder for a value, and of which kind.
pub fn find_placeholder(text: &str) -> Option<Placeholder> {
    let text = text.trim().trim_matches(['"', '\'', '`']).trim();
    let is_reference = text.starts_with("${")
        || text.starts_with("{{") && text.ends_with("}}")
        || text.strip_prefix(['$', '@', '%']).is_some_and(is_name)
        || ["op://", "secret://", "vault:", "arn:aws:", "projects/"]
            .iter()
            .any(|start| text.starts_with(start));
    if is_reference {
        return Some(Placeholder::Reference);
    }
    let is_star =
        |letter: char| matches!(letter, '*' | '\u{2022}' | '\u{25cf}' | '\u{00b7}' | '.' | '\u{2026}' | '-');
    let is_stars = !text.is_empty() && text.chars().all(is_star);
    let is_crosses = text.len() >= 3 && text.bytes().all(|byte| byte == b'x' || byte == b'X');
    let word = text.trim_matches(['[', ']', '<', '>', '(', ')', '{', '}', '*', '-', '_', ' ']).to_lowercase();
    let is_hidden = HIDDEN_VALUE_WORDS.contains(&word.as_str());
    (is_stars || is_crosses || is_hidden).then_some(Placeholder::Hidden)
}

fn is_name(text: &str) -> bool {
    let text = text.trim_end_matches('%').trim_matches(['{', '}', '(', ')']);
    !text.is_empty()
        && text.len() < 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Removes what mail, YAML, a shell or a form added around and between the characters of a text.
/// `None` if an addition cannot be told from a loss. The text may begin with `variable` and `=` or
/// `:`.
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
    // In URL-safe base64 a variable's name consists of valid characters.
    if names_variable(text) {
        return None;
    }
    text = without_quotes(text);
    let decoded = Zeroizing::new(without_escapes(text)?);
    let pieces: Vec<&str> = decoded.split(' ').filter(|piece| !piece.is_empty()).collect();
    // Form decoding turns `+` into a space: only lines of equal width were certainly folded.
    let (last, lines) = pieces.split_last()?;
    let is_folded = lines.iter().all(|line| line.len() == lines[0].len() && line.len() >= FOLDED_LINE_MIN)
        && lines.first().is_none_or(|line| last.len() <= line.len());
    is_folded.then(|| Zeroizing::new(pieces.concat()))
}

/// Converts URL-safe or unpadded base64 to the standard alphabet with padding.
pub(super) fn standard_base64(text: &str) -> Zeroizing<String> {
    let is_for_addresses = text.contains(['-', '_']) && !text.contains(['+', '/']);
    let mut standard = Zeroizing::new(text.to_owned());
    if is_for_addresses {
        standard = Zeroizing::new(standard.replace('-', "+").replace('_', "/"));
    }
    // The number of base64 characters alone determines the number of `=` signs. One sign too many
    // is a soft line break of mail in front of the padding; any other number means that characters
    // are missing.
    let letters = standard.trim_end_matches('=').len();
    let (signs, needed) = (standard.len() - letters, (4 - letters % 4) % 4);
    if needed < 3 && (signs == 0 || signs == needed || needed > 0 && signs == needed + 1) {
        standard.truncate(letters);
        standard.extend(std::iter::repeat_n('=', needed));
    }
    standard
}

/// What a text looks like that does not parse as a blob, for the error message.
pub(super) fn looks_like(text: &str) -> Option<&'static str> {
    let text = text.trim().trim_matches(['"', '\'']);
    let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if text.len() == 64 && is_hex {
        Some("it looks like a key: the two variables may have been swapped")
    } else if text.ends_with("...") || text.ends_with('\u{2026}') {
        Some("it ends with dots: it was copied from where it is shown shortened")
    } else if names_variable(text) {
        Some("it contains the name of a variable: a line with both may have been pasted")
    } else if text.contains(' ') {
        Some("it contains spaces, perhaps in place of `+`")
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

/// Whether a text contains the name of a credential's variable. No credential contains such a name
/// by itself.
fn names_variable(text: &str) -> bool {
    ["SECRETS_BLOB", "PROJECT_KEY", "DEPLOY_KEY"].iter().any(|name| text.contains(name))
}

/// What a text looks like that does not parse as a key, for the error message.
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

/// Whether a character is invisible: byte order marks, joiners, soft hyphens, direction marks.
fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{feff}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{ad}' | '\u{202a}'..='\u{202e}')
}

/// Removes YAML's `|` or `>` in front of a block of lines.
fn without_block_mark(text: &str) -> &str {
    let Some((first, rest)) = text.split_once(['\n', '\r']) else {
        return text;
    };
    let is_mark = matches!(first.trim(), "|" | ">" | "|-" | ">-" | "|+" | ">+");
    if is_mark { rest.trim_start() } else { text }
}

/// Removes one pair of straight or typographic quotes.
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

/// Decodes line breaks, the escapes `\n`, `\r` and `\t`, soft line breaks of mail
/// (quoted-printable) and percent encoding. Line breaks and these escapes disappear; any other
/// white space becomes a space.
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
                // A backslash at the end of a line continues the line.
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
            // In percent-encoded text `+`, `/` and `=` would be encoded too, so this `%` is a stray
            // one.
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
