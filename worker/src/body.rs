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
    let parsed = T::deserialize(&mut json).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        let path = field_at(bytes, line, column);
        let field = &path[..path.floor_char_boundary(64)];
        ApiError::BadRequest(
            format!("the body is not what this route takes, at `{field}` (line {line}, column {column})")
                .into(),
        )
    })?;
    let rest = json.end();
    rest.map_err(|_| ApiError::BadRequest("the body goes on after its JSON value".into()))?;
    Ok(parsed)
}

/// The field that the parser was at when it stopped: the last names before that place. Found in the text, so that the
/// parser of each type need not keep account of it: that is a sixth of what they all weigh.
fn field_at(bytes: &[u8], line: usize, column: usize) -> String {
    let before = bytes.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1));
    let end = before.map(<[u8]>::len).sum::<usize>().saturating_add(column).min(bytes.len());
    let (mut open, mut at) = (Vec::<&[u8]>::new(), 0);
    while at < end {
        match bytes[at] {
            b'{' | b'[' => open.push(b""),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                let text = string_at(bytes, at + 1);
                at += text.len() + 1;
                let is_name = bytes[(at + 1).min(bytes.len())..].trim_ascii_start().starts_with(b":");
                if let Some(last) = open.last_mut().filter(|_| is_name) {
                    *last = text;
                }
            }
            _ => {}
        }
        at += 1;
    }
    let names = open.into_iter().filter(|name| !name.is_empty());
    let names: Vec<_> = names.map(String::from_utf8_lossy).collect();
    if names.is_empty() { ".".to_owned() } else { names.join(".") }
}

/// What stands between this place and the next quote that is not escaped.
fn string_at(bytes: &[u8], start: usize) -> &[u8] {
    let mut end = start;
    while bytes.get(end).is_some_and(|byte| *byte != b'"') {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    &bytes[start..end.min(bytes.len())]
}

/// A body may hold key material. Memory that is still shared is left to its other owner.
fn wipe(bytes: Bytes) {
    if let Ok(mut bytes) = bytes.try_into_mut() {
        bytes.as_mut().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use capy_protocol::api::RegisterRequest;
    use capy_protocol::api::trusts::NewTrust;

    use super::*;

    fn place<T: DeserializeOwned>(body: &str) -> String {
        let Err(ApiError::BadRequest(text)) = parse::<T>(body.as_bytes()) else { panic!("{body} is one") };
        text.split('`').nth(1).unwrap_or_else(|| panic!("{text}")).to_owned()
    }

    #[test]
    fn an_error_names_the_field_it_is_about() {
        for (body, field) in [
            (r#"{"deploy_id": 1}"#, "deploy_id"),
            ("{\n  \"label\": \"a\",\n  \"max_uses\": \"many\" }", "max_uses"),
            (r#"{"label": "\"x\": {", "more": 1}"#, "more"),
            (r#"{"cidrs": ["10.0.0.0/8", "x"], "label": "a"}"#, "cidrs"),
            (r#"{"label": "a"}"#, "."),
            ("[]", "."),
            ("{", "."),
            ("\"", "."),
            ("{\"a\\", "."),
        ] {
            assert_eq!(place::<RegisterRequest>(body), field, "{body}");
        }
        assert_eq!(place::<NewTrust>(r#"{"claims": {"repository": "o/r", "ref": 1}}"#), "claims.ref");
        assert_eq!(place::<NewTrust>(r#"{"claims": {"ref": "a"}, "scope": 1}"#), "claims");
    }
}
