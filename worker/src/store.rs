//! The service's database: statements over any [`Host`](crate::host::Host). The database holds no
//! key material: no blob, no key and no token. Values of the project store are sealed before they
//! get here.
//!
//! Each change is one transaction with its event, so that neither exists without the other.

pub mod audit;
pub mod deploys;
pub mod page;
pub mod projects;
pub mod root_loss;
pub(crate) mod row_seals;
pub mod rows;
pub mod sql;
pub mod tokens;
pub mod trusts;
