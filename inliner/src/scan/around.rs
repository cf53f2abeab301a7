//! What stands before and after a word that matters.
//!
//! Owns looking at a few tokens around the lexer's place: the property that is taken, whether something is assigned, whose
//! argument it is. It refuses computed keys and escapes.

use super::Doubt;
use super::lexer::{Kind, Lexer};
use crate::words::{self, is_part};

/// What follows an object.
pub(super) enum Next<'t> {
    /// A property by name: where it is written, and where the expression ends.
    Named { name: &'t [u8], at: usize, end: usize },
    /// `[` of a computed key.
    Computed { at: usize },
    /// Neither; where the next token begins.
    Nothing(Option<usize>),
}

/// Whether the word before is this keyword.
pub(super) fn is_after(lexer: &Lexer<'_>, keyword: &[u8]) -> bool {
    lexer.before.kind == Kind::Word && lexer.slice(lexer.before) == keyword
}

/// Whether the value is only asked about: `typeof`, `"name" in`, a comparison.
pub(super) fn is_only_asked(lexer: &Lexer<'_>, after: Option<usize>) -> bool {
    let before = &lexer.text[..lexer.before.end];
    let rest = after.map_or(&[][..], |at| &lexer.text[at..]);
    [&b"typeof"[..], b"in", b"instanceof"].iter().any(|word| is_after(lexer, word))
        || lexer.before.kind == Kind::Sign && (before.ends_with(b"==") || before.ends_with(b"!="))
        || rest.starts_with(b"==")
        || rest.starts_with(b"!=")
}

/// Whether the innermost bracket is the parenthesis of a plain call that does not write its first argument.
pub(super) fn is_argument(lexer: &Lexer<'_>) -> bool {
    let Some(open) = lexer.open.last().filter(|open| open.byte == b'(') else { return false };
    let callee = lexer.slice(open.before);
    match open.before.kind {
        Kind::Word => !words::is_no_callee(callee),
        Kind::Property => {
            let writes = [&b"assign"[..], b"defineProperties", b"defineProperty", b"set", b"deleteProperty"];
            !writes.contains(&callee) || lexer.sign_before() == b','
        }
        _ => false,
    }
}

/// Whether the innermost bracket is that of `if (…)` and the like.
pub(super) fn is_tested(lexer: &Lexer<'_>) -> bool {
    lexer.open.last().is_some_and(|open| {
        open.byte == b'(' && open.before.kind == Kind::Word && words::has_a_head(lexer.slice(open.before))
    })
}

/// The property that is taken from what ends at `at`.
pub(super) fn next<'t>(lexer: &Lexer<'t>, at: usize) -> Result<Next<'t>, Doubt> {
    let text = lexer.text;
    let Some(at) = lexer.skip(at) else { return Ok(Next::Nothing(None)) };
    let rest = &text[at..];
    let dotted = match rest {
        [b'?', b'.', digit, ..] if digit.is_ascii_digit() => return Ok(Next::Nothing(Some(at))),
        [b'?', b'.', ..] => Some(at + 2),
        [b'.', ..] => Some(at + 1),
        _ => None,
    };
    let name = match dotted {
        Some(point) => lexer.skip(point).ok_or(Doubt::Process)?,
        None if rest[0] == b'[' => at,
        None => return Ok(Next::Nothing(Some(at))),
    };
    if text[name] == b'[' {
        return key_in_brackets(lexer, name);
    }
    let length = text[name..].iter().take_while(|byte| is_part(byte)).count();
    let end = name + length;
    match text.get(end) {
        Some(byte) if *byte == b'\\' || !byte.is_ascii() => Err(Doubt::Letters),
        _ if length == 0 => Err(Doubt::Process),
        _ => Ok(Next::Named { name: &text[name..end], at: name, end }),
    }
}

/// Only a whole literal without an escape is a name.
fn key_in_brackets<'t>(lexer: &Lexer<'t>, at: usize) -> Result<Next<'t>, Doubt> {
    let text = lexer.text;
    let key = lexer.skip(at + 1).ok_or(Doubt::Key)?;
    let quote = text[key];
    if !matches!(quote, b'"' | b'\'' | b'`') {
        return Ok(Next::Computed { at });
    }
    let from = key + 1;
    let end = from + memchr::memchr3(quote, b'\\', b'$', &text[from..]).ok_or(Doubt::Literal)?;
    match lexer.skip(end + 1) {
        Some(close) if text[end] == quote && text[close] == b']' => {
            Ok(Next::Named { name: &text[from..end], at, end: close + 1 })
        }
        _ => Err(Doubt::Key),
    }
}

/// Whether what stands before `at` is assigned, updated, or the head of a loop.
pub(super) fn is_written(lexer: &Lexer<'_>, at: Option<usize>) -> bool {
    let Some(at) = at else { return false };
    match &lexer.text[at..] {
        [b'=', b'=' | b'>', ..] => false,
        [b'=', ..] | [b'+', b'+' | b'=', ..] | [b'-', b'-' | b'=', ..] => true,
        [b'*' | b'/' | b'%' | b'&' | b'|' | b'^', b'=', ..] => true,
        [b'*', b'*', b'=', ..] | [b'&', b'&', b'=', ..] | [b'|', b'|', b'=', ..] | [b'?', b'?', b'=', ..] => {
            true
        }
        [b'<', b'<', b'=', ..] | [b'>', b'>', b'=', ..] | [b'>', b'>', b'>', b'=', ..] => true,
        [b'o', b'f', rest @ ..] | [b'i', b'n', rest @ ..] => !rest.first().is_some_and(is_part),
        _ => false,
    }
}

/// Whether the value goes to `something.name`, `something[key]` or `exports`: another file may take it from there.
pub(super) fn is_put_into_a_property(lexer: &Lexer<'_>) -> bool {
    let Some(before) = lexer.text[..lexer.before.end].strip_suffix(b"=") else { return false };
    let before = before.trim_ascii_end();
    if before.ends_with(b"}") {
        let is_declared = words::declares(lexer.slice(lexer.last.before));
        return !is_declared || lexer.last.byte != b'{';
    }
    let (rest, name) = split_last_word(before);
    let rest = rest.trim_ascii_end();
    name.is_empty() || name == b"exports" || rest.ends_with(b".")
}

/// A longer list of declarations is looked at no further than to the name.
const LONGEST_LIST: usize = 1 << 12;

/// A name that is declared with the value that begins here.
pub(super) struct DeclaredName<'t> {
    pub(super) name: &'t [u8],
    /// Bound in the whole function.
    pub(super) is_var: bool,
}

/// `const name = …`, alone or later in a list on one line.
pub(super) fn declared_name<'t>(lexer: &Lexer<'t>) -> Option<DeclaredName<'t>> {
    let before = lexer.text[..lexer.before.end].strip_suffix(b"=")?.trim_ascii_end();
    let (before, name) = split_last_word(before);
    let before = before.trim_ascii_end();
    // A statement may be the whole file.
    let list = before.get(lexer.statement()..).filter(|list| list.len() <= LONGEST_LIST);
    let list = list.unwrap_or_default().trim_ascii_start();
    let word = list.iter().take_while(|byte| is_part(byte)).count();
    let (keyword, rest) = list.split_at(word);
    let is_list = rest.is_empty() || rest.ends_with(b",");
    let is_declared = words::declares(keyword) && is_list && memchr::memchr2(b'\n', b'\r', list).is_none();
    // Where a statement began is not known without its semicolon.
    let alone = || match split_last_word(before) {
        (rest, word) if words::declares(word) && !rest.ends_with(b".") => Some(word),
        _ => None,
    };
    let keyword = if is_declared { keyword } else { alone()? };
    (!name.is_empty()).then_some(DeclaredName { name, is_var: keyword == b"var" })
}

fn split_last_word(text: &[u8]) -> (&[u8], &[u8]) {
    let length = text.iter().rev().take_while(|byte| is_part(byte)).count();
    text.split_at(text.len() - length)
}

/// Whether nothing but the truth of the value is asked: it goes before `&&` and nothing binds it to what stands before, or
/// it comes after `!`.
pub(super) fn is_only_tested(lexer: &Lexer<'_>, after: Option<usize>) -> bool {
    let before = &lexer.text[..lexer.before.end];
    let is_first = match lexer.before.kind {
        Kind::Start => true,
        Kind::Word => is_after(lexer, b"return"),
        Kind::Sign => match before {
            [.., b'&', b'&'] | [.., b'|', b'|'] | [.., b'=', b'>'] => true,
            [.., first, b'='] => !b"=!<>".contains(first),
            [.., b'(' | b',' | b';' | b'{' | b'[' | b'?' | b':'] => true,
            _ => false,
        },
        Kind::Property | Kind::Literal => false,
    };
    let rest = after.map_or(&[][..], |at| &lexer.text[at..]);
    let is_left = rest.starts_with(b"&&") && !rest.starts_with(b"&&=");
    lexer.sign_before() == b'!' || is_first && is_left
}

/// The key of an object that is written out, or of a pattern: `{ … , key: …`.
pub(super) fn is_key(lexer: &Lexer<'_>, after: Option<usize>) -> bool {
    matches!(lexer.sign_before(), b'{' | b',')
        && lexer.open.last().is_some_and(|open| open.byte == b'{')
        && after.is_some_and(|at| lexer.text[at] == b':')
}

/// Whether the parenthesis that was closed last belongs to a method: what is around it is a class or an object, for certain.
pub(super) fn is_method(lexer: &Lexer<'_>) -> bool {
    let Some(open) = lexer.open.last().filter(|open| open.byte == b'{') else { return false };
    // After a line's end a brace may begin a block, whatever stands before.
    let is_beside = lexer.text[open.before.end..open.at].iter().all(|byte| *byte == b' ');
    match open.before.kind {
        Kind::Word => {
            let word = lexer.slice(open.before);
            // `catch` may do without its parenthesis.
            is_beside && !words::begins_a_block(word) && !words::has_a_head(word)
        }
        Kind::Property => is_beside,
        Kind::Sign => matches!(lexer.slice(open.before), b"=" | b"(" | b"," | b"["),
        Kind::Start | Kind::Literal => false,
    }
}

/// Whether a text is one of several in a list, the value of a key that is written out, or a case: nobody asks for a module so.
pub(super) fn is_listed(lexer: &Lexer<'_>) -> bool {
    let Some(open) = lexer.open.last() else { return false };
    let (before, after) = (lexer.sign_before(), lexer.skip(lexer.at).map_or(0, |at| lexer.text[at]));
    match open.byte {
        b'{' if is_after(lexer, b"case") => after == b':',
        b'[' => matches!((before, after), (b',', b',' | b']') | (b'[', b',')),
        b'{' => before == b':' && matches!(after, b',' | b'}'),
        _ => false,
    }
}

/// Whether the name is ever followed by `=`: a declaration or an assignment may give it a text.
pub(super) fn is_ever_assigned(text: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find_iter(text, name).any(|at| {
        let end = at + name.len();
        let is_whole = !text[..at].last().is_some_and(is_part) && !text.get(end).is_some_and(is_part);
        let rest = text[end..].trim_ascii_start();
        // A comment may hide the sign.
        let gives = rest.starts_with(b"=") && !rest.starts_with(b"==") && !rest.starts_with(b"=>");
        is_whole && (gives || rest.starts_with(b"/"))
    })
}
