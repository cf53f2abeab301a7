//! The key service: registers deployments, releases their keys, revokes them.
//!
//! The routes work over any [`Host`](host::Host) and use no HTTP library, so that the same code
//! runs on Workers, in native tests and on any other host. A host converts what it receives into a
//! [`Request`](call::Request), and sends the [`Answer`](call::Answer). Hosts that speak HTTP
//! themselves use [`router`].

pub mod address;
pub mod app;
pub mod audit;
mod auth;
pub mod body;
pub mod call;
pub mod caller;
mod deploy_record;
mod error;
pub mod future;
mod handlers;
pub mod host;
pub mod hosts;
pub mod issuer_keys;
pub mod jwt;
mod limits;
pub mod log;
pub mod migrations;
pub mod policy;
pub mod query;
pub mod refusal_throttle;
mod release;
#[cfg(not(target_family = "wasm"))]
mod router;
mod routes;
mod row_seals;
pub mod secrets;
pub mod store;

pub use handlers::audit::checkpoint;
#[cfg(not(target_family = "wasm"))]
pub use router::{Route, caller_unknown, overloaded, router, too_slow};
pub use routes::answer;

#[cfg(target_family = "wasm")]
pub mod workers;
