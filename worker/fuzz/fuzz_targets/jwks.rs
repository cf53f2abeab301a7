//! Any bytes as an issuer's discovery document and as its key set: no panic; keys are strong RSA keys; and an address that
//! may be asked is on https or on this machine to whoever reads it.
#![no_main]

use capy_worker::address::Address;
use capy_worker::issuer_keys::{is_allowed_url, parse_discovery, parse_key_set};
use libfuzzer_sys::fuzz_target;
use serde_json::json;
use url::{Host, Url};

/// As the fetch of Workers understands it.
fn check_address(text: &str) {
    // What it cannot read it does not ask.
    let Ok(url) = Url::parse(text) else { return };
    let loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    assert!(url.scheme() == "https" || (url.scheme() == "http" && loopback), "{text}");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none(), "{text}");
    // Ours is the host that others see.
    let ours = Address::parse(text).map(|address| address.host.to_ascii_lowercase());
    let ours_is_v6 = ours.as_ref().is_some_and(|host| host.starts_with('['));
    assert!(ours_is_v6 || ours.as_deref() == url.host_str(), "{text}: {ours:?}");
}

fuzz_target!(|bytes: &[u8]| {
    for issuer in ["https://i.example", "http://127.0.0.1:1"] {
        if let Ok(address) = parse_discovery(bytes, issuer) {
            assert!(address.starts_with("https://") || issuer.starts_with("http:"), "{address}");
            check_address(&address);
        }
    }
    for key_set in [bytes.to_vec(), [br#"{"keys":["#, bytes, b"]}"].concat()] {
        let keys = parse_key_set(&key_set).unwrap_or_default();
        assert!(keys.len() <= 64);
        for key in keys {
            assert!((256..=1024).contains(&key.rsa.modulus.len()) && key.rsa.modulus[0] >= 0x80);
            assert_eq!(key.rsa.exponent, [1, 0, 1]);
        }
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    for address in [
        text.to_owned(),
        format!("https://{text}"),
        format!("http://{text}"),
        format!("http://127.0.0.1{text}"),
    ] {
        if is_allowed_url(&address) {
            check_address(&address);
            let document = json!({ "issuer": address, "jwks_uri": address }).to_string();
            assert_eq!(parse_discovery(document.as_bytes(), &address), Ok(address.clone()));
        }
    }
});
