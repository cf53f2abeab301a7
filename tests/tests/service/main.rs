//! The key service as it is deployed: the same wasm and entry, on the real runtime, with real D1 and KV.

mod audit;
mod lifecycle;
mod panics;
mod refusals;
mod revocation;
mod support;
mod terms;
