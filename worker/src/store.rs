//! What the service remembers, as statements over any [`Host`](crate::host::Host). No key material: not a blob, not
//! a key, not a token.
//!
//! Each change and its event are one transaction: neither is ever there without the other.

pub mod audit;
pub mod deploys;
pub mod sql;
pub mod tokens;
pub mod trusts;
