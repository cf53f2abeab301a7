//! What an owner does on Cloudflare, as the book has it: the real wrangler against a stand-in for the platform's API,
//! and then the very upload that arrived there, in workerd.

pub(crate) mod account;
mod api;
mod database;
mod desk;
mod journey;
mod refusals;
mod release;
pub(crate) mod runtime;
pub(crate) mod server;
mod upload;
mod verify;
