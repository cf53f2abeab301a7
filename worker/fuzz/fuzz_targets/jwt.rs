//! Any text as an identity token, and any header and claims as one: no panic; what is taken is signed with RS256 and has a
//! name that steers no log; and a trust is fitted by its own issuer, audience and repository alone.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use capy_protocol::api::trusts::{GITHUB_ISSUER, Trust};
use capy_worker::jwt::{self, Jwt};
use capy_worker::policy::oidc;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

fn trust(pattern: &str) -> Trust {
    serde_json::from_value(json!({
        "trust_id": "tru_0123456789abcdef", "issuer": "https://i.example", "audience": "a", "created_at": 1,
        "claims": { "repository": "o/r", "ref": pattern }, "scope": "deploy:prj_a", "created_by": "bootstrap",
    }))
    .unwrap()
}

fn check(text: &str, Jwt { claims, signed, .. }: &Jwt<'_>) {
    let actor = claims.actor();
    let header = URL_SAFE_NO_PAD.decode(text.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header["alg"], "RS256");
    assert_eq!(
        text.strip_prefix(*signed).and_then(|rest| rest.strip_prefix('.')).map(|rest| rest.contains('.')),
        Some(false)
    );
    assert!(!actor.chars().any(char::is_control) && actor.len() < 2048, "{actor:?}");
    assert!(!actor.starts_with("github:") || claims.iss == GITHUB_ISSUER, "{actor:?}");
    for now in [0, claims.exp, claims.nbf.unwrap_or(0), claims.iat.unwrap_or(0)] {
        let now = now.saturating_mul(1000);
        let valid = oidc::by_time(claims, now).is_ok();
        assert!(!valid || now / 1000 < claims.exp.saturating_add(60));
    }
    for pattern in ["refs/heads/main", "refs/heads/*", "*"] {
        let fits = oidc::scopes(claims, vec![trust(pattern)]).is_ok();
        let ours = claims.iss == "https://i.example" && claims.repository.as_deref() == Some("o/r");
        let start = pattern.trim_end_matches('*');
        let there = claims.git_ref.as_deref().is_some_and(|found| found.starts_with(start));
        assert!(!fits || (ours && there && claims.aud.names("a")), "{claims:?}");
    }
}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Some(jwt) = jwt::parse(text) {
            check(text, &jwt);
        }
    }
    // The same bytes as what stands behind the base64.
    let mut parts = bytes.splitn(3, |byte| *byte == 0);
    let mut part = |usual: &[u8]| match parts.next().unwrap_or_default() {
        [] => usual.to_vec(),
        part => part.to_vec(),
    };
    let usual =
        br#"{"iss":"https://i.example","aud":"a","exp":9,"repository":"o/r","ref":"refs/heads/main"}"#;
    let (claims, header, signature) = (part(usual), part(br#"{"alg":"RS256","kid":"k"}"#), part(b"s"));
    let text = [header, claims, signature].map(|part| URL_SAFE_NO_PAD.encode(part)).join(".");
    if let Some(jwt) = jwt::parse(&text) {
        check(&text, &jwt);
    }
});
