//! Text from others, made fit for a terminal: names of files, answers of a service, output of a
//! program. Unchanged, such text could move the cursor, forge a line or reverse what follows it.

use alloc::string::String;

/// Whether a character controls a terminal instead of being displayed: control characters, line and
/// paragraph separators, and marks that change the reading order (Unicode Standard Annex #9) or
/// annotate text.
pub fn is_terminal_control(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(letter, '\u{2066}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
}

/// Text of several lines, with a space in place of each terminal control character other than line
/// feeds and tabs.
pub fn clean_lines(text: &str) -> String {
    replace_controls(text, |letter| matches!(letter, '\n' | '\t'))
}

/// Text for one line, with a space in place of each terminal control character.
pub fn clean_line(text: &str) -> String {
    replace_controls(text, |_| false)
}

/// A name, with an escape such as `\u{202e}` in place of each terminal control character, and of
/// each character without width: two names could look the same otherwise.
pub fn escape_name(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        if is_terminal_control(letter) || has_no_width(letter) {
            escaped.extend(letter.escape_default());
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

fn replace_controls(text: &str, is_kept: fn(char) -> bool) -> String {
    let replace = |letter| if is_terminal_control(letter) && !is_kept(letter) { ' ' } else { letter };
    text.chars().map(replace).collect()
}

fn has_no_width(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_controls_a_terminal_is_told_from_what_is_shown() {
        for control in "\n\t\r\0\u{1b}\u{7f}\u{9b}\u{61c}\u{200f}\u{2028}\u{202e}\u{2066}\u{2069}".chars() {
            assert!(is_terminal_control(control), "{control:?}");
        }
        // A zero-width joiner inside an emoji is displayed.
        assert!(!"a ~é🦫👩\u{200d}💻".chars().any(is_terminal_control));
    }

    #[test]
    fn nothing_that_controls_a_terminal_is_shown() {
        let text = "é\ta\n\u{1b}[31mb\r\u{9b}1mc\u{7}\u{202e}d";
        assert_eq!(clean_lines(text), "é\ta\n [31mb  1mc  d");
        assert_eq!(clean_line(text), "é a  [31mb  1mc  d");
    }

    #[test]
    fn what_cannot_be_seen_in_a_name_is_escaped() {
        for (text, expected) in [
            ("a b/[c]~é😀.js", "a b/[c]~é😀.js"),
            ("a\nerror: b\r\u{1b}[2J", "a\\nerror: b\\r\\u{1b}[2J"),
            ("\u{202e}sj.a\u{2066}\u{200f}\u{9b}\u{7f}", "\\u{202e}sj.a\\u{2066}\\u{200f}\\u{9b}\\u{7f}"),
            ("a\u{200b}b\u{feff}", "a\\u{200b}b\\u{feff}"),
        ] {
            assert_eq!(escape_name(text), expected);
        }
    }
}
