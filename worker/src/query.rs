//! Parses a request's query. As with a body, content that the route does not take is refused.

use std::fmt;

use crate::error::ApiError;
use crate::store::page::Cursor;

/// The value of the only parameter that a route takes: 400 for another parameter, for a second one,
/// and for characters that occur in neither numbers nor cursors.
pub(crate) fn only<'a>(query: Option<&'a str>, name: &str) -> Result<Option<&'a str>, ApiError> {
    let Some(query) = query.filter(|query| !query.is_empty()) else {
        return Ok(None);
    };
    let value = query.split_once('=').filter(|(found, _)| *found == name).map(|(_, value)| value);
    let plain =
        |value: &&str| value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    match value.filter(plain) {
        Some(value) => Ok(Some(value)),
        None => Err(ApiError::BadRequest(format!("the address may have one parameter, `{name}`").into())),
    }
}

/// The cursor of a list whose entries have ids: 400 when it is malformed.
pub(crate) fn cursor<I: fmt::Display, E>(
    query: Option<&str>,
    parse: impl FnOnce(&str) -> Result<I, E>,
) -> Result<Option<Cursor<I>>, ApiError> {
    let Some(text) = only(query, "cursor")? else { return Ok(None) };
    let unfit = || ApiError::BadRequest("the cursor is not one of this service".into());
    Cursor::parse(text, parse).map(Some).ok_or_else(unfit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_parameter_is_taken_and_nothing_else() {
        let read = |query| only(query, "cursor").ok();
        assert_eq!(read(None), Some(None));
        assert_eq!(read(Some("")), Some(None));
        assert_eq!(read(Some("cursor=12-ab")), Some(Some("12-ab")));
        for bad in ["x=1", "cursor", "cursor=1&cursor=2", "cursor=%31", "cursor=1&x=2", "curso=1"] {
            assert_eq!(read(Some(bad)), None, "{bad}");
        }
    }
}
