//! The routes, called natively over a store that fails on request.

mod decrypt;
mod deploys;
mod http;
mod limits;
mod support;
mod terms;
mod tokens;
