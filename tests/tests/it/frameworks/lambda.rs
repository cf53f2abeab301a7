//! Functions that esbuild bundles into one file, which has to be named.

use capy_journeys::frameworks::assert_answers_alike;

#[test]
fn a_lambda_bundle_answers_alike_as_cjs() {
    assert_answers_alike("lambda", "cjs");
}

#[test]
fn a_lambda_bundle_answers_alike_as_cjs_minified() {
    assert_answers_alike("lambda", "cjs-minified");
}

#[test]
fn a_lambda_bundle_answers_alike_as_cjs_lowered() {
    assert_answers_alike("lambda", "cjs-lowered");
}

#[test]
fn a_lambda_bundle_answers_alike_as_esm() {
    assert_answers_alike("lambda", "esm");
}

#[test]
fn a_lambda_bundle_answers_alike_as_esm_minified() {
    assert_answers_alike("lambda", "esm-minified");
}
