//! The hosts that the service runs on: Cloudflare Workers on wasm; elsewhere SQLite, a rate limiter
//! and an HTTP client.

#[cfg(target_family = "wasm")]
pub mod cloudflare;
#[cfg(not(target_family = "wasm"))]
pub mod limiter;
#[cfg(not(target_family = "wasm"))]
pub mod outbound;
#[cfg(not(target_family = "wasm"))]
pub mod sqlite;
