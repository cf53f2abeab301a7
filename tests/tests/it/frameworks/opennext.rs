//! Next as OpenNext packs it for Cloudflare, in the real runtime.

use capy_journeys::frameworks::assert_answers_alike;

#[test]
fn an_opennext_build_answers_alike() {
    assert_answers_alike("next", "opennext");
}
