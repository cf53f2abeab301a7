//! Finds the scripts inside an HTML page.
//!
//! Decides which elements browsers run, and which of those only carry a payload. Parses only as
//! much HTML as that requires: attributes with code are ignored, and a script inside a comment
//! counts as a script.

use memchr::memmem;

use super::super::search::PAYLOAD_CALLS;

const OPENING_TAG: &[u8] = b"<script";
const CLOSING_TAG: &[u8] = b"</script";

/// The text of each script, in order; an unclosed script extends to the end of the page.
pub(super) fn scripts(page: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = page;
    let elements = std::iter::from_fn(move || {
        let opened = after(rest, OPENING_TAG)?;
        let tag = &opened[..memchr::memchr(b'>', opened)?];
        let inside = opened.get(tag.len() + 1..)?;
        let end = after(inside, CLOSING_TAG)
            .map_or(inside.len(), |after| inside.len() - after.len() - CLOSING_TAG.len());
        rest = &inside[end..];
        Some((tag, &inside[..end]))
    });
    elements.filter(|(tag, script)| is_run(tag) && !is_payload(script)).map(|(_, script)| script)
}

/// The text after the next occurrence of a tag, ignoring case.
fn after<'t>(text: &'t [u8], tag: &[u8]) -> Option<&'t [u8]> {
    let is_here = |at: &usize| {
        let (found, next) = (text.get(*at..at + tag.len()), text.get(at + tag.len()));
        found.is_some_and(|found| found.eq_ignore_ascii_case(tag))
            && next.is_none_or(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))
    };
    let at = memchr::memchr_iter(b'<', text).find(is_here)?;
    Some(&text[at + tag.len()..])
}

/// Whether browsers run an element with these attributes; data has a type of its own.
fn is_run(attributes: &[u8]) -> bool {
    let attributes = attributes.to_ascii_lowercase();
    let mut types = memmem::find_iter(&attributes, b"type=");
    // Skips the end of `data-type`.
    let Some(at) = types.find(|at| at.checked_sub(1).is_some_and(|at| attributes[at].is_ascii_whitespace()))
    else {
        return true;
    };
    let value = attributes[at + b"type=".len()..].trim_ascii_start();
    let value = value.strip_prefix(b"\"").or_else(|| value.strip_prefix(b"'")).unwrap_or(value);
    let types: [&[u8]; 5] =
        [b"module", b"text/javascript", b"application/javascript", b"text/ecmascript", b"\""];
    types.iter().any(|run| value.starts_with(run))
}

/// Whether a script only pushes a framework's payload, which is text rather than a program.
fn is_payload(script: &[u8]) -> bool {
    PAYLOAD_CALLS.iter().any(|push| memmem::find(script, push).is_some())
}
