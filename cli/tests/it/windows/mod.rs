//! The programs for Windows, run by Wine on this machine, as a person there runs them.
#![cfg(unix)]

mod arguments;
mod desk;
mod files;
mod interrupt;
mod npm;
mod outputs;
mod project;
mod run;
mod serve;
mod service;
mod wine;
