//! The functions that the inliner appends to a bundle.
//!
//! Places them before a `//# sourceMappingURL=` line, and finds them in a bundle that was inlined
//! before. Does not check whether the values in them are still right: it returns the functions as
//! text.

use memchr::memmem;

const MARK: &str = "/* capy-inline 1 */\n";
const PRAGMAS: [&str; 4] =
    ["//# sourceMappingURL=", "//@ sourceMappingURL=", "//# debugId=", "//# sourceURL="];

const NAMES_A_MAP: &str = "sourceMappingURL=";

/// A bundle in three parts: its own code, the appended functions, and the pragma comments that
/// tools expect at the very end.
pub(crate) struct Parts<'a> {
    pub(crate) body: &'a str,
    pub(crate) functions: Vec<&'a str>,
    pub(crate) trailer: &'a str,
}

/// Whether this text was inlined before.
pub(crate) fn is_inlined(source: &str) -> bool {
    memmem::find(source.as_bytes(), MARK.as_bytes()).is_some()
}

/// Offset of the last occurrence of `needle`. A forward search is far faster, also in a line of
/// megabytes.
fn last(text: &[u8], needle: &str) -> Option<usize> {
    memmem::find_iter(text, needle).last()
}

/// The bytes before the appended lines.
pub(crate) fn body(source: &[u8]) -> &[u8] {
    &source[..last(source, MARK).unwrap_or(source.len())]
}

/// Splits a bundle. `None` if the mark is there, but what follows it is not what the inliner
/// writes.
pub(crate) fn split(source: &str) -> Option<Parts<'_>> {
    match last(source.as_bytes(), MARK) {
        None => Some(split_new(source)),
        Some(mark) => {
            let (functions, trailer) = functions(&source[mark + MARK.len()..])?;
            Some(Parts { body: &source[..mark], functions, trailer })
        }
    }
}

/// Splits a bundle without the mark.
pub(crate) fn split_new(source: &str) -> Parts<'_> {
    let end = trailer_start(source);
    Parts { body: &source[..end], functions: Vec::new(), trailer: &source[end..] }
}

/// Assembles a bundle.
///
/// Takes the body in pieces and returns the bundle in pieces, since nothing needs it as one string.
pub(crate) fn join<'a>(
    mut body: Vec<&'a str>,
    functions: impl Iterator<Item = &'a str>,
    trailer: &'a str,
) -> Vec<&'a str> {
    if body.iter().rfind(|piece| !piece.is_empty()).is_some_and(|last| !last.ends_with('\n')) {
        body.push("\n");
    }
    body.push(MARK);
    body.extend(functions);
    body.push(trailer);
    body
}

fn functions(mut text: &str) -> Option<(Vec<&str>, &str)> {
    let mut functions = Vec::new();
    while text.starts_with("function ") {
        let first = text.find('\n')? + 1;
        let end = if text[..first].ends_with("{return(\n") {
            let value = first + text[first..].find('\n')? + 1;
            value + text[value..].starts_with(")}\n").then_some(3)?
        } else {
            first
        };
        functions.push(&text[..end]);
        text = &text[end..];
    }
    let only_comments = text.lines().all(|line| line.trim().is_empty() || line.starts_with("//"));
    only_comments.then_some((functions, text))
}

/// Offset where the trailing pragma comments start: on lines of their own, or after the last code.
fn trailer_start(source: &str) -> usize {
    let mut end = source.len();
    loop {
        let text = source[..end].trim_end_matches(['\n', '\r', ' ', '\t']);
        let line = text.rfind('\n').map_or(0, |at| at + 1);
        match PRAGMAS.iter().filter_map(|pragma| last(&text.as_bytes()[line..], pragma)).max() {
            // On a line of its own, or after code on the same line.
            Some(at) if text[line..line + at].trim().is_empty() => end = line,
            Some(at) if is_last_word(&text[line + at..]) => return line + at,
            _ => return end,
        }
    }
}

/// Whether this is a pragma: its value has no spaces and no quotes, unlike text in a string
/// literal.
fn is_last_word(pragma: &str) -> bool {
    !pragma[2..].trim_start_matches(['#', '@']).trim().contains([' ', '"', '\'', '`', '\\', '*'])
}

/// The URL in the last `sourceMappingURL` comment.
pub(crate) fn map_url(trailer: &str) -> Option<&str> {
    let mut pragmas = trailer.lines().rev().filter_map(|line| line.trim_start().split_once(NAMES_A_MAP));
    pragmas.find_map(|(comment, url)| matches!(comment, "//# " | "//@ ").then_some(url.trim()))
}

/// The URL in the last such comment near the end of a bundle, whatever follows it.
pub(crate) fn nearby_map_url(source: &str) -> Option<&str> {
    const NEAR: usize = 4096;
    let near = &source[source.ceil_char_boundary(source.len().saturating_sub(NEAR))..];
    map_comments(near).last()
}

/// Whether a bundle's own code contains such a comment, which is followed by more than pragma
/// comments.
pub(crate) fn names_a_map(body: &str) -> bool {
    map_comments(body).next().is_some()
}

/// The URLs in such comments; text in a string literal contains a quote or an escape instead.
fn map_comments(text: &str) -> impl Iterator<Item = &str> {
    memmem::find_iter(text.as_bytes(), NAMES_A_MAP.as_bytes()).filter_map(|at| {
        let before = text[..at].trim_end_matches([' ', '\t']);
        let is_comment = ["//#", "//@", "/*#", "/*@"].iter().any(|start| before.ends_with(start));
        let url = text[at + NAMES_A_MAP.len()..].trim_start_matches([' ', '\t']);
        let url = url.split(|letter: char| letter.is_whitespace() || letter == '*').next()?;
        (is_comment && !url.is_empty() && !url.contains(['"', '\'', '`', '\\', '$'])).then_some(url)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn functions() -> Vec<String> {
        vec!["function f(){return(\n\"v\"\n)}\n".to_owned(), "function g(){return{a:f()}}\n".to_owned()]
    }

    #[test]
    fn our_lines_go_before_the_source_map_comment() {
        for (source, expected_body, expected_trailer) in [
            ("a();\n//# sourceMappingURL=a.js.map", "a();\n", "//# sourceMappingURL=a.js.map"),
            ("a();\n//# sourceMappingURL=a.js.map\n", "a();\n", "//# sourceMappingURL=a.js.map\n"),
            ("a();//# sourceMappingURL=a.js.map\n", "a();", "//# sourceMappingURL=a.js.map\n"),
            (
                "a();\n\n//# debugId=1\n//# sourceMappingURL=x\n",
                "a();\n\n",
                "//# debugId=1\n//# sourceMappingURL=x\n",
            ),
            ("a()", "a()", ""),
            ("a('//# sourceMappingURL=b')", "a('//# sourceMappingURL=b')", ""),
        ] {
            let parts = split(source).unwrap();
            assert_eq!((parts.body, parts.trailer), (expected_body, expected_trailer), "{source}");
        }
    }

    #[test]
    fn what_was_joined_can_be_split() {
        let join = |body| {
            let functions = functions();
            join(vec![body, ""], functions.iter().map(String::as_str), "//# sourceMappingURL=a.js.map\n")
                .concat()
        };
        let joined = join("a()");
        let parts = split(&joined).unwrap();
        assert_eq!(parts.body, "a()\n");
        assert_eq!(parts.functions, functions());
        assert_eq!(map_url(parts.trailer), Some("a.js.map"));
        assert_eq!(join(parts.body), joined);
    }

    #[test]
    fn code_after_our_mark_is_not_ours() {
        assert!(split("a()\n/* capy-inline 1 */\nfunction f(){return(\n\"v\"\n)}\nb()\n").is_none());
    }
}
