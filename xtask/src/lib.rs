//! What the workspace does to itself: builds the Worker and runs it on the real runtime.
//!
//! `cargo xtask` is a thin command line over these modules; the tests use them too.

pub mod apps;
pub mod bench;
pub mod build_worker;
pub mod demo;
pub mod desk;
pub mod dist;
pub mod guarded;
pub mod key_service;
pub mod node;
mod registered;
pub mod run_tests;
pub mod setup;
pub mod shop;
pub mod soak;
pub mod steps;
pub mod workerd;

use std::path::{Path, PathBuf};

/// The folder of the workspace's `Cargo.toml`.
pub fn workspace_root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().expect("xtask lies in the workspace").to_owned()
}
