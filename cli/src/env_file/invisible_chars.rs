//! Detection of characters in a `.env` that are invisible, or that look like others.
//!
//! Sources: Unicode 16, `DerivedCoreProperties.txt` (`Default_Ignorable_Code_Point`),
//! `UnicodeData.txt` (general category Cf); white space and controls are those of [`char`].

use capy_protocol::terminal_text::is_terminal_control;

use crate::error::AmbiguityKind;

/// Byte order mark, which some editors write in front of UTF-8.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';

/// The first invisible character, or carriage return without a newline, of an assignment up to the
/// end of its value, with its byte offset; `after` is the text that follows.
pub(super) fn find_in_value(text: &str, after: &str) -> Option<(usize, AmbiguityKind)> {
    let mut before = None;
    for (at, letter) in text.char_indices() {
        let joins =
            is_joiner(letter) && before.is_some_and(|before: char| !before.is_ascii() && !is_unseen(before));
        if !joins && is_unseen(letter) {
            return Some((at, kind(letter)));
        }
        if is_lone_return(letter, &text[at..], after) {
            return Some((at, AmbiguityKind::LoneCarriageReturn));
        }
        before = Some(letter);
    }
    None
}

/// The first character of a comment that ends the line for other readers, or that controls the
/// terminal, with its byte offset; `after` is the text that follows.
///
/// A comment may contain the blanks and joiners of any language: no value is read from them.
pub(super) fn find_in_comment(text: &str, after: &str) -> Option<(usize, AmbiguityKind)> {
    let is_odd = |letter: char| !matches!(letter, '\t' | '\r' | '\n') && is_terminal_control(letter);
    text.char_indices().find_map(|(at, letter)| {
        if is_lone_return(letter, &text[at..], after) {
            return Some((at, AmbiguityKind::LoneCarriageReturn));
        }
        is_odd(letter).then(|| (at, kind(letter)))
    })
}

fn kind(letter: char) -> AmbiguityKind {
    AmbiguityKind::Invisible(letter)
}

/// Whether a carriage return is followed by neither a newline nor the end of the file.
fn is_lone_return(letter: char, rest: &str, after: &str) -> bool {
    letter == '\r' && !matches!(rest[1..].chars().chain(after.chars()).next(), None | Some('\n'))
}

fn is_unseen(letter: char) -> bool {
    match letter {
        ' ' | '\t' | '\n' | '\r' => false,
        _ => letter.is_control() || letter.is_whitespace() || is_ignorable(letter) || is_format(letter),
    }
}

/// `Default_Ignorable_Code_Point`, and the braille blank (U+2800), which is invisible, too.
fn is_ignorable(letter: char) -> bool {
    matches!(
        letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// General category Cf, except for those of [`is_ignorable`].
fn is_format(letter: char) -> bool {
    matches!(
        letter,
        '\u{600}'..='\u{605}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}'
            | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
    )
}

/// Joiners and variation selectors. After a character of some languages, or an emoji, they are a
/// part of it.
fn is_joiner(letter: char) -> bool {
    matches!(letter, '\u{200c}' | '\u{200d}' | '\u{fe00}'..='\u{fe0f}')
}

/// Typographic quotes, and characters that look like a quote.
pub(super) fn is_typographic_quote(letter: char) -> bool {
    matches!(
        letter,
        '\u{ab}' | '\u{b4}' | '\u{bb}' | '\u{2018}'..='\u{201f}' | '\u{2032}'..='\u{2037}' | '\u{2039}'..='\u{203a}'
            | '\u{300c}'..='\u{300f}' | '\u{301d}'..='\u{301f}' | '\u{ff02}' | '\u{ff07}' | '\u{ff40}'
    )
}
