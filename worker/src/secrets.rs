//! The service's own secrets: the bootstrap tokens, the wrap roots, and the keys of the project
//! store, if there is one.
//!
//! A secret that is missing or malformed affects only the routes that need it. The log names the
//! secret, never its content.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use capy_protocol::service_secrets::{ADMIN_TOKEN, ENCRYPTION_KEY, SecretFault, WRAP_ROOTS};
use capy_protocol::store_keys::StoreKeys;
use capy_protocol::wrap::WrapRoots;
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

/// The shortest bootstrap token, in bytes.
const ADMIN_TOKEN_MIN: usize = 32;
/// The most bootstrap tokens: two during a rotation, since the new token is added before the old
/// one is removed.
const ADMIN_TOKENS_MAX: usize = 2;

/// The parsed secrets, each usable or with its fault. A host may replace the secrets while it
/// serves; a call in progress continues with those that it has read.
#[derive(Debug)]
pub struct Secrets(RwLock<Parsed>);

/// A parsed secret, or the reason why it cannot be used.
type Usable<T> = Result<Arc<T>, SecretFault>;

#[derive(Debug)]
struct Parsed {
    admin_tokens: Usable<AdminTokens>,
    wrap_roots: Usable<WrapRoots>,
    store_keys: Usable<StoreKeys>,
}

impl Secrets {
    /// Parses the secrets that `lookup` returns by name. White space around each is ignored,
    /// because a pipe into `wrangler secret put` adds it.
    ///
    /// - `ADMIN_TOKEN`: at least 32 visible ASCII characters, or two such tokens.
    /// - `WRAP_ROOTS`: `kid:hex[,kid:hex…]`, the newest last.
    /// - `ENCRYPTION_KEY`: 64 hexadecimal digits, or several such keys, the newest first.
    pub fn parse(lookup: impl Fn(&str) -> Option<String>) -> Self {
        let read = |name: &'static str| lookup(name).map(Zeroizing::new).ok_or(SecretFault::Missing(name));
        Self(RwLock::new(Parsed {
            admin_tokens: read(ADMIN_TOKEN).and_then(|text| {
                let expected = "at least 32 visible ASCII characters, or two such tokens";
                AdminTokens::parse(&text).map(Arc::new).ok_or(SecretFault::Malformed(ADMIN_TOKEN, expected))
            }),
            wrap_roots: read(WRAP_ROOTS).and_then(|text| {
                let expected = "kid:hex[,kid:hex…], each kid once";
                WrapRoots::parse(text.trim())
                    .map(Arc::new)
                    .map_err(|_| SecretFault::Malformed(WRAP_ROOTS, expected))
            }),
            store_keys: read(ENCRYPTION_KEY).and_then(|text| {
                let expected = "64 hexadecimal digits, or several such keys with white space between two";
                StoreKeys::parse(&text)
                    .map(Arc::new)
                    .map_err(|_| SecretFault::Malformed(ENCRYPTION_KEY, expected))
            }),
        }))
    }

    /// Replaces all secrets.
    pub fn replace(&self, with: Self) {
        let with = with.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = with;
    }

    fn read(&self) -> RwLockReadGuard<'_, Parsed> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn admin_tokens(&self) -> Usable<AdminTokens> {
        self.read().admin_tokens.clone()
    }

    pub(crate) fn wrap_roots(&self) -> Usable<WrapRoots> {
        self.read().wrap_roots.clone()
    }

    pub(crate) fn store_keys(&self) -> Usable<StoreKeys> {
        self.read().store_keys.clone()
    }

    /// Checks all secrets. A missing key of the project store is no fault.
    ///
    /// # Errors
    /// The first secret that cannot be used.
    pub fn check(&self) -> Result<(), SecretFault> {
        self.check_keys()?;
        self.check_store().map(drop)
    }

    /// Checks the secrets that every service needs.
    pub(crate) fn check_keys(&self) -> Result<(), SecretFault> {
        self.admin_tokens()?;
        self.wrap_roots().map(drop)
    }

    /// Whether there is a project store: no keys mean no store, and malformed keys are a fault.
    pub(crate) fn check_store(&self) -> Result<bool, SecretFault> {
        match self.store_keys() {
            Ok(_) => Ok(true),
            Err(SecretFault::Missing(_)) => Ok(false),
            Err(fault) => Err(fault),
        }
    }
}

/// The bootstrap tokens, as SHA-256 digests: a secret of the service itself, with all permissions.
/// A bootstrap token exists before the database does, and creates the first API tokens.
pub(crate) struct AdminTokens(Vec<[u8; 32]>);

impl AdminTokens {
    /// Parses one token, or two separated by white space. Each has at least 32 visible ASCII
    /// characters: any other character could not be sent in a header, and a shorter token could be
    /// guessed.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let tokens: Vec<&str> = text.split_ascii_whitespace().collect();
        let sendable = |token: &&str| token.bytes().all(|byte| byte.is_ascii_graphic());
        let fit = tokens.iter().all(|token| sendable(token) && token.len() >= ADMIN_TOKEN_MIN);
        let few = (1..=ADMIN_TOKENS_MAX).contains(&tokens.len());
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

    fn faults(token: Option<&str>, roots: Option<&str>) -> [Option<SecretFault>; 2] {
        let secrets = Secrets::parse(|name| {
            let value = match name {
                ADMIN_TOKEN => token,
                WRAP_ROOTS => roots,
                _ => None,
            };
            value.map(str::to_owned)
        });
        [secrets.admin_tokens().err(), secrets.wrap_roots().err()]
    }

    #[test]
    fn a_good_pair_parses_with_the_newline_of_a_pipe() {
        let roots = format!("7:{}\n", "11".repeat(32));
        assert_eq!(faults(Some(&format!("{}\n", "t".repeat(32))), Some(&roots)), [None, None]);
    }

    #[test]
    fn a_service_needs_no_store_but_refuses_keys_that_cannot_be_used() {
        let store = |keys: Option<&str>| {
            let secrets = Secrets::parse(|name| match name {
                ADMIN_TOKEN => Some("t".repeat(32)),
                WRAP_ROOTS => Some(format!("7:{}", "11".repeat(32))),
                _ => keys.map(str::to_owned),
            });
            assert_eq!(secrets.check(), secrets.check_store().map(drop));
            secrets.check_store()
        };
        let key = "5a".repeat(32);
        assert_eq!(store(None), Ok(false));
        assert_eq!(store(Some(&format!("{key}\n"))), Ok(true));
        assert_eq!(store(Some(&format!("{}\n{key}\n", "6b".repeat(32)))), Ok(true));
        for bad in ["", &key[1..], &format!("{key} {key}"), "canary.KEY.x9"] {
            let fault = store(Some(bad)).unwrap_err().to_string();
            assert!(fault.starts_with("secret ENCRYPTION_KEY is malformed"), "{fault}");
            assert!(!fault.contains("canary"), "{fault}");
        }
    }

    #[test]
    fn each_fault_names_its_secret_and_not_its_content() {
        for (token, roots) in [
            (Some("canary.short.x9".to_owned()), Some("7:canary.x9".to_owned())),
            (Some("canary x9 ".repeat(9)), Some(String::new())),
            (None, None),
        ] {
            let [token, roots] =
                faults(token.as_deref(), roots.as_deref()).map(|fault| fault.unwrap().to_string());
            assert!(token.starts_with("secret ADMIN_TOKEN is ") && !token.contains("canary"), "{token}");
            assert!(roots.starts_with("secret WRAP_ROOTS is ") && !roots.contains("canary"), "{roots}");
        }
    }

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
