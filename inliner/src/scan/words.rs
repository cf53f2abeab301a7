//! What the language's own words say about the token after them.

/// A word or a literal may follow on the same line.
pub(super) fn goes_before_a_word(word: &[u8]) -> bool {
    matches!(
        word,
        b"var"
            | b"let"
            | b"const"
            | b"function"
            | b"return"
            | b"new"
            | b"typeof"
            | b"class"
            | b"extends"
            | b"else"
            | b"case"
            | b"throw"
            | b"in"
            | b"of"
            | b"instanceof"
            | b"void"
            | b"delete"
            | b"await"
            | b"yield"
            | b"async"
            | b"static"
            | b"get"
            | b"set"
            | b"import"
            | b"export"
            | b"default"
            | b"from"
            | b"as"
            | b"do"
            | b"break"
            | b"continue"
            | b"for"
            | b"using"
    )
}

/// The word may follow a value on the same line.
pub(super) fn goes_after_a_value(word: &[u8]) -> bool {
    matches!(word, b"in" | b"instanceof" | b"of" | b"as" | b"from" | b"extends" | b"with")
}

/// `if (…)` and the like: what follows the parenthesis is a statement.
pub(super) fn has_a_head(word: &[u8]) -> bool {
    matches!(word, b"if" | b"for" | b"while" | b"with" | b"switch" | b"catch")
}

/// What declares a variable.
pub(super) fn declares(word: &[u8]) -> bool {
    matches!(word, b"const" | b"let" | b"var")
}

pub(super) fn begins_a_block(word: &[u8]) -> bool {
    matches!(word, b"else" | b"do" | b"try" | b"finally")
}

/// Whether a `/` after the word divides; `None` where the word may be a name or not.
pub(super) fn divides_after(word: &[u8]) -> Option<bool> {
    match word {
        b"return" | b"typeof" | b"case" | b"in" | b"delete" | b"void" | b"throw" | b"new" | b"instanceof"
        | b"do" | b"else" | b"default" | b"extends" => Some(false),
        b"of" | b"yield" | b"await" | b"let" | b"async" | b"static" | b"get" | b"set" | b"as" | b"from"
        // A line's end after these is a statement's.
        | b"break" | b"continue" | b"debugger" => None,
        _ => Some(true),
    }
}

/// Words before a parenthesis that is no call's, or no plain one.
pub(super) fn is_no_callee(word: &[u8]) -> bool {
    has_a_head(word)
        || goes_before_a_word(word)
        || begins_a_block(word)
        || matches!(word, b"super" | b"this" | b"null" | b"true" | b"false")
}
