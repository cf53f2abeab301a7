//! Next with a proxy, instrumentation, an edge route and both routers; see also the example and its journey.

use capy_journeys::frameworks::assert_answers_alike;

#[test]
fn next_answers_alike_turbopack() {
    assert_answers_alike("next", "turbopack");
}

#[test]
#[ignore = "one of a matrix: cargo xtask test --full"]
fn next_answers_alike_webpack() {
    assert_answers_alike("next", "webpack");
}

#[test]
#[ignore = "one of a matrix: cargo xtask test --full"]
fn next_answers_alike_standalone() {
    assert_answers_alike("next", "standalone");
}
