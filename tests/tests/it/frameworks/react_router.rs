//! React Router with Vite: one server bundle, a client with source maps, a prerendered page.

use capy_journeys::frameworks::{assert_answers_alike, assert_capy_run_answers_alike};

#[test]
fn react_router_answers_alike_in_an_empty_environment() {
    assert_answers_alike("react-router", "node");
}

#[test]
fn react_router_built_by_capy_run_answers_alike_in_an_empty_environment() {
    assert_capy_run_answers_alike("react-router", "node");
}
