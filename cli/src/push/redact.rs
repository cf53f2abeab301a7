//! Redacts values in a program's output: whole, cut short, broken into lines or inside a sentence.

use capy_inliner::Redactor;

/// The fewest bytes in a row of a value that are redacted. Fewer may be a coincidence.
const SHORTEST_MATCH: usize = 8;

/// What stands in place of a redacted value.
const PLACEHOLDER: &str = "…";

/// The text with one placeholder for each part of a value.
pub(super) fn redact(text: &str, values: &[&str]) -> String {
    let redacted = Redactor::of_parts(values, SHORTEST_MATCH, PLACEHOLDER).redact(text.as_bytes());
    let mut text = String::from_utf8_lossy(&redacted).into_owned();
    // A program may cut a value short with the same sign.
    while text.contains(&PLACEHOLDER.repeat(2)) {
        text = text.replace(&PLACEHOLDER.repeat(2), PLACEHOLDER);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_value_is_left_however_it_is_printed() {
        let blob: String = (0..200).map(|n| char::from(b'a' + (n * 7 % 26) as u8)).collect();
        let key = "0123456789abcdef";
        let said = format!(
            "invalid value {}… for X\n{}\n{}\n\"{key}\" and nothing else",
            &blob[..20],
            &blob[..64],
            &blob[64..128]
        );
        let shown = redact(&said, &[&blob, key]);
        assert_eq!(shown, "invalid value … for X\n…\n…\n\"…\" and nothing else");
    }

    #[test]
    fn what_is_no_value_stays_as_it_is() {
        let said = "Fehler: nö, die Datei «0123456» gibt es nicht\n";
        assert_eq!(redact(said, &["0123456789abcdef", "https:"]), said);
    }
}
