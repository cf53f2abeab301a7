//! Reads a request's body as JSON. Every fault is a 4xx, and no error repeats the content of the
//! body.

use capy_protocol::json::{self, FromJson, Json, ReadError};
use zeroize::Zeroizing;

use crate::error::ApiError;
use crate::future::{BoxFuture, MaybeSend};

/// The longest body, in bytes, unless a route sets another limit: several times the largest valid
/// request.
pub(crate) const BODY_MAX: usize = 8 * 1024;

/// A body that has not been read yet.
pub trait Body: MaybeSend {
    /// Reads all of the body: at most `max` bytes.
    fn read(self: Box<Self>, max: usize) -> BoxFuture<'static, Result<Vec<u8>, BodyFault>>;
}

/// Why a body cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BodyFault {
    /// The body is longer than the limit.
    TooLarge,
    /// The connection broke off before the end of the body.
    Broken,
}

/// Reads a body of `application/json`: 415 for another type, 413 over `max` bytes, 400 for invalid
/// JSON. The body may hold key material, so its bytes are zeroized. Boxed and not generic over the
/// type to parse: every handler's future would contain it otherwise.
pub(crate) fn read(
    content_type: Option<String>,
    body: Box<dyn Body>,
    max: usize,
) -> BoxFuture<'static, Result<Json, ApiError>> {
    Box::pin(async move {
        if !content_type.is_some_and(|content_type| is_json(&content_type)) {
            return Err(ApiError::UnsupportedMediaType);
        }
        let bytes = body.read(max).await.map(Zeroizing::new).map_err(|fault| match fault {
            BodyFault::TooLarge => ApiError::PayloadTooLarge,
            BodyFault::Broken => ApiError::BadRequest("the body could not be read to its end".into()),
        })?;
        json::read(&bytes).map_err(bad_request)
    })
}

/// Parses what a route takes: 400 for anything else.
pub(crate) fn parse<T: FromJson>(json: Json) -> Result<T, ApiError> {
    T::from_json(json).map_err(|invalid| bad_request(invalid.into()))
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next();
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

/// Names only the position of a fault, never the content, which may be a secret value.
fn bad_request(fault: ReadError) -> ApiError {
    let text = match fault {
        ReadError::Syntax { line, column } => {
            format!("the body is not JSON that this service reads (line {line}, column {column})")
        }
        ReadError::InvalidField(path) => format!("the body is not what this route takes, at `{path}`"),
    };
    ApiError::BadRequest(text.into())
}

#[cfg(test)]
mod tests {
    use capy_protocol::api::RegisterRequest;
    use capy_protocol::api::trusts::NewTrust;

    use super::*;

    fn refusal<T: FromJson>(body: &str) -> String {
        let read = json::read(body.as_bytes()).map_err(bad_request).and_then(parse::<T>);
        let Err(ApiError::BadRequest(text)) = read else { panic!("{body} is one") };
        text.into_owned()
    }

    #[test]
    fn an_error_names_the_field_it_is_about() {
        for (body, field) in [
            (r#"{"deploy_id": 1}"#, "deploy_id"),
            (r#"{"label": "\"x\": {", "project_id": 1}"#, "deploy_id"),
            ("[]", "."),
            (r#"{"canary.VALUE.x9": 1}"#, "deploy_id"),
        ] {
            let expected = format!("the body is not what this route takes, at `{field}`");
            assert_eq!(refusal::<RegisterRequest>(body), expected, "{body}");
        }
        let body = r#"{"issuer": "", "audience": "", "claims": {"repository": "o/r", "ref": 1}}"#;
        assert!(refusal::<NewTrust>(body).ends_with("at `claims.ref`"));
    }

    #[test]
    fn what_is_no_json_is_told_by_its_place_alone() {
        for (body, place) in [
            ("", "line 1, column 1"),
            ("{", "line 1, column 2"),
            ("{\"label\":\n canary.VALUE.x9}", "line 2, column 2"),
            ("{} {}", "line 1, column 4"),
            (r#"{"label": 1, "label": 2}"#, "line 1, column 14"),
        ] {
            assert_eq!(
                refusal::<RegisterRequest>(body),
                format!("the body is not JSON that this service reads ({place})"),
                "{body}"
            );
        }
    }
}
