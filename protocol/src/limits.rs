//! Limits that the key service enforces and `capy` knows beforehand.

use core::num::NonZeroU32;

/// The longest label of a deployment or an API token, in characters.
pub const LABEL_MAX: usize = 200;

/// The most requests in ten seconds for the key of one deployment. It is the default of `capy
/// serve`; Workers take theirs from `wrangler.toml`.
pub const DECRYPTS_OF_DEPLOY: NonZeroU32 = NonZeroU32::new(100).unwrap();
/// The most requests in ten seconds from one address for keys of any deployments, as a default,
/// too.
pub const DECRYPTS_FROM_ADDRESS: NonZeroU32 = NonZeroU32::new(300).unwrap();

/// Whether a label may be registered: not too long, and without control characters.
pub fn is_label(text: &str) -> bool {
    text.chars().count() <= LABEL_MAX && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_counted_in_characters_and_controls_no_terminal() {
        let longest = "é".repeat(LABEL_MAX);
        assert!(is_label("") && is_label("for main") && is_label(&longest));
        assert!(!is_label(&(longest + "x")) && !is_label("a\u{1b}[2Jb"));
    }
}
