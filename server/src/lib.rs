//! The key service on a machine of one's own: the routes of `capy-worker` over a SQLite file.
//!
//! Owns the file, the listener, TLS, and what an operator looks at: the log of requests and the metrics. The rules are
//! the routes' own, the same as on Workers.

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
pub use listen::{Listening, Reread, Server};
pub use settings::{Settings, Tls, secret};
