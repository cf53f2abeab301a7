//! Parses a request's query. As with a body, content that the route does not take is refused.

use std::fmt;

use crate::store::Cursor;

/// Why a query is refused. Names the parameter, never its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidQuery {
    /// Another parameter, a second one, or characters that occur in neither numbers nor cursors.
    #[error("the address may have one parameter, `{0}`")]
    Parameter(&'static str),
    /// Not a cursor that the service returned.
    #[error("the cursor is not one of this service")]
    Cursor,
    /// Not a number that the service assigns: those are below 2^53.
    #[error("{0} is not a number of this service")]
    Number(&'static str),
}

/// The value of the only parameter that a route takes.
///
/// # Errors
/// [`InvalidQuery::Parameter`].
pub fn only<'a>(query: Option<&'a str>, name: &'static str) -> Result<Option<&'a str>, InvalidQuery> {
    let Some(query) = query.filter(|query| !query.is_empty()) else {
        return Ok(None);
    };
    let value = query.split_once('=').filter(|(found, _)| *found == name).map(|(_, value)| value);
    let plain =
        |value: &&str| value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    value.filter(plain).map(Some).ok_or(InvalidQuery::Parameter(name))
}

/// The number in the only parameter that a route takes.
///
/// # Errors
/// [`InvalidQuery`].
pub fn number(query: Option<&str>, name: &'static str) -> Result<Option<u64>, InvalidQuery> {
    let parse =
        |text: &str| text.parse().ok().filter(|number| *number < 1 << 53).ok_or(InvalidQuery::Number(name));
    only(query, name)?.map(parse).transpose()
}

/// The cursor of a list whose entries have ids.
///
/// # Errors
/// [`InvalidQuery`].
pub fn cursor<I: fmt::Display, E>(
    query: Option<&str>,
    parse: impl FnOnce(&str) -> Result<I, E>,
) -> Result<Option<Cursor<I>>, InvalidQuery> {
    let Some(text) = only(query, "cursor")? else { return Ok(None) };
    Cursor::parse(text, parse).map(Some).ok_or(InvalidQuery::Cursor)
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
