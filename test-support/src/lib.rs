//! Support code that the tests of several crates share.
//!
//! Every crate's tests use [`needs`]. The feature `journeys` adds code for the journeys across
//! programs, `cargo xtask demo` and the benchmarks; the feature `pages` reads the pages for people.

mod needs;

#[cfg(feature = "journeys")]
pub mod apps;
#[cfg(feature = "journeys")]
pub mod build_worker;
#[cfg(feature = "journeys")]
pub mod desk;
#[cfg(feature = "journeys")]
pub mod key_service;
#[cfg(feature = "journeys")]
pub mod node;
#[cfg(feature = "pages")]
pub mod pages;
pub mod reference;
#[cfg(feature = "journeys")]
pub mod server_process;
#[cfg(feature = "journeys")]
pub mod setup;
#[cfg(feature = "journeys")]
pub mod shop;
#[cfg(feature = "journeys")]
pub mod steps;
#[cfg(feature = "journeys")]
pub mod workerd;

use std::path::{Path, PathBuf};

pub use needs::{RECORD, needs, skipped_tests};

/// The folder of the workspace's `Cargo.toml`.
///
/// # Panics
/// Never: this crate lies in the workspace.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("this crate lies in the workspace").to_owned()
}
