//! Nuxt for Node, for Workers and for Pages; the latter two in the real runtime.

use capy_journeys::frameworks::assert_answers_alike;

#[test]
fn nuxt_answers_alike_on_node() {
    assert_answers_alike("nuxt", "node");
}

#[test]
fn nuxt_answers_alike_as_a_worker() {
    assert_answers_alike("nuxt", "cloudflare");
}

#[test]
fn nuxt_answers_alike_on_pages() {
    assert_answers_alike("nuxt", "cloudflare-pages");
}
