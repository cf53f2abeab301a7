//! `capy service verify`: settings that are wrong before anything is asked. What Cloudflare answers
//! is compared in the owner's journeys, with the real wrangler.

use crate::sandbox::Sandbox;

#[test]
fn authorities_that_cannot_be_read_are_named_and_nothing_is_asked() {
    let mut sandbox = Sandbox::new();
    let settings = "name = \"capy\"\nmain = \"worker/entry.mjs\"\nno_bundle = true\n";
    sandbox.write("release/wrangler.toml", settings);
    sandbox.write("release/worker/entry.mjs", "export default {};\n");
    sandbox.env.insert("CLOUDFLARE_ACCOUNT_ID".to_owned(), "0".repeat(32));
    sandbox.env.insert("CLOUDFLARE_API_TOKEN".to_owned(), "canary.token".to_owned());
    let missing = sandbox.path("authorities.pem").display().to_string();
    sandbox.env.insert("SSL_CERT_FILE".to_owned(), missing.clone());

    let outcome = sandbox.capy(&["service", "verify", "release"]).fails(2, "CA_FILE_UNUSABLE");
    assert!(outcome.stderr.contains(&missing), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("hint: name a PEM file"), "{}", outcome.stderr);
}
