//! Wire formats and cryptography that the key service, `capy` and `capy-inline` share.
//!
//! This crate defines keys, wraps, blobs, sealed values and the types of the HTTP interface. It
//! does no IO, does not block and reads no clock; its only effect is to ask the system for random
//! bytes for ids, keys and nonces. The same code runs natively and as wasm inside a Worker.
//!
//! Primitives: AES-256-GCM (NIST SP 800-38D), HKDF-SHA-256 (RFC 5869), BIP-39 recovery phrases.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

pub mod api;
pub mod audit;
pub mod blob;
pub mod env_map;
pub mod env_value;
mod error;
pub mod id;
pub mod idempotency;
pub mod json;
mod kdf;
pub mod key;
mod key_id;
pub mod limits;
pub mod mint;
pub mod network;
pub mod phrase;
pub mod row_seal;
pub mod scope;
pub mod seal;
pub mod service_secrets;
pub mod store_keys;
pub mod store_row;
pub mod terminal_text;
pub mod text;
pub mod token;
mod v0;
pub mod variable_name;
pub mod wrap;

pub use error::Error;

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = core::result::Result<T, E>;
