//! The hosts that the service runs on: Cloudflare Workers, and SQLite with its neighbours.

#[cfg(target_family = "wasm")]
pub mod cloudflare;
#[cfg(not(target_family = "wasm"))]
pub mod faulty;
#[cfg(not(target_family = "wasm"))]
pub mod limiter;
#[cfg(not(target_family = "wasm"))]
pub mod outbound;
#[cfg(not(target_family = "wasm"))]
pub mod sqlite;
