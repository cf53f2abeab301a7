//! Astro with a server: what each adapter makes of the same app.

use capy_journeys::frameworks::{assert_answers_alike, assert_capy_run_answers_alike};

#[test]
fn astro_on_node_answers_alike_in_an_empty_environment() {
    assert_answers_alike("astro", "node");
}

#[test]
fn astro_on_cloudflare_answers_alike_in_an_empty_environment() {
    assert_answers_alike("astro", "cloudflare");
}

#[test]
#[ignore = "one of a matrix: cargo xtask test --full"]
fn astro_built_by_capy_run_answers_alike_in_an_empty_environment() {
    assert_capy_run_answers_alike("astro", "node");
}
