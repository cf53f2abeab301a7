//! Reads a request's body as JSON. Every fault is a 4xx, and no error repeats what the body holds.

use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::error::ApiError;
use crate::work::{MaybeSend, Work};

/// The longest body, in bytes, where a route says nothing else: several times the largest valid request.
pub(crate) const BODY_MAX: usize = 8 * 1024;

/// A body that is not read yet.
pub trait Body: MaybeSend {
    /// All of it, when it has `max` bytes at most.
    fn read(self: Box<Self>, max: usize) -> Work<'static, Result<Vec<u8>, BodyFault>>;
}

/// Why a body is not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyFault {
    /// It is longer than the route takes.
    TooLarge,
    /// It ended before its end.
    Broken,
}

/// A body of `application/json`: 415 for another type, 413 over `max` bytes, 400 for anything that is not a `T`. It may
/// hold key material.
pub(crate) async fn json<T: DeserializeOwned>(
    content_type: Option<&str>,
    body: Box<dyn Body>,
    max: usize,
) -> Result<T, ApiError> {
    parse(&read(content_type, body, max).await?)
}

/// Apart from what each type is parsed by.
async fn read(
    content_type: Option<&str>,
    body: Box<dyn Body>,
    max: usize,
) -> Result<Zeroizing<Vec<u8>>, ApiError> {
    if !content_type.is_some_and(is_json) {
        return Err(ApiError::UnsupportedMediaType);
    }
    body.read(max).await.map(Zeroizing::new).map_err(|fault| match fault {
        BodyFault::TooLarge => ApiError::PayloadTooLarge,
        BodyFault::Broken => ApiError::BadRequest("the body could not be read to its end".into()),
    })
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next();
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// The parser's own message may quote a value, so that only the place is told.
fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = T::deserialize(&mut json).map_err(|error| unfit(bytes, &error))?;
    let rest = json.end();
    rest.map_err(|_| ApiError::BadRequest("the body goes on after its JSON value".into()))?;
    Ok(parsed)
}

fn unfit(bytes: &[u8], error: &serde_json::Error) -> ApiError {
    let (line, column) = (error.line(), error.column());
    let path = field_at(bytes, line, column);
    let field = &path[..path.floor_char_boundary(64)];
    ApiError::BadRequest(
        format!("the body is not what this route takes, at `{field}` (line {line}, column {column})").into(),
    )
}

/// The field that the parser was at when it stopped: the last names before that place. Found in the text, so that the
/// parser of each type need not keep account of it: that is a sixth of what they all weigh. A name that no field of this
/// service has is passed over: it may be a value in the wrong place.
fn field_at(bytes: &[u8], line: usize, column: usize) -> String {
    let before = bytes.split_inclusive(|byte| *byte == b'\n').take(line.saturating_sub(1));
    let end = before.map(<[u8]>::len).sum::<usize>().saturating_add(column).min(bytes.len());
    // None where there are no names: in a list.
    let (mut open, mut at) = (Vec::<Option<&[u8]>>::new(), 0);
    while at < end {
        match bytes[at] {
            b'{' => open.push(Some(b"")),
            b'[' => open.push(None),
            b'}' | b']' => drop(open.pop()),
            b'"' => {
                let text = string_at(bytes, at + 1);
                let begins = matches!(bytes[..at].trim_ascii_end().last(), Some(b'{' | b','));
                at += text.len() + 1;
                let ends = bytes[(at + 1).min(bytes.len())..].trim_ascii_start().starts_with(b":");
                if let Some(Some(last)) = open.last_mut().filter(|_| begins && ends) {
                    *last = text;
                }
            }
            _ => {}
        }
        at += 1;
    }
    let names = open.into_iter().flatten().filter(|name| is_plain(name));
    let names: Vec<_> = names.map(String::from_utf8_lossy).collect();
    if names.is_empty() { ".".to_owned() } else { names.join(".") }
}

/// Whether it may be a field of this service.
fn is_plain(name: &[u8]) -> bool {
    (1..=32).contains(&name.len()) && name.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_')
}

/// What stands between this place and the next quote that is not escaped.
fn string_at(bytes: &[u8], start: usize) -> &[u8] {
    let mut end = start;
    while bytes.get(end).is_some_and(|byte| *byte != b'"') {
        end += if bytes[end] == b'\\' { 2 } else { 1 };
    }
    &bytes[start..end.min(bytes.len())]
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
            (r#"{"label": "hidden": 1}"#, "label"),
            (r#"{"label": "a" "hidden": 1}"#, "label"),
            (r#"{"cidrs": ["a", "hidden": 1]}"#, "cidrs"),
            (r#"{"canary.VALUE.x9": 1}"#, "."),
            ("{\"a\u{7}b\": 1}", "."),
        ] {
            assert_eq!(place::<RegisterRequest>(body), field, "{body}");
        }
        assert_eq!(place::<NewTrust>(r#"{"claims": {"repository": "o/r", "ref": 1}}"#), "claims.ref");
        assert_eq!(place::<NewTrust>(r#"{"claims": {"ref": "a"}, "scope": 1}"#), "claims");
    }
}
