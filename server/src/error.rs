//! Why the service does not start, or stops.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Result with [`Error`].
pub type Result<T> = std::result::Result<T, Error>;

/// What failed, and on which thing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The data folder cannot be made or read.
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
    /// SQLite does not open the file, or a migration failed.
    #[error("{}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's reason.
        source: rusqlite::Error,
    },
    /// The file was written by a newer version.
    #[error("{}: it has the migration {migration}, which this version does not know", path.display())]
    FromTheFuture {
        /// The file.
        path: PathBuf,
        /// The first unknown migration.
        migration: String,
    },
    /// The address cannot be listened on.
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
        /// The chain.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// A secret's file cannot be read.
    #[error("{variable} names {}, which cannot be read: {source}", path.display())]
    SecretFile {
        /// The variable, such as `ADMIN_TOKEN_FILE`.
        variable: String,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A secret's file may be read by others.
    #[error("{} can be read by other users of this machine", path.display())]
    SecretExposed {
        /// The file.
        path: PathBuf,
    },
    /// There are too few file descriptors.
    #[error("the limit of open files leaves room for {room} connections")]
    Descriptors {
        /// How many there is room for.
        room: usize,
    },
    /// The system refuses threads, signals or sockets.
    #[error("the server stopped: {0}")]
    Server(io::Error),
}

impl Error {
    /// Stable, for programs and for searching.
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

    /// One thing to do about it, where there is one.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        Some(Cow::Borrowed(match self {
            Self::SecretExposed { path } => {
                return Some(format!("let its owner alone read it: chmod 600 {}", path.display()).into());
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
