//! Numbers, strings, templates and regular expressions.
//!
//! Owns where each of them ends, and whether the escapes in a text may hide a name. It refuses to undo an escape.

use memchr::memchr3;

use super::Doubt;
use super::lexer::{Kind, Lexer, Listener, Open, Token};
use crate::words::{self, is_part};

impl Lexer<'_> {
    pub(super) fn number(&mut self, listener: &mut impl Listener) -> Result<(), Doubt> {
        let start = self.at;
        self.fits_as_operand()?;
        while self.text.get(self.at).is_some_and(|byte| is_part(byte) || *byte == b'.') {
            self.at += 1;
        }
        let token = Token { kind: Kind::Literal, start, end: self.at };
        if token.end > listener.next() {
            listener.token(self, token)?;
        }
        self.set(Kind::Literal, start);
        Ok(())
    }

    /// A literal cannot follow a value on the same line.
    fn fits_as_operand(&self) -> Result<(), Doubt> {
        let fits = match self.before.kind {
            Kind::Start | Kind::Sign => self.sign_before() != b']' || self.line_ended,
            _ if self.line_ended => true,
            Kind::Word => words::goes_before_a_word(self.slice(self.before)),
            Kind::Property | Kind::Literal => false,
        };
        if fits { Ok(()) } else { Err(Doubt::Neighbours) }
    }

    pub(super) fn string(&mut self, quote: u8, listener: &mut impl Listener) -> Result<(), Doubt> {
        self.fits_as_operand()?;
        let start = self.at;
        let mut from = start + 1;
        let mut odd = false;
        loop {
            let at = from + memchr3(quote, b'\\', b'\n', &self.text[from..]).ok_or(Doubt::Literal)?;
            match self.text[at] {
                b'\\' => {
                    odd |= self.text.get(at + 1).is_some_and(|byte| is_odd_escape(*byte));
                    from = at + 2;
                }
                b'\n' => return Err(Doubt::Literal),
                _ => {
                    self.at = at + 1;
                    break;
                }
            }
            if from > self.text.len() {
                return Err(Doubt::Literal);
            }
        }
        if odd && spells(&self.text[start + 1..self.at - 1]).is_none_or(|word| listener.means(&word)) {
            return Err(Doubt::Escapes);
        }
        let token = Token { kind: Kind::Literal, start, end: self.at };
        if token.end > listener.next() {
            listener.token(self, token)?;
        }
        self.set(Kind::Literal, start);
        Ok(())
    }

    pub(super) fn template(&mut self, listener: &mut impl Listener) -> Result<(), Doubt> {
        let start = self.at;
        self.quasi(start, start + 1, listener)
    }

    /// The text of a template that began at `start`, from `from` to its end or to its next hole.
    pub(super) fn quasi(
        &mut self,
        start: usize,
        mut from: usize,
        listener: &mut impl Listener,
    ) -> Result<(), Doubt> {
        let first = from;
        let mut odd = false;
        loop {
            let rest = self.text.get(from..).ok_or(Doubt::Literal)?;
            let at = from + memchr3(b'`', b'\\', b'$', rest).ok_or(Doubt::Literal)?;
            match (self.text[at], self.text.get(at + 1)) {
                (b'`', _) => {
                    self.at = at + 1;
                    break;
                }
                (b'\\', next) => {
                    odd |= next.is_some_and(|byte| is_odd_escape(*byte));
                    from = at + 2;
                }
                (_, Some(b'{')) => {
                    self.at = at + 2;
                    self.open.push(Open::piece(start));
                    self.set(Kind::Sign, at + 1);
                    return Ok(());
                }
                _ => from = at + 1,
            }
        }
        let whole = first == start + 1;
        if odd && whole && spells(&self.text[first..self.at - 1]).is_none_or(|word| listener.means(&word)) {
            return Err(Doubt::Escapes);
        }
        let token = Token { kind: Kind::Literal, start, end: self.at };
        if whole && token.end > listener.next() {
            listener.token(self, token)?;
        }
        self.set(Kind::Literal, start);
        Ok(())
    }

    pub(super) fn regex(&mut self) -> Result<(), Doubt> {
        let start = self.at;
        let mut in_class = false;
        let mut at = start + 1;
        loop {
            match self.text.get(at) {
                None | Some(b'\n' | b'\r') => return Err(Doubt::Literal),
                Some(b'\\') => at += 1,
                Some(b'[') => in_class = true,
                Some(b']') => in_class = false,
                Some(b'/') if !in_class => break,
                Some(_) => {}
            }
            at += 1;
        }
        at += 1;
        while self.text.get(at).is_some_and(u8::is_ascii_lowercase) {
            at += 1;
        }
        self.at = at;
        self.set(Kind::Literal, start);
        Ok(())
    }
}

/// Escapes that may stand for a letter, a digit, or nothing at all.
fn is_odd_escape(byte: u8) -> bool {
    !matches!(
        byte,
        b'n' | b't'
            | b'r'
            | b'b'
            | b'f'
            | b'v'
            | b'\\'
            | b'\''
            | b'"'
            | b'`'
            | b'/'
            | b'{'
            | b'.'
            | b' '
            | b'-'
            | b'['
            | b']'
            | b'('
            | b')'
            | b'*'
            | b'+'
            | b'?'
            | b'|'
            | b'^'
    )
}

/// What a literal with such escapes is, as far as it can be a name; `None` where that is not known.
fn spells(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut word = Vec::new();
    let no_name = || Some(Vec::new());
    while let Some((first, rest)) = text.split_first() {
        let (byte, after) = match (first, rest) {
            (b'\\', [b'x', digits @ ..]) => code(digits, 2)?,
            (b'\\', [b'u', b'{', ..]) => return None,
            (b'\\', [b'u', digits @ ..]) => code(digits, 4)?,
            // The character zero, no octal number.
            (b'\\', [b'0']) => return no_name(),
            (b'\\', [b'0', after, ..]) if !after.is_ascii_digit() => return no_name(),
            (b'\\', [b'n' | b't' | b'r' | b'b' | b'f' | b'v', ..]) => return no_name(),
            // Ends of lines in a name are not worth undoing.
            (b'\\', [byte, after @ ..]) if byte.is_ascii_graphic() && !byte.is_ascii_digit() => {
                (*byte, after)
            }
            (b'\\', _) => return None,
            _ => (*first, rest),
        };
        if !is_part(&byte) && byte != b':' {
            return no_name();
        }
        word.push(byte);
        text = after;
    }
    Some(word)
}

/// Whether an escape in this text may stand for a letter, or for nothing.
pub(super) fn hides_letters(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        match rest.get(at + 1) {
            Some(byte) if !is_odd_escape(*byte) => rest = &rest[at + 2..],
            _ => return true,
        }
    }
    false
}

/// The character of so many hexadecimal digits; one beyond a byte is in no name.
fn code(digits: &[u8], length: usize) -> Option<(u8, &[u8])> {
    let text = std::str::from_utf8(digits.get(..length)?).ok()?;
    let code = u32::from_str_radix(text, 16).ok()?;
    Some((u8::try_from(code).unwrap_or_default(), &digits[length..]))
}
