//! Outgoing requests and signatures on native hosts: documents of an issuer over HTTP, and RSA by
//! `ring`.

use std::time::Duration;

use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use ureq::Agent;

use crate::host::{DOCUMENT_MAX, FETCH_TIMEOUT_MS, HostError, Result, RsaKey};

/// Fetches a document within five seconds, without following redirects.
///
/// # Errors
/// [`HostError::Issuer`], also for any status but 200 and a document that is too long.
pub async fn fetch(url: &str) -> Result<Vec<u8>> {
    let url = url.to_owned();
    let fetched = tokio::task::spawn_blocking(move || get(&url)).await;
    fetched.map_err(|error| HostError::Issuer(error.to_string()))?
}

fn get(url: &str) -> Result<Vec<u8>> {
    let failed = |error: ureq::Error| HostError::Issuer(error.to_string());
    let mut config = Agent::config_builder()
        .timeout_global(Some(Duration::from_millis(FETCH_TIMEOUT_MS.into())))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent("capy")
        .accept("application/json");
    if url.starts_with("http:") {
        // An `http` URL is always on loopback, so that no proxy is used.
        config = config.proxy(None);
    }
    let mut response = Agent::from(config.build()).get(url).call().map_err(failed)?;
    match response.status().as_u16() {
        200 => response.body_mut().with_config().limit(DOCUMENT_MAX as u64).read_to_vec().map_err(failed),
        status => Err(HostError::Issuer(format!("it answered {status}"))),
    }
}

/// Verifies a signature of `message` by `key`.
pub fn verify_rs256(key: &RsaKey, message: &[u8], signature: &[u8]) -> bool {
    let key = RsaPublicKeyComponents { n: &key.modulus, e: &key.exponent };
    key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature).is_ok()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;

    use super::*;

    /// Answers one request.
    async fn answer(head: &'static str, body: Vec<u8>) -> Result<Vec<u8>> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/x", listener.local_addr().unwrap());
        let served = std::thread::spawn(move || {
            let mut stream = listener.accept().unwrap().0;
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        });
        let fetched = fetch(&url).await;
        served.join().unwrap();
        fetched
    }

    #[tokio::test]
    async fn only_a_short_document_is_taken_and_no_redirect_is_followed() {
        let ok = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n";
        assert_eq!(answer(ok, b"{}".to_vec()).await, Ok(b"{}".to_vec()));
        assert!(answer(ok, vec![b' '; DOCUMENT_MAX + 1]).await.is_err());
        let elsewhere = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\nconnection: close\r\n\r\n";
        assert_eq!(answer(elsewhere, vec![]).await, Err(HostError::Issuer("it answered 302".into())));
        let gone = "HTTP/1.1 404 Not Found\r\nconnection: close\r\n\r\n";
        assert_eq!(answer(gone, vec![]).await, Err(HostError::Issuer("it answered 404".into())));
    }
}
