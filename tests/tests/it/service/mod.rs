//! The key service as it is deployed: the same wasm and entry, on the real runtime, with real D1 and KV; and as it is on a
//! machine of one's own. What both have to do is one test for both.

mod access;
mod audit;
mod contract;
#[path = "../../../../worker/tests/it/service/issuer.rs"]
mod issuer;
mod lifecycle;
mod panics;
mod refusals;
mod revocation;
mod row_seals;
mod stalls;
mod store;
mod support;
mod terms;
