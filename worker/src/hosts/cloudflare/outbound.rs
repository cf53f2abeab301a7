//! Outgoing requests and signatures on Workers: documents of an issuer by `fetch`, and RSA by Web
//! Crypto.

use base64ct::{Base64UrlUnpadded, Encoding};
use js_sys::{Array, Object, Reflect, global};
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{AbortSignal, RequestInit, RequestRedirect, Response, WorkerGlobalScope};

use super::bindings::text;
use super::stream::drain;
use crate::body::BodyFault;
use crate::host::{DOCUMENT_MAX, FETCH_TIMEOUT_MS, HostError, Result, RsaKey};

/// Fetches a document within five seconds, without following redirects.
pub(super) async fn fetch(url: &str) -> Result<Vec<u8>> {
    let init = RequestInit::new();
    init.set_redirect(RequestRedirect::Manual);
    init.set_signal(Some(&AbortSignal::timeout_with_u32(FETCH_TIMEOUT_MS)));
    let answer = scope().fetch_with_str_and_init(url, &init).await.map_err(failed)?;
    let answer: Response = answer.dyn_into().map_err(failed)?;
    if answer.status() != 200 {
        return Err(HostError::Issuer(format!("it answered {}", answer.status())));
    }
    let Some(body) = answer.body() else { return Ok(Vec::new()) };
    drain(&body, DOCUMENT_MAX).await.map_err(|fault| {
        let what = match fault {
            BodyFault::TooLarge => "its document is too long",
            BodyFault::Broken => "its document broke off",
        };
        HostError::Issuer(what.to_owned())
    })
}

/// Verifies a signature of `message` by `key`.
pub(super) async fn verify_rs256(key: &RsaKey, message: &[u8], signature: &[u8]) -> Result<bool> {
    let crypto = scope().crypto().map_err(failed)?.subtle();
    let algorithm = object([("name", "RSASSA-PKCS1-v1_5"), ("hash", "SHA-256")])?;
    let [modulus, exponent] =
        [&key.modulus, &key.exponent].map(|number| Base64UrlUnpadded::encode_string(number));
    let jwk = object([("kty", "RSA"), ("n", &modulus), ("e", &exponent)])?;
    let usages = Array::of1(&JsValue::from_str("verify"));
    let key = crypto.import_key_with_object("jwk", &jwk, &algorithm, false, &usages).map_err(failed)?;
    let key = key.await.map_err(failed)?.unchecked_into();
    let verified = crypto.verify_with_object_and_u8_array_and_u8_array(&algorithm, &key, signature, message);
    let verified = verified.map_err(failed)?.await.map_err(failed)?;
    Ok(verified.is_truthy())
}

fn scope() -> WorkerGlobalScope {
    global().unchecked_into()
}

fn object<const N: usize>(entries: [(&str, &str); N]) -> Result<Object> {
    let object = Object::new();
    for (name, value) in entries {
        Reflect::set(&object, &JsValue::from_str(name), &JsValue::from_str(value)).map_err(failed)?;
    }
    Ok(object)
}

/// The runtime's message is about the connection or the key, and neither is secret.
fn failed(error: JsValue) -> HostError {
    HostError::Issuer(text(&error))
}
