//! A Worker that wrangler bundles, in the real runtime.

use capy_journeys::frameworks::assert_answers_alike;

#[test]
fn a_wrangler_bundle_answers_alike_plain() {
    assert_answers_alike("worker", "plain");
}

#[test]
fn a_wrangler_bundle_answers_alike_minified() {
    assert_answers_alike("worker", "minified");
}
