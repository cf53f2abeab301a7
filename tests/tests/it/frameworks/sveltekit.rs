//! SvelteKit: what each adapter makes of the same app.

use capy_journeys::frameworks::{assert_answers_alike, assert_capy_run_answers_alike};

#[test]
fn sveltekit_on_node_answers_alike_in_an_empty_environment() {
    assert_answers_alike("sveltekit", "node");
}

#[test]
fn sveltekit_on_cloudflare_answers_alike_in_an_empty_environment() {
    assert_answers_alike("sveltekit", "cloudflare");
}

#[test]
fn sveltekit_on_vercel_answers_alike_in_an_empty_environment() {
    assert_answers_alike("sveltekit", "vercel");
}

#[test]
#[ignore = "one of a matrix: cargo xtask test --full"]
fn sveltekit_built_by_capy_run_answers_alike_in_an_empty_environment() {
    assert_capy_run_answers_alike("sveltekit", "cloudflare");
}
