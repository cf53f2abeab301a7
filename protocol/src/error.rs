//! The error type of this crate. It names structural faults and says nothing about key material.

/// Why bytes could not be parsed, opened or generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Text is not canonical, padded standard base64 (RFC 4648, section 4).
    #[error("not canonical base64")]
    Base64,
    /// Bytes end before the structure does.
    #[error("cut short")]
    Truncated,
    /// The blob has a format version that this program does not know.
    #[error("format version {0} is not supported")]
    UnknownVersion(u8),
    /// A key is not exactly 64 hexadecimal digits.
    #[error("a key is 64 hexadecimal digits")]
    MalformedKey,
    /// A deploy id is not exactly 64 lower-case hexadecimal digits.
    #[error("a deploy id is 64 lower-case hexadecimal digits")]
    MalformedDeployId,
    /// A project id is not 1 to 64 characters of `A-Z a-z 0-9 _ -`.
    #[error("a project id has 1 to 64 letters, digits, `_` or `-`")]
    MalformedProjectId,
    /// A scope is neither `admin` nor `deploy:`, `read:` or `build:` and a project id.
    #[error("a scope is admin, deploy:<project>, read:<project> or build:<project>")]
    MalformedScope,
    /// An API token is not `capy_`, 43 base-62 digits and their checksum.
    #[error("an API token is capy_ and 49 letters and digits, the last six of them a checksum")]
    MalformedToken,
    /// A token's id is not `tok_` and 16 lower-case hexadecimal digits.
    #[error("a token's id is tok_ and 16 lower-case hexadecimal digits")]
    MalformedTokenId,
    /// A secret's id is not `sec_` and 16 lower-case hexadecimal digits.
    #[error("a secret's id is sec_ and 16 lower-case hexadecimal digits")]
    MalformedSecretId,
    /// `ENCRYPTION_KEY` is not a list of one or more distinct keys.
    #[error(
        "ENCRYPTION_KEY is one or more keys of 64 hexadecimal digits, each once, with white space between two"
    )]
    MalformedStoreKeys,
    /// No key of `ENCRYPTION_KEY` has the row's key id.
    #[error("no key of ENCRYPTION_KEY has key id {0}")]
    UnknownStoreKey(crate::key_id::KeyId),
    /// The text is no IP address and no network prefix, or the prefix has host bits set.
    #[error(
        "an address or a prefix is written 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32, with no bits after the prefix"
    )]
    MalformedNetwork,
    /// A trust's id is not `tru_` and 16 lower-case hexadecimal digits.
    #[error("a trust's id is tru_ and 16 lower-case hexadecimal digits")]
    MalformedTrustId,
    /// A list of wrap roots is not `kid:hex[,kid:hex…]`, or repeats a key id.
    #[error("wrap roots are written kid:hex[,kid:hex…], each kid once")]
    MalformedWrapRoots,
    /// A sealed value lacks its prefix or its three parts, or does not hold UTF-8.
    #[error("not a sealed value")]
    MalformedSealedValue,
    /// An idempotency key is not exactly 32 lower-case hexadecimal digits.
    #[error("an idempotency key is 32 lower-case hexadecimal digits")]
    MalformedIdempotencyKey,
    /// The words are not a valid 24-word BIP-39 phrase.
    #[error("not a 24-word recovery phrase")]
    MalformedPhrase,
    /// The service holds no wrap root with the key id that the outer blob names.
    #[error("no wrap root has key id {0}")]
    UnknownWrapRoot(crate::key_id::KeyId),
    /// The key commitment does not match: the blob was made for another key.
    #[error("wrong key")]
    WrongKey,
    /// Authentication failed. Deliberately says nothing more.
    #[error("authentication failed")]
    Unauthentic,
    /// The bytes are authentic but do not hold a map of names to values.
    #[error("the decrypted content is not a map of names to values")]
    MalformedEnvMap,
    /// The operating system or the runtime returned no randomness.
    #[error("no randomness available")]
    Randomness,
    /// The input is larger than the format or the cipher allows.
    #[error("too large")]
    TooLarge,
}
