//! The workspace's own commands: set-up and demo, tests, releases. `cargo xtask` is a thin command
//! line over these modules.
//!
//! Code that takes minutes to compile is not here: `cargo xtask bench` and
//! `cargo xtask build-worker` start programs of their own.

pub mod book;
pub mod demo;
#[cfg(feature = "dist")]
pub mod dist;
pub mod elsewhere;
#[cfg(feature = "house")]
pub mod house;
pub mod installed;
pub mod run_tests;

pub use capy_test_support::build_worker;
use capy_test_support::{desk, key_service, node, setup, shop, steps, workspace_root};
