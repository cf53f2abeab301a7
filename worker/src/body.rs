//! Reads a request's body as JSON. Every fault is a 4xx, and no error repeats what the body holds.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use zeroize::Zeroize;

use crate::error::ApiError;

/// The longest body, in bytes, where a route says nothing else: several times the largest valid request.
const BODY_MAX: usize = 8 * 1024;

/// A body of `application/json`: 415 for another type, 413 over `MAX` bytes, 400 for anything that is not a `T`.
pub(crate) struct JsonBody<T, const MAX: usize = BODY_MAX>(pub(crate) T);

impl<T: DeserializeOwned, S: Sync, const MAX: usize> FromRequest<S> for JsonBody<T, MAX> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if !is_json(request.headers()) {
            return Err(ApiError::UnsupportedMediaType);
        }
        let bytes = read(request.into_body(), MAX).await?;
        let parsed = parse(&bytes);
        wipe(bytes);
        parsed.map(Self)
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

async fn read(body: Body, max: usize) -> Result<Bytes, ApiError> {
    match Limited::new(body, max).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(ApiError::PayloadTooLarge),
        Err(_) => Err(ApiError::BadRequest("the body could not be read to its end".into())),
    }
}

/// The parser's own message may quote a value, so that only the place is told.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let field = &path[..path.floor_char_boundary(64)];
        let (line, column) = (error.inner().line(), error.inner().column());
        ApiError::BadRequest(
            format!("the body is not what this route takes, at `{field}` (line {line}, column {column})")
                .into(),
        )
    })?;
    let rest = json.end();
    rest.map_err(|_| ApiError::BadRequest("the body goes on after its JSON value".into()))?;
    Ok(parsed)
}

/// A body may hold key material. Memory that is still shared is left to its other owner.
fn wipe(bytes: Bytes) {
    if let Ok(mut bytes) = bytes.try_into_mut() {
        bytes.as_mut().zeroize();
    }
}
