//! Astro with a server: what each adapter makes of the same app.

use capy_journeys::frameworks::assert_answers_alike;

#[test]
fn astro_on_node_answers_alike_in_an_empty_environment() {
    assert_answers_alike("astro", "node", &[]);
}

#[test]
fn astro_on_cloudflare_answers_alike_in_an_empty_environment() {
    assert_answers_alike("astro", "cloudflare", &[]);
}
