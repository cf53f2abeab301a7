//! The program as a person or a platform runs it: exit code, stdout, stderr, and what it leaves on disk.

#[path = "../../../client/tests/support/mod.rs"]
mod stand_in;

mod allow;
mod audit;
mod blob;
mod deploy;
mod deploy_check;
mod env_file;
mod git;
mod help;
mod init;
mod inline;
mod inline_outputs;
mod login;
mod paste;
mod project;
mod push;
mod push_heroku;
mod rotate;
mod run;
mod sandbox;
mod serve;
mod serve_clients;
mod serve_secrets;
mod server;
mod store;
mod terminal;
mod terminal_deploy;
mod token;
mod trust;
