//! The key service over HTTP on a machine of one's own: the routes of `capy-worker` over a SQLite
//! file.
//!
//! This crate holds the database file, the listener, TLS, the access log and the metrics. The rules
//! are those of the routes, the same as on Workers.

mod access_log;
mod connections;
mod database;
mod descriptors;
mod error;
mod host;
pub mod http;
mod listen;
mod metrics;
mod migrate;
mod peer;
mod private_file;
mod settings;
mod signals;
mod tls;

pub use connections::Limits;
pub use database::FILE as DATABASE;
pub use error::{Error, Result};
pub use listen::{ListenAddresses, ReloadSecrets, Server};
pub use settings::{Settings, Tls, secret};
