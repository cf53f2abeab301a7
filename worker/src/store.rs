//! What the service remembers, as statements over any [`Host`](crate::host::Host). No key material: not a blob, not
//! a key, not a token; of the project store's values only what was sealed before it came here.
//!
//! Each change and its event are one transaction: neither is ever there without the other.

pub mod audit;
pub mod deploys;
pub mod losses;
pub mod page;
pub mod projects;
pub(crate) mod row_seals;
pub mod rows;
pub mod sql;
pub mod tokens;
pub mod trusts;
