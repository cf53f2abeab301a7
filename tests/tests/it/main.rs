//! All journeys in one program: what takes long is to link it.

mod build_journey;
mod containers;
mod dist;
mod examples;
mod frameworks;
mod lambda;
mod next_journey;
mod owner;
mod packaging;
mod pages;
mod prelude_workers;
mod refusals;
mod service;
mod setup_page;
mod wasm_vectors;
mod worker_uploads;
mod zero_trust;
