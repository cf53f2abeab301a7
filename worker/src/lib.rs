//! The key service: registers deployments, releases their keys, revokes them.
//!
//! The routes are an axum router over one [`Host`](host::Host), so that the same code answers on Workers, in
//! native tests and in any other host. This file owns the way in from Workers: bindings become an
//! [`App`](app::App), a request becomes an `http` one, and nothing else happens here.

pub mod app;
pub mod audit;
mod auth;
mod body;
pub mod caller;
mod error;
mod handlers;
pub mod host;
mod limits;
pub mod log;
pub mod migrations;
pub mod oidc;
mod panics;
mod path;
pub mod policy;
mod query;
pub mod refusals;
mod routes;
pub mod secrets;
pub mod store;

#[cfg(not(target_family = "wasm"))]
pub use error::too_slow;
pub use handlers::audit::checkpoint;
pub use routes::router;

#[cfg(target_family = "wasm")]
mod workers;
