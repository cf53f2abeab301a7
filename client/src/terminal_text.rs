//! Cleans text for a terminal: text that may quote files of a repository, an answer of a service,
//! or a path.
//!
//! Both programs print through this module, which does not print by itself.

pub use capy_protocol::text::steers_terminal as steers;

/// Replaces each terminal control character with a space, but keeps line feeds and tabs.
pub fn clean(text: &str) -> String {
    let is_kept = |c: char| c == '\n' || c == '\t' || !steers(c);
    text.chars().map(|c| if is_kept(c) { c } else { ' ' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_steers_a_terminal_is_shown() {
        assert_eq!(clean("é\ta\n\u{1b}[31mb\r\u{9b}1mc\u{7}\u{202e}d"), "é\ta\n [31mb  1mc  d");
    }
}
