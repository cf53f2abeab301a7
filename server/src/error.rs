//! Errors of the service: why it does not start, or stops.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// A result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// Why the service does not start, or stops.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A data folder or file cannot be created, opened or locked.
    #[error("{}: {source}", path.display())]
    Data {
        /// The folder or file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another process serves from the same folder.
    #[error("{}: another `capy serve` uses this folder", .0.display())]
    InUse(PathBuf),
    /// SQLite cannot open the file, or a migration failed.
    #[error("{}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// The database has a migration that this version does not know: a newer version wrote it.
    #[error("{}: it has the migration {migration}, which this version does not know", path.display())]
    FromTheFuture {
        /// The file.
        path: PathBuf,
        /// The first unknown migration.
        migration: String,
    },
    /// The service cannot listen on the address.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// The certificate or its key cannot be used.
    #[error("the certificate {} with the key {}: {source}", certificate.display(), key.display())]
    Tls {
        /// The file with the certificate chain.
        certificate: PathBuf,
        /// The file with the private key.
        key: PathBuf,
        /// Why they cannot be used.
        source: io::Error,
    },
    /// A file that holds a secret cannot be read.
    #[error("{variable} names {}, which cannot be read: {source}", path.display())]
    SecretFile {
        /// The variable, such as `ADMIN_TOKEN_FILE`.
        variable: String,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Other users can read a file that holds a secret.
    #[error("{} can be read by other users of this machine", path.display())]
    SecretExposed {
        /// The file.
        path: PathBuf,
    },
    /// The limit of open files leaves too few descriptors for connections.
    #[error("the limit of open files leaves room for {room} connections")]
    Descriptors {
        /// How many connections there is room for.
        room: usize,
    },
    /// The system refuses threads, signals or sockets.
    #[error("the server stopped: {0}")]
    Server(io::Error),
}

impl Error {
    /// The error code. It is stable, so that programs can match on it and people can search for it.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Data { .. } => "DATA_FOLDER",
            Self::InUse(_) => "DATA_IN_USE",
            Self::Database { .. } => "DATABASE_ERROR",
            Self::FromTheFuture { .. } => "DATABASE_NEWER",
            Self::Listen { .. } => "LISTEN_FAILED",
            Self::Tls { .. } => "TLS_UNUSABLE",
            Self::SecretFile { .. } => "SERVICE_SECRET",
            Self::SecretExposed { .. } => "SERVICE_SECRET_EXPOSED",
            Self::Descriptors { .. } => "TOO_FEW_DESCRIPTORS",
            Self::Server(_) => "SERVE_FAILED",
        }
    }

    /// One thing to do about the error, if there is one.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            Self::SecretExposed { path } => {
                return Some(format!("let only its owner read it: chmod 600 {}", path.display()).into());
            }
            Self::Descriptors { .. } => {
                "raise the limit (`ulimit -n`, `LimitNOFILE=`), or ask for less: --max-connections N"
            }
            Self::Data { .. } => "name a folder that this user may write: --data DIR",
            Self::InUse(_) => "stop the other one, or name another folder: --data DIR",
            Self::FromTheFuture { .. } => "start the version of capy that served from it last",
            Self::Listen { .. } => "stop what listens there, or choose another address: --listen ADDRESS",
            Self::Tls { .. } => "give a PEM chain with --tls-cert and its PEM key with --tls-key",
            Self::SecretFile { .. } => "name a file that this user may read",
            Self::Database { .. } | Self::Server(_) => return None,
        }))
    }
}
