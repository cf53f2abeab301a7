//! All tests of `capy` in one program: what takes long is to link it.

#[path = "../../../client/tests/support/mod.rs"]
mod stand_in;

mod build;
mod cli;
mod sandbox;
mod setup_page;
mod windows;
