//! The bootstrap token: a secret of the service itself, with all permissions. The token exists
//! before the database does, and creates the first API tokens.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

const TOKEN_MIN: usize = 32;
/// Two during a rotation: the new token is added before the old one is removed.
const TOKENS_MAX: usize = 2;

/// SHA-256 digests of the bootstrap tokens.
pub(crate) struct AdminTokens(Vec<[u8; 32]>);

impl AdminTokens {
    /// Parses one token, or two separated by white space. Each has at least 32 visible ASCII
    /// characters: any other character could not be sent in a header, and a shorter token could be
    /// guessed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let tokens: Vec<&str> = text.split_ascii_whitespace().collect();
        let sendable = |token: &&str| token.bytes().all(|byte| byte.is_ascii_graphic());
        let fit = tokens.iter().all(|token| sendable(token) && token.len() >= TOKEN_MIN);
        let few = (1..=TOKENS_MAX).contains(&tokens.len());
        (few && fit).then(|| Self(tokens.into_iter().map(digest).collect()))
    }

    /// Compares in constant time: the time depends only on the length of the presented token.
    pub(crate) fn matches(&self, presented: &str) -> bool {
        let presented = digest(presented);
        let found = self.0.iter().fold(Choice::from(0), |found, one| found | one.ct_eq(&presented));
        found.into()
    }
}

impl fmt::Debug for AdminTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AdminTokens(…)")
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_matches() {
        let text = "0123456789abcdef0123456789abcdef";
        let token = AdminTokens::parse(text).unwrap();
        assert!(token.matches(text));
        for other in ["", &text[1..], &format!("{text} "), &text.to_uppercase()] {
            assert!(!token.matches(other), "{other}");
        }
    }

    #[test]
    fn during_a_rotation_both_tokens_match_and_neither_text_around_them() {
        let (new, old) = ("n".repeat(32), "o".repeat(40));
        let both = AdminTokens::parse(&format!("{new}\n{old}\n")).unwrap();
        assert!(both.matches(&new) && both.matches(&old));
        assert!(!both.matches(&format!("{new}\n{old}")) && !both.matches(""));
        assert!(AdminTokens::parse(&format!("{new} {old} {new}")).is_none(), "three are a mistake");
    }

    #[test]
    fn a_token_that_could_be_guessed_or_not_sent_is_none() {
        for bad in ["", " ", &"a".repeat(31), &"é".repeat(32), &format!("{} b", "a".repeat(32))] {
            assert!(AdminTokens::parse(bad).is_none(), "{bad}");
        }
    }
}
