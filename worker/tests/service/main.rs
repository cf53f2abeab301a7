//! The routes, called natively over a store that fails on request.

mod decrypt;
mod deploys;
mod http;
mod issuer;
mod limits;
mod oidc;
mod support;
mod terms;
mod tokens;
