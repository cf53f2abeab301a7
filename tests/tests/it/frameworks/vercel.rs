//! Next as `vercel build` packs it: node functions that map files of the build, an edge function, a node middleware.

use capy_journeys::frameworks::assert_answers_alike;

#[test]
fn a_vercel_build_output_answers_alike() {
    assert_answers_alike("next", "vercel");
}
