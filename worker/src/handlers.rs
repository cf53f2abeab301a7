//! Request handlers, one file per resource. A handler parses, asks the policy, uses the store and
//! answers; it makes no decisions of its own.

pub(crate) mod audit;
pub(crate) mod decrypt;
pub(crate) mod deploys;
pub(crate) mod health;
pub(crate) mod projects;
pub(crate) mod roots;
pub(crate) mod row_seals;
pub(crate) mod rows;
pub(crate) mod tokens;
pub(crate) mod trusts;
