//! `capy store`: projects and secrets that the key service keeps for builds, and the keys that seal
//! them.

mod keys;
mod project;
mod secret;

use crate::cli::Store;
use crate::error::Result;

pub(super) fn run(command: Store) -> Result<()> {
    match command {
        Store::Project(command) => project::run(*command),
        Store::Secret(command) => secret::run(command),
        Store::Keys(command) => keys::run(command),
    }
}
